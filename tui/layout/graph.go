package layout

import "slices"

// unit is what is ordered and placed as a whole: a group of nodes, or the lane of long edges between two groups.
type unit struct {
	group string
	nodes []int // indexes of the nodes, in order
	lane  bool
	layer int
	root  bool

	left, right []*unit // neighbours in the layers beside
	order       int     // position in its layer
	height      int
	y           float64 // of its first row
	top         int
}

func (u *unit) center() float64 { return u.y + float64(u.height)/2 }

// link is an edge between two groups with its direction as laid out: left comes before right in the layers.
type link struct {
	left, right *unit
	reversed    bool    // the edges run from right to left
	lanes       []*unit // in the layers between
}

type pair struct{ from, to *unit }

type graph struct {
	nodes  []Node
	edges  []Edge
	index  map[string]int
	units  []*unit
	of     []*unit // by node
	links  map[pair]*link
	pairs  []pair // of links, in order of appearance
	layers [][]*unit

	top   []int // of each node
	sizes []int // of each layer: columns
	rows  int
}

func newGraph(nodes []Node, edges []Edge) *graph {
	g := &graph{nodes: nodes, edges: edges, index: map[string]int{}, links: map[pair]*link{}, of: make([]*unit, len(nodes)), top: make([]int, len(nodes))}
	byGroup := map[string]*unit{}
	for i, n := range nodes {
		g.index[n.ID] = i
		u := byGroup[n.Group]
		if u == nil {
			u = &unit{group: n.Group}
			byGroup[n.Group] = u
			g.units = append(g.units, u)
		}
		u.nodes = append(u.nodes, i)
		u.root = u.root || n.Root
		g.of[i] = u
	}
	for _, e := range edges {
		from, to, ok := g.ends(e)
		if !ok || g.of[from] == g.of[to] {
			continue
		}
		p := pair{g.of[from], g.of[to]}
		if g.links[p] == nil {
			g.links[p] = &link{left: p.from, right: p.to}
			g.pairs = append(g.pairs, p)
		}
	}
	return g
}

func (g *graph) ends(e Edge) (from, to int, ok bool) {
	from, known := g.index[e.From]
	to, also := g.index[e.To]
	return from, to, known && also && from != to
}

// layer gives each group its layer: one more than the deepest that asks it.
func (g *graph) layer() {
	g.breakCycles()
	out, in := map[*unit][]*unit{}, map[*unit]int{}
	for _, p := range g.pairs {
		l := g.links[p]
		out[l.left] = append(out[l.left], l.right)
		in[l.right]++
	}
	var ready []*unit
	waiting := map[*unit]int{}
	for _, u := range g.units {
		waiting[u] = in[u]
		if in[u] == 0 {
			ready = append(ready, u)
		}
	}
	depth := 0
	for len(ready) > 0 {
		u := ready[0]
		ready = ready[1:]
		depth = max(depth, u.layer)
		for _, next := range out[u] {
			next.layer = max(next.layer, u.layer+1)
			if waiting[next]--; waiting[next] == 0 {
				ready = append(ready, next)
			}
		}
	}
	for _, u := range g.units {
		switch {
		case u.root || in[u] > 0:
		case len(out[u]) == 0: // nobody it speaks with is known
			u.layer = depth
		default: // a source that is no client stands next to what it asks
			nearest := depth
			for _, next := range out[u] {
				nearest = min(nearest, next.layer)
			}
			u.layer = nearest - 1
		}
	}
	first := depth
	for _, u := range g.units {
		first = min(first, u.layer)
	}
	for _, u := range g.units {
		u.layer -= first
	}
	g.layers = make([][]*unit, depth-first+1)
	for _, u := range g.units {
		g.layers[u.layer] = append(g.layers[u.layer], u)
	}
	// Links within a layer are drawn at its side, not through the channels.
	g.pairs = slices.DeleteFunc(g.pairs, func(p pair) bool { return p.from.layer == p.to.layer })
}

// breakCycles turns the links around that lead back to a group on the way from a source.
func (g *graph) breakCycles() {
	out, in := map[*unit][]pair{}, map[*unit]int{}
	for _, p := range g.pairs {
		out[p.from] = append(out[p.from], p)
		in[p.to]++
	}
	const fresh, open, done = 0, 1, 2
	state := map[*unit]int{}
	var visit func(u *unit)
	visit = func(u *unit) {
		state[u] = open
		for _, p := range out[u] {
			switch state[p.to] {
			case open:
				l := g.links[p]
				l.left, l.right, l.reversed = p.to, p.from, true
			case fresh:
				visit(p.to)
			}
		}
		state[u] = done
	}
	starts := []func(*unit) bool{
		func(u *unit) bool { return u.root },
		func(u *unit) bool { return in[u] == 0 },
		func(*unit) bool { return true },
	}
	for _, chosen := range starts {
		for _, u := range g.units {
			if state[u] == fresh && chosen(u) {
				visit(u)
			}
		}
	}
}

// cutLanes leads each long link through a lane in every layer between, and notes who neighbours whom.
func (g *graph) cutLanes() {
	for _, p := range g.pairs {
		l := g.links[p]
		before := l.left
		for layer := l.left.layer + 1; layer < l.right.layer; layer++ {
			lane := &unit{lane: true, layer: layer, height: 1}
			g.layers[layer] = append(g.layers[layer], lane)
			l.lanes = append(l.lanes, lane)
			join(before, lane)
			before = lane
		}
		join(before, l.right)
	}
}

func join(left, right *unit) {
	if !slices.Contains(left.right, right) {
		left.right = append(left.right, right)
		right.left = append(right.left, left)
	}
}
