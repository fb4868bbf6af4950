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
