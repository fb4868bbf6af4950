package topology

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/layout"
)

// item is one box: a node, or a service whose replicas are folded into one.
type item struct {
	id      string // the node's name, or the service with foldSuffix
	members []*node
}

// foldSuffix ends the ID of a folded service; no name of a container ends like this.
const foldSuffix = "/*"

func (it *item) folded() bool { return len(it.members) > 1 }

// size is a level of detail.
type size struct {
	height, label int
	least, most   int // width
}

// sizes are the levels of detail, the richest first: by width, and for each width by height.
var sizes = func() (out []size) {
	for _, wide := range []size{
		{label: 15, least: 24, most: 30}, {label: 15, least: 20, most: 26}, {label: 8, least: 20, most: 24}, {label: 8, least: 18, most: 22},
		{label: 7, least: 15, most: 18}, {label: 6, least: 12, most: 16}, {label: 0, least: 12, most: 16},
	} {
		for height := tallest; height >= 3; height-- {
			wide.height = height
			out = append(out, wide)
		}
	}
	return append(out, size{height: 1, label: 8, least: 12, most: 20}, size{height: 1, label: 0, least: 10, most: 15})
}()

// tallest is the height of the richest box: three lines of figures and a sparkline between its edges.
const tallest = 6

// widestRowGap is how many rows are left between boxes where there is room.
const widestRowGap = 2

// scene is a layout with what it was made from.
type scene struct {
	plan   layout.Plan
	items  []*item
	byID   map[string]int // of boxes
	size   size
	level  int
	routes []*bundle // as plan.Routes
	folds  map[string]bool
}

// bundle is the links that one route stands for.
type bundle struct {
	links    []*link
	from, to int // items
}

type sceneKey struct {
	version, w, h, zoom, folds int
}

// build finds the richest level of detail that fits, folding the services with most replicas where nothing does.
func (m *Memory) build(w, h, zoom int, forced map[string]bool) *scene {
	folds := map[string]bool{}
	for service, folded := range forced {
		if folded {
			folds[service] = true
		}
	}
	for {
		d := m.draft(folds)
		for level := range sizes {
			if s, ok := d.fitting(level, w, h); ok {
				return d.zoomed(s, zoom, w, h)
			}
		}
		service := m.largest(folds, forced)
		if service == "" {
			return d.zoomed(d.scene(len(sizes)-1, 0, w, h), zoom, w, h)
		}
		folds[service] = true
	}
}

// draft is what all levels of detail have in common.
type draft struct {
	items  []*item
	edges  []layout.Edge
	routes []*bundle
	layers []int
	folds  map[string]bool
	byID   map[string]int
}

func (m *Memory) draft(folds map[string]bool) *draft {
	d := &draft{byID: map[string]int{}, folds: maps.Clone(folds)}
	of := map[string]int{}
	for _, n := range m.order {
		id := n.Name
		if folds[n.Service] {
			id = n.Service + foldSuffix
		}
		i, ok := d.byID[id]
		if !ok {
			i = len(d.items)
			d.byID[id] = i
			d.items = append(d.items, &item{id: id})
		}
		d.items[i].members = append(d.items[i].members, n)
		of[n.Name] = i
	}
	d.edges, d.routes = m.bundles(d.items, of)
	d.layers = layout.Layers(d.nodes(sizes[len(sizes)-1]), d.edges)
	return d
}

// nodes are the boxes at a level of detail.
func (d *draft) nodes(z size) []layout.Node {
	widths := map[string]int{}
	for _, it := range d.items {
		n := it.members[0]
		widths[n.Service] = max(widths[n.Service], z.width(it))
	}
	nodes := make([]layout.Node, len(d.items))
	for i, it := range d.items {
		n := it.members[0]
		nodes[i] = layout.Node{ID: it.id, Group: n.Service, W: widths[n.Service], H: z.height, Root: n.root()}
		if n.outsider && z.height > 3 {
			nodes[i].H = 3
		}
	}
	return nodes
}

// fitting gives a level with as much space between boxes as there is room for.
func (d *draft) fitting(level int, w, h int) (*scene, bool) {
	z := sizes[level]
	if leastW, leastH := layout.Least(d.nodes(z), d.layers, layout.Options{}); leastW > w || leastH > h {
		return nil, false
	}
	best := d.scene(level, 0, w, h)
	if best.plan.W > w || best.plan.H > h {
		return nil, false
	}
	for gap := widestRowGap; gap > 0; gap-- {
		if _, leastH := layout.Least(d.nodes(z), d.layers, layout.Options{RowGap: gap}); leastH > h {
			continue
		}
		if s := d.scene(level, gap, w, h); s.plan.H <= h && s.plan.W <= w {
			return s, true
		}
	}
	return best, true
}

// zoomed gives a level that is richer or poorer than the one that fits.
func (d *draft) zoomed(s *scene, zoom int, w, h int) *scene {
	level := min(max(s.level-zoom, 0), len(sizes)-1)
	if level == s.level {
		return s
	}
	gap := 1
	if sizes[level].height == 1 {
		gap = 0
	}
	return d.scene(level, gap, w, h)
}

// largest is the service with most replicas that is not folded and may be.
func (m *Memory) largest(folds, forced map[string]bool) string {
	count := map[string]int{}
	best := ""
	for _, n := range m.order {
		if _, fixed := forced[n.Service]; fixed || folds[n.Service] {
			continue
		}
		count[n.Service]++
		if c := count[n.Service]; c > 1 && (best == "" || c > count[best]) {
			best = n.Service
		}
	}
	return best
}

func (d *draft) scene(level, rowGap int, w, h int) *scene {
	s := &scene{items: d.items, byID: d.byID, size: sizes[level], level: level, routes: d.routes, folds: d.folds}
	s.plan = layout.Arrange(d.nodes(s.size), d.edges, layout.Options{Width: w, Height: h, Label: s.size.label, RowGap: rowGap, Tight: s.size.label == 0})
	return s
}

func (m *Memory) bundles(items []*item, of map[string]int) (edges []layout.Edge, bundles []*bundle) {
	index := map[[2]int]*bundle{}
	for _, l := range m.edges {
		from, known := of[l.from]
		to, also := of[l.to]
		if !known || !also || from == to {
			continue
		}
		b := index[[2]int{from, to}]
		if b == nil {
			b = &bundle{from: from, to: to}
			index[[2]int{from, to}] = b
			bundles = append(bundles, b)
			edges = append(edges, layout.Edge{From: items[from].id, To: items[to].id})
		}
		b.links = append(b.links, l)
	}
	return edges, bundles
}

// width is what a box needs for its title, within the level's bounds.
func (z size) width(it *item) int {
	n := it.members[0]
	w := cell.Width(n.Name) + 6
	switch {
	case z.height == 1:
		w = cell.Width(n.Name) + 7
	case n.Role != "" && n.Role != n.Name:
		w += cell.Width(n.Role) + 4
	}
	if n.outsider {
		return min(max(w, 8), 12)
	}
	return min(max(w, z.least), z.most)
}

// worst sorts the members of a fold so that what needs eyes comes first.
func (it *item) worst() []*node {
	out := slices.Clone(it.members)
	rank := func(n *node) int {
		switch n.mark().Ink {
		case cell.Bad:
			return 0
		case cell.Warn:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(out, func(a, b *node) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}
