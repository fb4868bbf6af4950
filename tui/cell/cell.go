// Package cell is the dashboard's drawing board: a grid of cells that carry a character and a style, where strokes merge
// into the right box-drawing characters, and which is clipped to its size whatever is drawn. A Canvas knows no colours:
// styles name Inks, and a Palette turns them into escape sequences when the canvas is encoded.
package cell

// Ink is the meaning of a colour; a Palette says how it looks.
type Ink uint8

// The inks. Plain is the terminal's own colour.
const (
	Plain  Ink = iota
	Dim        // words that matter less
	Faint      // what is only there for orientation
	Border     // frames
	Focus      // the frame and title of what has the keyboard
	Title      // names
	Accent     // keys, links to act on
	Good
	Warn
	Bad
	Info
	Role    // leader, shard, ...
	First   // the first series of a chart
	Second  // the second
	Third   // the third
	Under   // the area under the first series
	Wound   // the area under what failed
	Shadow  // a background: a bar's empty part
	Chosen  // a background: what is selected
	Banner  // a background: the lines at the top and bottom
	Band    // a background: the time of a fault
	Heat0   // a heat map's lightest shade; Heat0+HeatShades-1 is its strongest
	heatEnd = Heat0 + HeatShades
)

// HeatShades is how many shades a heat map has.
const HeatShades = 8

// Inks is how many inks there are.
const Inks = int(heatEnd)

// Heat gives the shade for a share from 0 to 1.
func Heat(share float64) Ink {
	n := int(share * HeatShades)
	return Heat0 + Ink(min(max(n, 0), HeatShades-1))
}

// Attr is a set of text attributes.
type Attr uint8

// The attributes.
const (
	Bold Attr = 1 << iota
	Italic
	Underline
	Reverse
	Strike
)

// Style is how a cell looks.
type Style struct {
	FG, BG Ink
	Attr   Attr
}

// On gives the style over a background.
func (s Style) On(background Ink) Style { s.BG = background; return s }

// With gives the style with attributes added.
func (s Style) With(attr Attr) Style { s.Attr |= attr; return s }

// In gives a style of one ink.
func In(ink Ink) Style { return Style{FG: ink} }

// Cell is one character's place. Rune is 0 where nothing was drawn, and Continued in the second half of a wide character.
type Cell struct {
	Rune  rune
	Style Style
	arms  Arms
}

// Continued is the Rune of the second half of a wide character.
const Continued rune = -1

// Shown is the character that the cell shows; ' ' where it is empty.
func (c Cell) Shown() rune {
	if c.arms != 0 {
		return c.arms.Rune()
	}
	if c.Rune == 0 {
		return ' '
	}
	return c.Rune
}

// Canvas is a grid of cells.
type Canvas struct {
	width, height int
	cells         []Cell
}

// New gives an empty canvas.
func New(width, height int) *Canvas {
	c := &Canvas{}
	c.Reset(width, height)
	return c
}

// Reset empties the canvas and gives it a size; negative sizes count as 0.
func (c *Canvas) Reset(width, height int) {
	c.width, c.height = max(width, 0), max(height, 0)
	n := c.width * c.height
	if cap(c.cells) < n {
		c.cells = make([]Cell, n)
		return
	}
	c.cells = c.cells[:n]
	clear(c.cells)
}

// Size is the number of columns and rows.
func (c *Canvas) Size() (width, height int) { return c.width, c.height }

// At gives the cell at a place; an empty one outside.
func (c *Canvas) At(x, y int) Cell {
	if x < 0 || y < 0 || x >= c.width || y >= c.height {
		return Cell{}
	}
	return c.cells[y*c.width+x]
}

// All gives the whole canvas to draw on.
func (c *Canvas) All() Region {
	return Region{canvas: c, clip: Rect{0, 0, c.width, c.height}, W: c.width, H: c.height}
}
