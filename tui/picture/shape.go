// Package picture turns a canvas into a picture for guides and reports: SVG, or PNG. Boxes, blocks, dots and symbols are
// drawn as shapes, so that they join whatever fonts there are; words are set in Go Mono.
package picture

import (
	"math"

	"github.com/ddsctl/ddsctl/tui/cell"
)

// point is a place in a cell that is 1 wide and 2 high.
type point struct{ x, y float64 }

// shape is a filled polygon.
type shape struct {
	points  []point
	opacity float64
}

func rect(x0, y0, x1, y1 float64) shape {
	return shape{[]point{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}, 1}
}

const (
	middleX, middleY = 0.5, 1
	thin, thick      = 1.0 / 6, 1.0 / 3 // whole pixels at the scale of PNG
)

func disc(x, y, r float64) shape {
	s := shape{opacity: 1}
	for i := range 28 {
		a := float64(i) / 28 * 2 * math.Pi
		s.points = append(s.points, point{x + r*math.Cos(a), y + r*math.Sin(a)})
	}
	return s
}

// ring is a circle's line from one angle to another (turns clockwise from the right).
func ring(x, y, r, width, from, to float64) shape {
	s := shape{opacity: 1}
	const n = 24
	for i := range n + 1 {
		a := (from + (to-from)*float64(i)/n) * 2 * math.Pi
		s.points = append(s.points, point{x + (r+width/2)*math.Cos(a), y + (r+width/2)*math.Sin(a)})
	}
	for i := n; i >= 0; i-- {
		a := (from + (to-from)*float64(i)/n) * 2 * math.Pi
		s.points = append(s.points, point{x + (r-width/2)*math.Cos(a), y + (r-width/2)*math.Sin(a)})
	}
	return s
}

func stroke(x0, y0, x1, y1, width float64) shape {
	dx, dy := x1-x0, y1-y0
	l := math.Hypot(dx, dy)
	nx, ny := -dy/l*width/2, dx/l*width/2
	return shape{[]point{{x0 + nx, y0 + ny}, {x1 + nx, y1 + ny}, {x1 - nx, y1 - ny}, {x0 - nx, y0 - ny}}, 1}
}

func polygon(points ...point) []shape { return []shape{{points, 1}} }

// shapesOf draws a character, or says that it is a letter.
func shapesOf(r rune) ([]shape, bool) {
	switch {
	case r >= 0x2801 && r <= 0x28ff:
		return dots(r - 0x2800), true
	case r >= '▁' && r <= '█':
		return []shape{rect(0, 2-float64(r-'▁'+1)/4, 1, 2)}, true
	case r >= '▉' && r <= '▏':
		return []shape{rect(0, 0, float64('▏'-r+1)/8, 2)}, true
	case r == '▀':
		return []shape{rect(0, 0, 1, 1)}, true
	case r >= '░' && r <= '▓':
		s := rect(0, 0, 1, 2)
		s.opacity = 0.28 + 0.26*float64(r-'░')
		return []shape{s}, true
	}
	if s, ok := symbols()[r]; ok {
		return s, true
	}
	if arms, ok := cell.ArmsOf(r); ok {
		return lines(arms, r), true
	}
	return nil, false
}

func dots(bits rune) (out []shape) {
	for column, rows := range [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}} {
		for row, bit := range rows {
			if bits&bit != 0 {
				out = append(out, disc(0.25+0.5*float64(column), 0.25+0.5*float64(row), 0.17))
			}
		}
	}
	return out
}

func symbols() map[rune][]shape {
	const x, y = middleX, middleY
	star := []point{}
	for i := range 10 {
		r := 0.5
		if i%2 == 1 {
			r = 0.2
		}
		a := (float64(i)/10 - 0.25) * 2 * math.Pi
		star = append(star, point{x + r*math.Cos(a), y + r*math.Sin(a)})
	}
	ghost := []shape{}
	for i := range 6 {
		ghost = append(ghost, ring(x, y, 0.34, 0.12, float64(i)/6, float64(i)/6+0.09))
	}
	half := ring(x, y, 0.19, 0.38, 0.25, 0.75)
	return map[rune][]shape{
		'●': {disc(x, y, 0.38)}, '○': {ring(x, y, 0.34, 0.12, 0, 1)}, '◌': ghost, '◐': {ring(x, y, 0.34, 0.1, 0, 1), half},
		'•': {disc(x, y, 0.24)}, '·': {disc(x, y, 0.1)}, '▪': {rect(0.3, 0.8, 0.7, 1.2)}, '■': {rect(0.15, 0.65, 0.85, 1.35)},
		'▶': polygon(point{0.1, 0.55}, point{0.95, 1}, point{0.1, 1.45}), '◀': polygon(point{0.9, 0.55}, point{0.05, 1}, point{0.9, 1.45}),
		'▲': polygon(point{0.5, 0.55}, point{0.95, 1.4}, point{0.05, 1.4}), '▼': polygon(point{0.5, 1.45}, point{0.95, 0.6}, point{0.05, 0.6}),
		'▸': polygon(point{0.2, 0.65}, point{0.8, 1}, point{0.2, 1.35}), '▾': polygon(point{0.5, 1.35}, point{0.85, 0.75}, point{0.15, 0.75}),
		'◆': polygon(point{0.5, 0.5}, point{0.95, 1}, point{0.5, 1.5}, point{0.05, 1}),
		'◇': {stroke(0.5, 0.55, 0.92, 1, 0.11), stroke(0.92, 1, 0.5, 1.45, 0.11), stroke(0.5, 1.45, 0.08, 1, 0.11), stroke(0.08, 1, 0.5, 0.55, 0.11)},
		'★': {{star, 1}}, '✗': {stroke(0.15, 0.6, 0.85, 1.4, 0.17), stroke(0.85, 0.6, 0.15, 1.4, 0.17)},
		'✓': {stroke(0.1, 1.05, 0.4, 1.4, 0.16), stroke(0.36, 1.4, 0.9, 0.6, 0.16)},
		'‖': {rect(0.2, 0.6, 0.4, 1.4), rect(0.6, 0.6, 0.8, 1.4)},
		'↯': {stroke(0.65, 0.4, 0.3, 1, 0.13), stroke(0.3, 0.95, 0.75, 0.95, 0.13), stroke(0.72, 0.95, 0.35, 1.6, 0.13), stroke(0.33, 1.62, 0.36, 1.2, 0.1), stroke(0.33, 1.6, 0.7, 1.42, 0.1)},
		'┊': {rect(0.45, 0.1, 0.55, 0.4), rect(0.45, 0.6, 0.55, 0.9), rect(0.45, 1.1, 0.55, 1.4), rect(0.45, 1.6, 0.55, 1.9)},
		'╌': {rect(0.05, 0.95, 0.42, 1.05), rect(0.58, 0.95, 0.95, 1.05)},
		'╎': {rect(0.45, 0.1, 0.55, 0.85), rect(0.45, 1.15, 0.55, 1.9)},
	}
}

// lines draws strokes from the middle to the edges; light corners are round.
func lines(arms cell.Arms, r rune) []shape {
	switch r {
	case '╭':
		return corner(1, 1)
	case '╮':
		return corner(-1, 1)
	case '╰':
		return corner(1, -1)
	case '╯':
		return corner(-1, -1)
	}
	width := func(d cell.Direction) float64 {
		switch arms.Of(d) {
		case cell.None:
			return 0
		case cell.Heavy:
			return thick
		}
		return thin
	}
	n, e, s, w := width(cell.North), width(cell.East), width(cell.South), width(cell.West)
	vertical, horizontal := max(n, s)/2, max(e, w)/2
	var out []shape
	if n > 0 {
		out = append(out, rect(middleX-n/2, 0, middleX+n/2, middleY+horizontal))
	}
	if s > 0 {
		out = append(out, rect(middleX-s/2, middleY-horizontal, middleX+s/2, 2))
	}
	if e > 0 {
		out = append(out, rect(middleX-vertical, middleY-e/2, 1, middleY+e/2))
	}
	if w > 0 {
		out = append(out, rect(0, middleY-w/2, middleX+vertical, middleY+w/2))
	}
	return out
}

// corner joins the arm to the right (dx of 1) or left with the one down (dy of 1) or up by a quarter of a circle.
func corner(dx, dy float64) []shape {
	const r = 0.5
	cx, cy := middleX+dx*r, middleY+dy*r
	from := map[[2]float64]float64{{1, 1}: 0.5, {-1, 1}: 0.75, {1, -1}: 0.25, {-1, -1}: 0}[[2]float64{dx, dy}]
	edge := 0.0
	if dy > 0 {
		edge = 2
	}
	return []shape{ring(cx, cy, r, thin, from, from+0.25), rect(middleX-thin/2, min(cy, edge), middleX+thin/2, max(cy, edge))}
}
