package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/pane"
)

// hit is a place on the screen that answers to the mouse.
type hit struct {
	cell.Rect
	click  func(x, y int) tea.Cmd // relative to the place
	scroll func(by int)
}

func (m *Model) hittable(r cell.Region, click func(x, y int) tea.Cmd, scroll func(by int)) {
	m.hits = append(m.hits, hit{r.Place(), click, scroll})
}

func (m *Model) mouse(msg tea.MouseMsg) tea.Cmd {
	e := msg.Mouse()
	if m.overlay != nil {
		if wheel, ok := msg.(tea.MouseWheelMsg); ok {
			return m.overlay.update(m, wheel)
		}
	}
	for i := len(m.hits) - 1; i >= 0; i-- {
		h := m.hits[i]
		if !h.Contains(e.X, e.Y) {
			continue
		}
		switch msg.(type) {
		case tea.MouseWheelMsg:
			if h.scroll == nil {
				continue
			}
			switch e.Button {
			case tea.MouseWheelUp:
				h.scroll(-1)
			case tea.MouseWheelDown:
				h.scroll(1)
			}
			return nil
		case tea.MouseClickMsg:
			if h.click != nil && e.Button == tea.MouseLeft {
				return h.click(e.X-h.X, e.Y-h.Y)
			}
		}
	}
	return nil
}

// clickBox selects the box under the mouse; a second click looks into it.
func (m *Model) clickBox(x, y int) tea.Cmd {
	id, ok := m.view.Hit(x, y)
	if !ok {
		m.view.Select("")
		return nil
	}
	before := m.view.Selected()
	m.view.Select(id)
	if before != "" && before == m.view.Selected() && !strings.HasSuffix(id, "/*") {
		m.detail = true
	}
	return nil
}

// scrolls moves a list that rests at its end, or at its start.
func scrolls(s *pane.Scroll, fromEnd bool) func(int) {
	return func(by int) {
		if fromEnd {
			by = -by
		}
		s.Move(3 * by)
	}
}

func parseFloat(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}
