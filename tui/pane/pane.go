// Package pane draws the dashboard's panels: each is a function from what is known to cells. They keep no state but where
// they are scrolled to, which their caller holds.
package pane

import (
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/history"
)

// Data is what panels draw from.
type Data struct {
	Snapshot telemetry.Snapshot
	History  *history.History
	Now      time.Time
	Braille  bool
	Color    bool
	ASCII    bool
}

// Scroll is where a list is scrolled to: rows from its first one, or from its end where it follows.
type Scroll struct {
	// Back is how many rows the window was moved from where it rests: up from the end for lists that follow, down from the
	// start for others. Drawing bounds it.
	Back int
}

// Move scrolls by rows: positive away from where the list rests.
func (s *Scroll) Move(by int) { s.Back = max(s.Back+by, 0) }

// fromStart bounds the position and gives the first row that is shown.
func (s *Scroll) fromStart(rows, height int) int {
	s.Back = min(max(s.Back, 0), max(rows-height, 0))
	return s.Back
}

// fromEnd is the same for lists that rest at their end.
func (s *Scroll) fromEnd(rows, height int) int {
	s.Back = min(max(s.Back, 0), max(rows-height, 0))
	return max(rows-height-s.Back, 0)
}

// reveal scrolls so that a row is seen.
func (s *Scroll) reveal(row, height int) {
	if row < s.Back {
		s.Back = row
	}
	if row >= s.Back+height {
		s.Back = row - height + 1
	}
}

// bar draws where in a list the window is, in the column right of it.
func bar(r cell.Region, first, rows int) {
	if rows <= r.H || r.H < 2 {
		return
	}
	length := max(r.H*r.H/rows, 1)
	at := first * (r.H - length) / max(rows-r.H, 1)
	for y := range r.H {
		c, s := '│', cell.In(cell.Faint)
		if y >= at && y < at+length {
			c, s = '┃', cell.In(cell.Dim)
		}
		r.Set(r.W-1, y, c, s)
	}
}

// words writes pieces one after another and gives the columns used. It stops before the first that does not fit; a piece that
// ends in a space, such as a label, stays with the one after it.
func words(r cell.Region, x, y int, pieces ...piece) int {
	start := x
	for i, p := range pieces {
		need := 0
		for _, q := range pieces[i:] {
			need += cell.Width(q.text)
			if q.text == "" || q.text[len(q.text)-1] != ' ' {
				break
			}
		}
		if x+need > r.W {
			break
		}
		x += r.Text(x, y, p.text, p.style, r.W-x)
	}
	return x - start
}

type piece struct {
	text  string
	style cell.Style
}

func say(ink cell.Ink, text string) piece  { return piece{text, cell.In(ink)} }
func loud(ink cell.Ink, text string) piece { return piece{text, cell.In(ink).With(cell.Bold)} }
