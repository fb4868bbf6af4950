package layout

import (
	"slices"

	"github.com/ddsctl/ddsctl/tui/cell"
)

type point struct{ x, y int }

// trace leads one edge along its nets.
func (g *graph) trace(channels []*channel, e Edge, way []port, plan Plan) Route {
	from, to, ok := g.ends(e)
	if !ok {
		return Route{Edge: e}
	}
	if way == nil {
		return g.traceBus(channels, e, from, to, plan)
	}
	route := Route{Edge: e}
	left, right := plan.Boxes[way[0].node], plan.Boxes[way[len(way)-1].node]
	var points []point
	for k := 0; k+1 < len(way); k++ {
		c := channels[g.layerOf(way[k])]
		n := c.byPort[way[k]]
		yLeft, yRight := n.rowLeft(way[k]), n.rowRight(way[k+1])
		if k == 0 {
			points = append(points, point{border(left.X+left.W-1, left.H, 1), yLeft})
		}
		if n.track > 0 && yLeft != yRight {
			column := c.trackStart + (n.track-1)*c.pitch
			points = append(points, point{column, yLeft}, point{column, yRight})
		}
		last := k+2 == len(way)
		if last {
			points = append(points, point{right.X - 1, yRight})
			c.label(&route, n, way[k+1], right.X)
		}
	}
	if way[0].back { // the edge runs from right to left: its line begins at the right box and ends before the left one
		points[0].x = left.X + left.W
		points[len(points)-1].x = border(right.X, right.H, -1)
		slices.Reverse(points)
		route.HeadDir = cell.West
	} else {
		route.HeadDir = cell.East
	}
	route.draw(points)
	if g.nodes[from].H < 3 && len(route.Steps) > 1 { // nothing to join: the line begins with a whole cell
		route.Steps[0].Arms |= cell.Arm(cell.East, cell.Light) | cell.Arm(cell.West, cell.Light)
	}
	return route
}

// border is the column a line starts from: the box's edge, so that the two join, or the cell beside a box without one.
func border(edge, h, outwards int) int {
	if h >= 3 {
		return edge
	}
	return edge + outwards
}

func (c *channel) label(route *Route, n *net, target port, boxX int) {
	if !c.labels {
		return
	}
	end := c.trackStart + c.tracks*c.pitch
	if c.tracks > 0 {
		end -= c.pitch - 1
	}
	route.LabelX, route.LabelY, route.LabelW = end+1, n.rowRight(target), max(boxX-2-end-1, 0)
}

func (g *graph) traceBus(channels []*channel, e Edge, from, to int, plan Plan) Route {
	route := Route{Edge: e, HeadDir: cell.West}
	c := channels[g.of[from].layer]
	for _, b := range c.bus {
		yFrom, ok := b.rows[from]
		yTo, also := b.rows[to]
		if !ok || !also {
			continue
		}
		source, target := plan.Boxes[from], plan.Boxes[to]
		route.draw([]point{{border(source.X+source.W-1, source.H, 1), yFrom}, {b.column, yFrom}, {b.column, yTo}, {target.X + target.W, yTo}})
	}
	return route
}

// draw walks along the corners and notes each cell with its strokes.
func (r *Route) draw(corners []point) {
	var cells []point
	for i, p := range corners {
		if i == 0 {
			cells = append(cells, p)
			continue
		}
		at := corners[i-1]
		for at != p {
			at.x += sign(p.x - at.x)
			at.y += sign(p.y - at.y)
			cells = append(cells, at)
		}
	}
	r.Steps = make([]Step, len(cells))
	for i, p := range cells {
		var arms cell.Arms
		if i > 0 {
			arms |= towards(p, cells[i-1])
		}
		if i+1 < len(cells) {
			arms |= towards(p, cells[i+1])
		}
		r.Steps[i] = Step{p.x, p.y, arms}
	}
	if len(cells) > 0 {
		r.Head = r.Steps[len(cells)-1]
	}
}

func towards(from, to point) cell.Arms {
	switch {
	case to.x > from.x:
		return cell.Arm(cell.East, cell.Light)
	case to.x < from.x:
		return cell.Arm(cell.West, cell.Light)
	case to.y > from.y:
		return cell.Arm(cell.South, cell.Light)
	case to.y < from.y:
		return cell.Arm(cell.North, cell.Light)
	}
	return 0
}

func sign(n int) int { return min(max(n, -1), 1) }
