package pane

import (
	"github.com/ddsctl/ddsctl/tui/cell"
)

// column is one column of a table. Where there is no room, columns of the highest rank go first.
type column struct {
	title string
	width int
	right bool
	rank  int
	grow  bool // takes what is left
	draw  func(r cell.Region, x, y, w, row int, base cell.Style)
}

func textColumn(title string, width, rank int, right bool, value func(row int) (string, cell.Style)) column {
	return column{title: title, width: width, rank: rank, right: right, draw: func(r cell.Region, x, y, w, row int, base cell.Style) {
		text, style := value(row)
		style.BG = base.BG
		if right {
			r.Right(x+w, y, text, style, w)
		} else {
			r.Text(x, y, text, style, w)
		}
	}}
}

// table draws rows under titles, with one selected (-1 for none), and gives the first row shown.
func table(r cell.Region, columns []column, rows, selected int, scroll *Scroll) (first int) {
	columns = fit(columns, r.W-2)
	x := 1
	for _, c := range columns {
		if c.right {
			r.Right(x+c.width, 0, c.title, cell.In(cell.Dim), c.width)
		} else {
			r.Text(x, 0, c.title, cell.In(cell.Dim), c.width)
		}
		x += c.width + 2
	}
	body := r.Sub(0, 1, r.W, r.H-1)
	if selected >= 0 {
		scroll.reveal(selected, body.H)
	}
	first = scroll.fromStart(rows, body.H)
	for y := 0; y < body.H && first+y < rows; y++ {
		base := cell.Style{}
		if first+y == selected {
			base.BG = cell.Chosen
			body.Fill(0, y, body.W, 1, cell.Chosen)
			body.Set(0, y, '▸', cell.In(cell.Focus).On(cell.Chosen))
		}
		x := 1
		for _, c := range columns {
			c.draw(body, x, y, c.width, first+y, base)
			x += c.width + 2
		}
	}
	bar(body, first, rows)
	return first
}

// fit leaves columns out until the rest has room, and gives what is left to those that grow.
func fit(columns []column, width int) []column {
	out := append([]column(nil), columns...)
	total := func() int {
		n := -2
		for _, c := range out {
			n += c.width + 2
		}
		return n
	}
	for len(out) > 1 && total() > width {
		worst := 0
		for i, c := range out {
			if c.rank >= out[worst].rank {
				worst = i
			}
		}
		out = append(out[:worst], out[worst+1:]...)
	}
	if len(out) == 1 {
		out[0].width = max(min(out[0].width, width), 0)
		return out
	}
	rest := width - total()
	growing := 0
	for _, c := range out {
		if c.grow {
			growing++
		}
	}
	for i := range out {
		if out[i].grow && growing > 0 {
			part := rest / growing
			out[i].width += part
			rest -= part
			growing--
		}
	}
	return out
}
