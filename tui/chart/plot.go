package chart

import (
	"math"

	"github.com/ddsctl/ddsctl/tui/cell"
)

// Line is one series of a plot. Values are oldest first; NaN is a gap.
type Line struct {
	Values []float64
	Style  cell.Style
	// Area fills the space down to the axis with Fill.
	Area bool
	Fill cell.Style
	// Mark draws the series where there are no dots of braille; 0 is '*'.
	Mark rune
}

// Band marks a time among a plot's values, from From up to before To.
type Band struct {
	From, To int
	Text     string
}

// Plot is a chart of series over time: the newest value at the right edge.
type Plot struct {
	Lines []Line
	Bands []Band
	// Samples is how many values the Bands' positions count in.
	Samples int
	// Max is the top of the scale; 0 chooses one. Min is its foot, above 0 for a logarithmic scale.
	Min, Max float64
	Log      bool
	// Format writes the scale's figures; nil leaves the scale out.
	Format  func(float64) string
	Braille bool
}

// axisWidth is how many columns the scale takes.
const axisWidth = 7

// Columns is how many values a plot of a width shows.
func (p Plot) Columns(width int) int {
	if p.Format != nil {
		width -= axisWidth
	}
	return max(width, 0) * p.perCell()
}

func (p Plot) perCell() int {
	if p.Braille {
		return 2
	}
	return 1
}

func (p Plot) perRow() int {
	if p.Braille {
		return 4
	}
	return 1
}

// Draw draws the plot.
func (p Plot) Draw(r cell.Region) {
	low, high := p.scale(r)
	field := r
	if p.Format != nil {
		field = r.Sub(axisWidth, 0, r.W-axisWidth, r.H)
		p.axis(r, low, high)
	}
	if field.W <= 0 || field.H <= 0 {
		return
	}
	p.bands(field)
	for _, l := range p.Lines {
		p.line(field, l, low, high)
	}
	p.names(field)
}

func (p Plot) scale(r cell.Region) (low, high float64) {
	high = p.Max
	low = math.Inf(1)
	shown := p.Columns(r.W)
	for _, l := range p.Lines {
		for _, v := range l.Values[max(len(l.Values)-shown, 0):] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			if p.Max == 0 {
				high = max(high, v)
			}
			if v > 0 {
				low = min(low, v)
			}
		}
	}
	if !p.Log {
		if p.Max == 0 {
			high = Nice(high * 1.2) // room for the bands' names
		}
		return 0, high
	}
	if p.Max == 0 {
		high = Nice(high)
	}
	if math.IsInf(low, 0) {
		low = high / 10
	}
	if p.Min > 0 {
		low = p.Min
	}
	low = math.Pow(10, math.Floor(math.Log10(low)*2)/2)
	if low >= high {
		low = high / 10
	}
	return low, high
}

// level is a value's height from 0 to 1.
func (p Plot) level(v, low, high float64) float64 {
	if p.Log {
		return math.Log(max(v, low)/low) / math.Log(high/low)
	}
	return v / high
}

func (p Plot) axis(r cell.Region, low, high float64) {
	if r.H < 1 {
		return
	}
	s := cell.In(cell.Faint)
	text := cell.In(cell.Dim)
	r.Right(axisWidth-1, 0, p.Format(high), text, axisWidth-1)
	if r.H > 1 {
		foot := 0.0
		if p.Log {
			foot = low
		}
		r.Right(axisWidth-1, r.H-1, p.Format(foot), text, axisWidth-1)
	}
	if r.H >= 5 {
		middle := high / 2
		if p.Log {
			middle = math.Sqrt(low * high)
		}
		r.Right(axisWidth-1, (r.H-1)/2, p.Format(middle), text, axisWidth-1)
	}
	for y := range r.H {
		c := '│'
		if y == 0 || y == r.H-1 || r.H >= 5 && y == (r.H-1)/2 {
			c = '┤'
		}
		r.Set(axisWidth-1, y, c, s)
	}
}

// columns are where a band lies in a field.
func (p Plot) columns(field cell.Region, b Band) (from, to int) {
	per := p.perCell()
	first := p.Samples - field.W*per
	return (b.From - first) / per, (b.To - first + per - 1) / per
}

func (p Plot) bands(field cell.Region) {
	for _, b := range p.Bands {
		from, to := p.columns(field, b)
		if to <= 0 {
			continue
		}
		field.Tint(max(from, 0), 0, min(to, field.W)-max(from, 0), field.H, cell.Band)
		for y := range field.H {
			if from >= 0 {
				field.Set(from, y, '┊', cell.In(cell.Bad))
			}
			if b.To < p.Samples {
				field.Set(to-1, y, '┊', cell.In(cell.Bad))
			}
		}
	}
}

// names writes what the bands are over the top row, where there is room.
func (p Plot) names(field cell.Region) {
	used := -1
	for _, b := range p.Bands {
		from, to := p.columns(field, b)
		from = max(from, 0, used+1)
		if to <= from || b.Text == "" {
			continue
		}
		w := cell.Width(b.Text)
		if from+w > field.W {
			from = max(field.W-w, used+1)
		}
		n := field.Text(from, 0, b.Text, cell.In(cell.Bad).With(cell.Bold), field.W-from)
		used = from + n
	}
}

func (p Plot) line(field cell.Region, l Line, low, high float64) {
	per, rows := p.perCell(), field.H*p.perRow()
	values := l.Values[max(len(l.Values)-field.W*per, 0):]
	left := field.W*per - len(values)
	before := -1
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || p.Log && v <= 0 {
			before = -1
			continue
		}
		at := min(max(int(math.Round(p.level(v, low, high)*float64(rows-1))), 0), rows-1)
		if l.Area {
			if v <= 0 {
				before = -1
				continue
			}
			for dot := 0; dot < at; dot++ {
				p.dot(field, left+i, rows-1-dot, l.Fill, l.Mark)
			}
		}
		from, to := at, at
		if before >= 0 && p.Braille { // no gap between neighbours
			if before < at {
				from = before + 1
			} else if before > at {
				to = before - 1
			}
		}
		for dot := from; dot <= to; dot++ {
			p.dot(field, left+i, rows-1-dot, l.Style, l.Mark)
		}
		before = at
	}
}

// braille holds the bits of the dots by column and row.
var braille = [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

func (p Plot) dot(field cell.Region, x, y int, s cell.Style, mark rune) {
	if !p.Braille {
		if mark == 0 {
			mark = '*'
		}
		field.Set(x, y, mark, s)
		return
	}
	column, row := x/2, y/4
	bits := braille[x%2][y%4]
	if now := field.Rune(column, row); now >= 0x2800 && now <= 0x28ff {
		bits |= now - 0x2800
	}
	field.Set(column, row, 0x2800+bits, s)
}
