package output

import (
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// Rows are a table: for people.
type Rows struct {
	Header []string
	Cells  [][]string // may hold colours
	// Width is how many columns there are; 0 means that nobody counts. What does not fit is shortened, in the widest columns first.
	Width int
	Color bool
	ASCII bool
}

const (
	between     = 3 // blanks between columns
	leastColumn = 6 // no column is shortened below that
)

func (t Rows) write(w io.Writer) error {
	widths := t.widths()
	var b strings.Builder
	t.row(&b, t.Header, widths, lipgloss.NewStyle().Faint(true))
	for _, cells := range t.Cells {
		t.row(&b, cells, widths, lipgloss.NewStyle())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t Rows) widths() []int {
	widths := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Cells...) {
		for i := range min(len(row), len(widths)) {
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
		}
	}
	if t.Width <= 0 {
		return widths
	}
	total := between * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	for ; total > t.Width; total-- {
		widest := 0
		for i, n := range widths {
			if n >= widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastColumn {
			break
		}
		widths[widest]--
	}
	return widths
}

func (t Rows) row(b *strings.Builder, cells []string, widths []int, style lipgloss.Style) {
	tail := "…"
	if t.ASCII {
		tail = "~"
	}
	var line strings.Builder
	for i, width := range widths {
		cell := ""
		if i < len(cells) {
			cell = ansi.Truncate(strings.ReplaceAll(cells[i], "\n", " "), width, tail)
		}
		line.WriteString(cell)
		if i < len(widths)-1 {
			line.WriteString(strings.Repeat(" ", width-ansi.StringWidth(cell)+between))
		}
	}
	text := strings.TrimRight(line.String(), " ")
	if t.Color {
		text = style.Render(text)
	}
	b.WriteString(text + "\n")
}
