package layout

import "github.com/ddsctl/ddsctl/tui/cell"

// route draws the lines and gives the plan.
func (g *graph) route(o Options) Plan {
	channels := make([]*channel, len(g.layers))
	for i := range channels {
		channels[i] = &channel{byPort: map[port]*net{}}
	}
	ways := make([][]port, len(g.edges)) // the ports of each edge, from left to right
	for i, e := range g.edges {
		ways[i] = g.way(e)
		for k := 0; k+1 < len(ways[i]); k++ {
			channels[g.layerOf(ways[i][k])].connect(ways[i][k], ways[i][k+1])
		}
	}
	g.buses(channels)
	for _, c := range channels {
		g.merge(c)
		g.settleRows(c)
		c.assignTracks()
		c.labels = o.Label > 0 && c.reaches()
	}
	plan := g.columns(channels, o)
	for i, e := range g.edges {
		plan.Routes[i] = g.trace(channels, e, ways[i], plan)
	}
	return plan
}

func (g *graph) layerOf(p port) int {
	if p.lane != nil {
		return p.lane.layer
	}
	return g.of[p.node].layer
}

// way is the ports that an edge passes, from left to right; nil for one within a layer.
func (g *graph) way(e Edge) []port {
	from, to, ok := g.ends(e)
	if !ok {
		return nil
	}
	l := g.links[pair{g.of[from], g.of[to]}]
	if l == nil || l.left.layer == l.right.layer {
		return nil
	}
	left, right := from, to
	if l.reversed {
		left, right = to, from
	}
	way := []port{{node: left, back: l.reversed}}
	for _, lane := range l.lanes {
		way = append(way, port{node: -1, lane: lane})
	}
	return append(way, port{node: right, back: l.reversed})
}

// buses gathers the nodes that speak within their layer, a bus for each set of groups that do.
func (g *graph) buses(channels []*channel) {
	parent := map[*unit]*unit{}
	var find func(u *unit) *unit
	find = func(u *unit) *unit {
		if parent[u] == nil || parent[u] == u {
			return u
		}
		parent[u] = find(parent[u])
		return parent[u]
	}
	var within []Edge
	for _, e := range g.edges {
		if from, to, ok := g.ends(e); ok && g.of[from].layer == g.of[to].layer {
			within = append(within, e)
			if a, b := find(g.of[from]), find(g.of[to]); a != b {
				parent[b] = a
			}
		}
	}
	byRoot := map[*unit]*bus{}
	for _, e := range within {
		from, to, _ := g.ends(e)
		root := find(g.of[from])
		b := byRoot[root]
		if b == nil {
			b = &bus{rows: map[int]int{}}
			byRoot[root] = b
			c := channels[root.layer]
			c.bus = append(c.bus, b)
		}
		for _, n := range []int{from, to} {
			b.rows[n] = g.top[n] + backRow(g.nodes[n].H)
		}
	}
}

// reaches says that a line ends in this channel, and not only in a lane.
func (c *channel) reaches() bool {
	for _, n := range c.nets {
		for _, p := range n.right {
			if p.lane == nil {
				return true
			}
		}
	}
	return false
}

// maxGrowth is how many columns a gap may gain from a wide window.
const maxGrowth = 18

// columns places the layers and channels side by side.
func (g *graph) columns(channels []*channel, o Options) Plan {
	plan := Plan{Boxes: make([]Box, len(g.nodes)), Routes: make([]Route, len(g.edges)), Layers: len(g.layers), H: g.rows}
	widths := make([]int, len(channels))
	total := 0
	for i, c := range channels {
		c.pitch = 2
		if c.tracks > 3 || o.Tight {
			c.pitch = 1
		}
		if len(c.bus) > 0 {
			widths[i] += 2 + 2*len(c.bus)
		}
		if i+1 < len(channels) {
			widths[i] += 2 + c.tracks*c.pitch + 2
			if c.labels {
				widths[i] += o.Label
			}
			if len(c.nets) == 0 {
				widths[i] = max(widths[i], 3)
			}
		}
		total += g.sizes[i] + widths[i]
	}
	gaps := len(channels) - 1
	x := 0
	for i, c := range channels {
		grow := 0
		if i < gaps && o.Width > total {
			grow = min((o.Width-total)/gaps, maxGrowth)
		}
		for _, u := range g.layers[i] {
			for _, n := range u.nodes {
				plan.Boxes[n] = Box{ID: g.nodes[n].ID, Layer: i, Rect: cell.Rect{
					X: x + (g.sizes[i]-g.nodes[n].W)/2, Y: g.top[n], W: g.nodes[n].W, H: g.nodes[n].H}}
			}
		}
		x += g.sizes[i]
		c.start = x
		for k, b := range c.bus {
			b.column = x + 2 + 2*k
		}
		if len(c.bus) > 0 {
			c.busEnd = 2 + 2*len(c.bus)
		}
		c.trackStart = x + c.busEnd + 1
		x += widths[i] + grow
	}
	plan.W = x
	return plan
}
