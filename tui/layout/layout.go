// Package layout draws up a graph in layers, from what asks (left) to what answers (right), on a grid of cells: boxes in
// columns, edges as right-angled lines in the channels between them. It is pure: the same graph gives the same plan, and
// what is not part of the graph (rates, states) cannot move anything.
//
// The method is Sugiyama's: layers by longest path, order within a layer by barycentres of neighbours, positions by
// isotonic regression, and a channel of tracks for each gap. Nodes of one group (a service's replicas) stay together and
// in order.
package layout

import "github.com/ddsctl/ddsctl/tui/cell"

// Node is one box to place. The order of nodes decides between equals.
type Node struct {
	ID    string
	Group string
	W, H  int
	// Root keeps the node's group in the first layer.
	Root bool
}

// Edge is a line from one node to another, by ID. Unknown IDs are left out.
type Edge struct{ From, To string }

// Options say how much room there is.
type Options struct {
	// Width is what gaps may grow to fill, Height what boxes may spread over. A plan that needs more is larger.
	Width, Height int
	// Label is how many columns a line keeps free for its label.
	Label int
	// RowGap is the number of rows between boxes.
	RowGap int
	// Tight keeps gaps as narrow as the lines allow.
	Tight bool
}

// Plan is where everything goes.
type Plan struct {
	W, H   int
	Boxes  []Box   // as the nodes given
	Routes []Route // as the edges given; without Steps for an edge that was left out
	Layers int
}

// Box is a node's place.
type Box struct {
	cell.Rect
	ID    string
	Layer int
}

// Route is an edge's way, from its source to its target.
type Route struct {
	Edge  Edge
	Steps []Step
	// Head is where the arrowhead stands, and where it points.
	Head    Step
	HeadDir cell.Direction
	// Label is where words about the edge may stand over the line: W columns from X, or W of 0.
	LabelX, LabelY, LabelW int
}

// Step is one cell of a route with the strokes through it.
type Step struct {
	X, Y int
	Arms cell.Arms // of weight Light
}

// Straight says that the route goes on in its direction here.
func (s Step) Straight() bool {
	across := cell.Arm(cell.East, cell.Light) | cell.Arm(cell.West, cell.Light)
	along := cell.Arm(cell.North, cell.Light) | cell.Arm(cell.South, cell.Light)
	return s.Arms == across || s.Arms == along
}

// Arrange places a graph.
func Arrange(nodes []Node, edges []Edge, o Options) Plan {
	g := newGraph(nodes, edges)
	g.layer()
	g.cutLanes()
	g.order()
	g.place(o)
	return g.route(o)
}

// Layers gives each node's layer, by index, without placing anything: what fits is told from it cheaply.
func Layers(nodes []Node, edges []Edge) []int {
	g := newGraph(nodes, edges)
	g.layer()
	layers := make([]int, len(nodes))
	for i, u := range g.of {
		layers[i] = u.layer
	}
	return layers
}

// Least is a plan's size at least, for nodes in layers: Arrange never gives a smaller one.
func Least(nodes []Node, layers []int, o Options) (w, h int) {
	count := 0
	for _, l := range layers {
		count = max(count, l+1)
	}
	heights, widths := make([]int, count), make([]int, count)
	for i, n := range nodes {
		l := layers[i]
		if heights[l] > 0 {
			heights[l] += o.RowGap
		}
		heights[l] += n.H
		widths[l] = max(widths[l], n.W)
	}
	const leastGap = 3
	w = leastGap * max(count-1, 0)
	for l := range count {
		w += widths[l]
		h = max(h, heights[l])
	}
	return w, h
}
