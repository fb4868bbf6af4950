package layout

import (
	"cmp"
	"slices"
)

// port is one end of a net in a channel: a node, or a lane.
type port struct {
	node int // -1 for a lane
	lane *unit
	back bool // a net of edges that run from right to left keeps to itself
}

// net is one tree of lines in a channel: what leaves one port on the left side, or several of one group that lead to the same
// ports on the right.
type net struct {
	left    []port
	yLeft   []int
	right   []port
	yRight  []int
	track   int // from 1; 0 for a straight line
	low, up int // the rows its trunk spans: up is the smaller number
}

func (n *net) span() {
	n.up, n.low = n.yLeft[0], n.yLeft[0]
	for _, rows := range [][]int{n.yLeft, n.yRight} {
		for _, y := range rows {
			n.up, n.low = min(n.up, y), max(n.low, y)
		}
	}
}

func (n *net) straight() bool { return n.up == n.low }

func (n *net) rowLeft(p port) int  { return n.yLeft[slices.Index(n.left, p)] }
func (n *net) rowRight(p port) int { return n.yRight[slices.Index(n.right, p)] }

// channel is the gap to the right of a layer.
type channel struct {
	nets   []*net
	byPort map[port]*net // by left port
	tracks int
	bus    []*bus

	start, busEnd, trackStart, pitch int // columns
	labels                           bool
}

// bus joins the nodes of one layer that speak with each other.
type bus struct {
	rows   map[int]int // by node
	column int
}

func (c *channel) connect(left, right port) {
	n := c.byPort[left]
	if n == nil {
		n = &net{left: []port{left}}
		c.byPort[left] = n
		c.nets = append(c.nets, n)
	}
	if !slices.Contains(n.right, right) {
		n.right = append(n.right, right)
	}
}

// merge makes one net of those whose sources are replicas of one group with the same targets.
func (g *graph) merge(c *channel) {
	c.nets = slices.DeleteFunc(c.nets, func(n *net) bool {
		own := n.left[0]
		if own.lane != nil {
			return false
		}
		for _, other := range c.nets {
			first := other.left[0]
			if other == n {
				return false
			}
			if first.lane == nil && first.back == own.back && g.of[first.node] == g.of[own.node] && sameSet(other.right, n.right) {
				other.left = append(other.left, own)
				c.byPort[own] = other
				return true
			}
		}
		return false
	})
}

func sameSet(a, b []port) bool {
	if len(a) != len(b) {
		return false
	}
	for _, p := range a {
		if !slices.Contains(b, p) {
			return false
		}
	}
	return true
}

// outRow is the row of a node's box that lines leave from.
func outRow(h int) int { return max(h-1, 0) / 2 }

// backRow is the row for lines on the right side that do not lead on.
func backRow(h int) int {
	if h >= 4 {
		return outRow(h) + 1
	}
	return outRow(h)
}

// rowFor spreads n incoming lines over a box of h rows.
func rowFor(h, i, n int) int {
	inner, first := max(h-2, 1), 0
	if h >= 3 {
		first = 1
	}
	switch {
	case n == 1:
		return outRow(h)
	case n <= inner:
		return first + (inner-n)/2 + i
	default:
		return first + i*inner/n
	}
}

// source is who shares a row where lines enter a box: the nets of one group in one direction.
type source struct {
	unit *unit
	back bool
}

func (g *graph) sourceOf(n *net) source {
	p := n.left[0]
	if p.lane != nil {
		return source{p.lane, p.back}
	}
	return source{g.of[p.node], p.back}
}

// settleRows fixes the rows of a channel's nets.
func (g *graph) settleRows(c *channel) {
	entering := map[port][]source{} // without back
	highest := map[source]int{}
	for _, n := range c.nets {
		s := g.sourceOf(n)
		for _, p := range n.left {
			y := g.leftRow(p)
			n.yLeft = append(n.yLeft, y)
			if before, ok := highest[s]; !ok || y < before {
				highest[s] = y
			}
		}
		for _, p := range n.right {
			p.back = false
			if !slices.Contains(entering[p], s) {
				entering[p] = append(entering[p], s)
			}
		}
	}
	row := map[port]map[source]int{}
	for p, sources := range entering {
		row[p] = map[source]int{}
		slices.SortStableFunc(sources, func(a, b source) int { return cmp.Compare(highest[a], highest[b]) })
		for i, s := range sources {
			if p.lane != nil {
				row[p][s] = p.lane.top
			} else {
				row[p][s] = g.top[p.node] + rowFor(g.nodes[p.node].H, i, len(sources))
			}
		}
	}
	for _, n := range c.nets {
		for _, p := range n.right {
			p.back = false
			n.yRight = append(n.yRight, row[p][g.sourceOf(n)])
		}
		n.span()
	}
}

func (g *graph) leftRow(p port) int {
	switch {
	case p.lane != nil:
		return p.lane.top
	case p.back:
		return g.top[p.node] + backRow(g.nodes[p.node].H)
	default:
		return g.top[p.node] + outRow(g.nodes[p.node].H)
	}
}

// searchLimit bounds the nets whose order is searched for.
const searchLimit = 48

// assignTracks gives each net that bends a column of its own, in an order with few crossings.
func (c *channel) assignTracks() {
	var bent []*net
	for _, n := range c.nets {
		if !n.straight() {
			bent = append(bent, n)
		}
	}
	// Lines that lead down turn first when they start low, lines that lead up when they start high.
	slices.SortStableFunc(bent, func(a, b *net) int { return cmp.Compare(turn(a), turn(b)) })
	if len(bent) <= searchLimit {
		for range 6 {
			improved := false
			for i := 0; i+1 < len(bent); i++ {
				if cost(bent[i+1], bent[i]) < cost(bent[i], bent[i+1]) {
					bent[i], bent[i+1] = bent[i+1], bent[i]
					improved = true
				}
			}
			if !improved {
				break
			}
		}
	}
	for i, n := range bent {
		n.track = 1
		for _, before := range bent[:i] {
			if before.up <= n.low && n.up <= before.low {
				n.track = max(n.track, before.track+1)
			}
		}
		c.tracks = max(c.tracks, n.track)
	}
}

func turn(n *net) float64 {
	if left, right := mean(n.yLeft), mean(n.yRight); right >= left {
		return -left
	} else {
		return left
	}
}

func mean(rows []int) float64 {
	sum := 0
	for _, y := range rows {
		sum += y
	}
	return float64(sum) / float64(len(rows))
}

// cost counts the crossings of two nets when the first one's trunk stands left of the second's. Lines of both on one row
// that would lie over each other weigh more.
func cost(first, second *net) int {
	const overlap = 8
	n := 0
	for _, y := range second.yLeft { // the second's way to its trunk crosses the first's trunk
		if y > first.up && y < first.low {
			n++
		}
	}
	for _, y := range first.yRight {
		if y > second.up && y < second.low {
			n++
		}
		if slices.Contains(second.yLeft, y) {
			n += overlap
		}
	}
	return n
}
