package report

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/report/scene"
)

// edge is what passed between two nodes during the run.
type edge struct {
	from, to string
	bytes    float64 // per second on average
	faulted  bool
	declared bool
}

// topology draws the nodes from those who ask to those who answer, and the links with what passed over them on average.
func topology(run record.Record) *scene.Scene {
	nodes, edges := gather(run)
	if len(nodes) == 0 {
		return timeChart("Topology", run, nil, plain, false, 1)
	}
	layers := layered(slices.Sorted(maps.Keys(nodes)), edges)
	const boxWidth, boxHeight, gap, across = 128.0, 40.0, 18.0, 96.0
	tallest := 0
	for _, layer := range layers {
		tallest = max(tallest, len(layer))
	}
	height := 40 + float64(tallest)*(boxHeight+gap)
	s := scene.New(max(chartWidth, 20+float64(len(layers))*(boxWidth+across)), height, "Topology")
	s.Bold(scene.Point{X: 0, Y: 14}, "Topology (average over the run)", 13, scene.Ink, scene.Start)
	place := map[string]scene.Point{}
	for i, layer := range layers {
		top := 30 + (float64(tallest-len(layer))*(boxHeight+gap))/2
		for j, name := range layer {
			place[name] = scene.Point{X: 10 + float64(i)*(boxWidth+across), Y: top + float64(j)*(boxHeight+gap)}
		}
	}
	most := 1.0
	for _, e := range edges {
		most = max(most, e.bytes)
	}
	for _, e := range edges {
		a, b := place[e.from], place[e.to]
		from := scene.Point{X: a.X + boxWidth, Y: a.Y + boxHeight/2}
		to := scene.Point{X: b.X, Y: b.Y + boxHeight/2}
		if b.X <= a.X { // backwards, or within a layer: around below
			from, to = scene.Point{X: a.X + boxWidth/2, Y: a.Y + boxHeight}, scene.Point{X: b.X + boxWidth/2, Y: b.Y + boxHeight}
		}
		style := scene.Style{Stroke: scene.Series1, Width: 1 + 3*math.Sqrt(e.bytes/most)}
		switch {
		case e.faulted:
			style.Stroke = scene.Fault
		case e.bytes == 0:
			style.Stroke, style.Dashed = scene.Faint, true
		}
		s.Line(curve(from, to), style)
		if e.bytes > 0 { // towards the one that answers, where links that leave one node are apart
			words, at := perSecondBytes(e.bytes), curve(from, to)[17]
			width := float64(len([]rune(words))) * 5.6
			s.Box(at.X-width/2, at.Y-6, width, 12, scene.Style{Fill: scene.Paper}, "")
			s.Text(scene.Point{X: at.X, Y: at.Y + 3.5}, words, 10, scene.Faint, scene.Middle)
		}
	}
	for name, n := range nodes {
		p := place[name]
		stroke := scene.Ink
		if n.Phase != engine.PhaseRunning && n.Health != telemetry.HealthCompleted || n.Health == telemetry.HealthDown || n.Health == telemetry.HealthFailing {
			stroke = scene.Bad
		}
		s.Box(p.X, p.Y, boxWidth, boxHeight, scene.Style{Fill: scene.Paper, Stroke: stroke, Width: 1.2, Round: 5}, string(n.Phase))
		s.Bold(scene.Point{X: p.X + boxWidth/2, Y: p.Y + 17}, name, 11.5, scene.Ink, scene.Middle)
		words := cmp.Or(n.Role, n.Kind)
		if n.Role != "" && n.Kind != "" && n.Role != n.Kind && n.Kind != name {
			words = n.Role + " · " + n.Kind
		}
		s.Text(scene.Point{X: p.X + boxWidth/2, Y: p.Y + 32}, words, 10, scene.Faint, scene.Middle)
	}
	return s
}

// curve is a line that leaves and arrives level.
func curve(a, b scene.Point) []scene.Point {
	var points []scene.Point
	const pieces = 24
	for i := range pieces + 1 {
		t := float64(i) / pieces
		bend := t * t * (3 - 2*t)
		points = append(points, scene.Point{X: a.X + (b.X-a.X)*t, Y: a.Y + (b.Y-a.Y)*bend})
	}
	return points
}

func gather(run record.Record) (map[string]telemetry.Node, []edge) {
	type pair struct{ from, to string }
	nodes := map[string]telemetry.Node{}
	all := map[pair]*edge{}
	for _, s := range run.Snapshots {
		for _, n := range s.Nodes {
			nodes[n.Name] = n
		}
		for _, l := range s.Links {
			for _, name := range []string{l.From, l.To} {
				if _, known := nodes[name]; !known {
					nodes[name] = telemetry.Node{Name: name, Phase: engine.PhaseRunning, Kind: "outside"}
				}
			}
			e := all[pair{l.From, l.To}]
			if e == nil {
				e = &edge{from: l.From, to: l.To}
				all[pair{l.From, l.To}] = e
			}
			e.bytes += (l.Forward.BytesPerSecond + l.Backward.BytesPerSecond) / float64(len(run.Snapshots))
			e.faulted = e.faulted || len(l.Faults) > 0
			e.declared = e.declared || l.Declared
		}
	}
	edges := make([]edge, 0, len(all))
	for _, e := range all {
		edges = append(edges, *e)
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	return nodes, edges
}

// layered puts each node one layer behind those that ask it; a circle is cut where it closes. Within a layer nodes stand near
// those that they talk to.
func layered(names []string, edges []edge) [][]string {
	depth := map[string]int{}
	asked := map[string][]string{}
	for _, e := range edges {
		if e.from != e.to {
			asked[e.from] = append(asked[e.from], e.to)
		}
	}
	var visit func(name string, at int, path map[string]bool)
	visit = func(name string, at int, path map[string]bool) {
		if path[name] || (at <= depth[name] && at > 0) {
			return
		}
		depth[name] = max(depth[name], at)
		path[name] = true
		for _, next := range asked[name] {
			visit(next, at+1, path)
		}
		delete(path, name)
	}
	for _, name := range names {
		visit(name, 0, map[string]bool{})
	}
	deepest := 0
	for _, d := range depth {
		deepest = max(deepest, d)
	}
	layers := make([][]string, deepest+1)
	for _, name := range names {
		layers[depth[name]] = append(layers[depth[name]], name)
	}
	layers = slices.DeleteFunc(layers, func(l []string) bool { return len(l) == 0 })
	place := map[string]float64{}
	for _, layer := range layers {
		for i, name := range layer {
			place[name] = float64(i) - float64(len(layer))/2
		}
	}
	for _, layer := range layers {
		middle := map[string]float64{}
		for _, name := range layer {
			sum, n := 0.0, 0.0
			for _, e := range edges {
				if e.to == name {
					sum, n = sum+place[e.from], n+1
				}
			}
			middle[name] = place[name]
			if n > 0 {
				middle[name] = sum / n
			}
		}
		slices.SortStableFunc(layer, func(a, b string) int { return cmp.Or(cmp.Compare(middle[a], middle[b]), cmp.Compare(a, b)) })
		for i, name := range layer {
			place[name] = float64(i) - float64(len(layer))/2
		}
	}
	return layers
}
