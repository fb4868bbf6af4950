package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/tui/act"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/figure"
	"github.com/ddsctl/ddsctl/tui/pane"
)

// overlay is what lies over the page and has the keyboard. Esc closes every one of them.
type overlay interface {
	update(m *Model, msg tea.Msg) tea.Cmd
	draw(m *Model, r cell.Region)
}

// window clears a part in the middle of a region and frames it.
func window(r cell.Region, w, h int, title, right string) cell.Region {
	w, h = min(w, r.W), min(h, r.H)
	box := r.Sub((r.W-w)/2, (r.H-h)/2, w, h)
	box.Fill(0, 0, w, h, cell.Plain)
	return box.Panel(title, right, true)
}

func newInput(value string) textinput.Model {
	input := textinput.New()
	input.Prompt = ""
	input.SetVirtualCursor(false) // the terminal has one, and it blinks by itself
	input.SetValue(value)
	input.CursorEnd()
	_ = input.Focus()
	return input
}

// drawInput draws an input line and puts the terminal's cursor into it.
func drawInput(m *Model, r cell.Region, prompt string, input *textinput.Model) {
	r.Fill(0, 0, r.W, 1, cell.Banner)
	x := r.Text(0, 0, prompt, cell.In(cell.Accent).With(cell.Bold).On(cell.Banner), r.W)
	value, at := []rune(input.Value()), input.Position()
	room := r.W - x - 1
	from := 0
	if at > room {
		from = at - room
	}
	from = min(from, len(value))
	r.Text(x, 0, string(value[from:]), cell.In(cell.Title).On(cell.Banner), max(room, 0))
	place := r.Place()
	m.cursor = tea.NewCursor(min(place.X+x+cell.Width(string(value[from:min(at, len(value))])), place.X+max(r.W-1, 0)), place.Y)
}

// filter narrows what is shown while it is typed.
type filter struct {
	input  textinput.Model
	before string
}

func newFilter(value string) *filter { return &filter{newInput(value), value} }

func (f *filter) update(m *Model, msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "esc":
			m.filter, m.overlay = "", nil
			return nil
		case "enter":
			m.overlay = nil
			return nil
		}
	}
	var cmd tea.Cmd
	f.input, cmd = f.input.Update(msg)
	m.filter = strings.TrimSpace(f.input.Value())
	return cmd
}

func (f *filter) draw(m *Model, r cell.Region) { drawInput(m, r.Sub(0, r.H-1, r.W, 1), "/", &f.input) }

// menu is a list of acts to choose from.
type menu struct {
	title  string
	acts   []act.Act
	at     int
	scroll int
	word   string // what was typed narrows the list
}

func newMenu(title string, acts []act.Act) *menu { return &menu{title: title, acts: acts} }

func (u *menu) shown() []act.Act {
	var out []act.Act
	for _, a := range u.acts {
		if fuzzy(u.word, a.Title) {
			out = append(out, a)
		}
	}
	return out
}

func (u *menu) update(m *Model, msg tea.Msg) tea.Cmd {
	shown := u.shown()
	if wheel, ok := msg.(tea.MouseWheelMsg); ok {
		u.at += map[tea.MouseButton]int{tea.MouseWheelUp: -1, tea.MouseWheelDown: 1}[wheel.Button]
	}
	k, ok := msg.(tea.KeyPressMsg)
	if ok {
		switch k.String() {
		case "esc":
			if u.word != "" {
				u.word = ""
				return nil
			}
			m.overlay = nil
			return nil
		case "up", "ctrl+p":
			u.at--
		case "down", "ctrl+n":
			u.at++
		case "pgup":
			u.at -= 8
		case "pgdown":
			u.at += 8
		case "backspace":
			if n := len(u.word); n > 0 {
				u.word = u.word[:n-1]
			}
		case "tab":
			if u.at < len(shown) {
				m.overlay = newPalette(m, strings.TrimPrefix(shown[u.at].Command(), "ddsctl ")+" ")
			}
			return nil
		case "enter":
			if u.at >= len(shown) {
				return nil
			}
			chosen := shown[u.at]
			m.overlay = nil
			if chosen.Incomplete {
				m.overlay = newPalette(m, strings.TrimPrefix(chosen.Command(), "ddsctl ")+" ")
				return nil
			}
			return m.do(chosen, !chosen.Faults, nil)
		default:
			if len(k.Text) == 1 && k.Text[0] > ' ' {
				u.word += k.Text
				u.at = 0
			} else if k.Text == " " {
				u.word += " "
			}
		}
	}
	u.at = min(max(u.at, 0), max(len(u.shown())-1, 0))
	return nil
}

func (u *menu) draw(m *Model, r cell.Region) {
	shown := u.shown()
	wide := 40
	for _, a := range u.acts {
		wide = max(wide, cell.Width(a.Title)+4, cell.Width(a.Command())+6)
	}
	title := u.title
	if u.word != "" {
		title += ": " + u.word
	}
	box := window(r, min(wide, r.W-4), min(len(u.acts)+5, r.H-2), title, "type to find")
	rows := max(box.H-2, 1)
	if u.at < u.scroll {
		u.scroll = u.at
	}
	if u.at >= u.scroll+rows {
		u.scroll = u.at - rows + 1
	}
	if len(shown) == 0 {
		box.Text(1, 0, "nothing to choose from", cell.In(cell.Dim), box.W-2)
	}
	for y := 0; y < rows && u.scroll+y < len(shown); y++ {
		style := cell.In(cell.Plain)
		if u.scroll+y == u.at {
			box.Fill(0, y, box.W, 1, cell.Chosen)
			style = cell.In(cell.Title).On(cell.Chosen).With(cell.Bold)
			box.Set(0, y, '▸', cell.In(cell.Focus).On(cell.Chosen))
		}
		box.Text(2, y, shown[u.scroll+y].Title, style, box.W-3)
	}
	if u.at < len(shown) && box.H >= 3 {
		box.Text(1, box.H-2, "$ "+shown[u.at].Command(), cell.In(cell.Accent), box.W-2)
	}
	if box.H >= 2 {
		box.Text(1, box.H-1, "enter does it   tab edits it   esc closes", cell.In(cell.Dim), box.W-2)
	}
}

// help lists the keys.
type help struct{ scroll pane.Scroll }

func (h *help) update(m *Model, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch {
		case key.Matches(msg, keyUp.Binding):
			h.scroll.Move(-1)
		case key.Matches(msg, keyDown.Binding):
			h.scroll.Move(1)
		case key.Matches(msg, keyPgDown.Binding):
			h.scroll.Move(10)
		case key.Matches(msg, keyPgUp.Binding):
			h.scroll.Move(-10)
		default:
			m.overlay = nil
		}
	case tea.MouseWheelMsg:
		h.scroll.Move(map[tea.MouseButton]int{tea.MouseWheelUp: -1, tea.MouseWheelDown: 1}[msg.Button])
	}
	return nil
}

// legend explains the drawing.
var legend = [][2]string{
	{"● ◐ ▲ ✗", "ready, starting, failing, down"}, {"‖ ■ ○ ◌", "paused, exited, without a probe, gone"},
	{"★ ◆ ◇", "leader, owner, shard or replica"}, {"━▶ ─▶", "busy link, link in use"},
	{"╌▶ silent", "declared, never used"}, {"+12kB/s", "used, never declared"}, {"✗ cut ↯", "a fault on a link or node"},
}

func (h *help) draw(m *Model, r cell.Region) {
	type row struct {
		left, right string
		head        bool
	}
	var rows []row
	group := ""
	for _, b := range shownKeys() {
		if b.group != group {
			group = b.group
			rows = append(rows, row{left: group, head: true})
		}
		rows = append(rows, row{left: b.Help().Key, right: b.Help().Desc})
	}
	rows = append(rows, row{left: "signs", head: true})
	for _, l := range legend {
		rows = append(rows, row{left: l[0], right: l[1]})
	}
	columns := 1
	if r.W >= 110 {
		columns = 2
	}
	per := (len(rows) + columns - 1) / columns
	box := window(r, min(56*columns+2, r.W), min(per+2, r.H), "help", "esc closes")
	h.scroll.Back = min(max(h.scroll.Back, 0), max(per-box.H, 0))
	for i, line := range rows {
		x, y := i/per*(box.W/columns)+1, i%per-h.scroll.Back
		if y < 0 || y >= box.H {
			continue
		}
		w := box.W/columns - 2
		if line.head {
			box.Text(x, y, strings.ToUpper(line.left), cell.In(cell.Dim).With(cell.Bold), w)
			continue
		}
		box.Text(x+1, y, line.left, cell.In(cell.Accent).With(cell.Bold), 12)
		box.Text(x+14, y, line.right, cell.In(cell.Plain), w-14)
	}
}

// output shows what a command has written.
type output struct {
	job    *job
	scroll pane.Scroll
}

func (o *output) update(m *Model, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch {
		case key.Matches(msg, keyUp.Binding):
			o.scroll.Move(1)
		case key.Matches(msg, keyDown.Binding):
			o.scroll.Move(-1)
		case key.Matches(msg, keyPgUp.Binding):
			o.scroll.Move(10)
		case key.Matches(msg, keyPgDown.Binding):
			o.scroll.Move(-10)
		case msg.String() == "esc" || msg.String() == "enter" || msg.String() == "q":
			if !o.job.done {
				o.job.cancel()
				m.acts.note = "called off: " + o.job.act.Command()
			}
			m.overlay = nil
		}
	case tea.MouseWheelMsg:
		o.scroll.Move(map[tea.MouseButton]int{tea.MouseWheelUp: 1, tea.MouseWheelDown: -1}[msg.Button])
	}
	return nil
}

func (o *output) draw(m *Model, r cell.Region) {
	lines := o.job.lines
	if o.job.err != nil {
		lines = append(append([]string(nil), lines...), "error: "+o.job.err.Error())
	}
	wide := cell.Width(o.job.act.Command()) + 10
	for _, l := range lines {
		wide = max(wide, cell.Width(l)+4)
	}
	state := "esc closes"
	if !o.job.done {
		state = string(spinner(m)) + " " + figure.Duration(m.options.Now().Sub(o.job.started)) + "   esc calls it off"
	}
	box := window(r, min(max(wide, 50), r.W-2), min(max(len(lines), 3)+2, r.H-2), "$ "+o.job.act.Command(), state)
	o.scroll.Back = min(max(o.scroll.Back, 0), max(len(lines)-box.H, 0))
	first := max(len(lines)-box.H-o.scroll.Back, 0)
	for y := 0; y < box.H && first+y < len(lines); y++ {
		style := cell.In(cell.Plain)
		if strings.HasPrefix(lines[first+y], "error:") {
			style = cell.In(cell.Bad)
		}
		box.Text(1, y, lines[first+y], style, box.W-2)
	}
}
