package tui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/tui/act"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/theme"
)

// palette takes any command of ddsctl, and the dashboard's own words.
type palette struct {
	input   textinput.Model
	known   []string // acts that make sense now, as command lines without ddsctl
	found   []string // what the command line's own completion offers
	forLine string   // the line that found belongs to
	at      int      // chosen suggestion, -1 for none
}

type completionsMsg struct {
	line  string
	words []string
}

// own are the dashboard's own words.
func own() []string {
	words := []string{"labs", "undo", "heal", "freeze", "motion", "help", "quit", "theme dark", "theme light", "theme none"}
	return append(words, pageNames[:]...)
}

func newPalette(m *Model, line string) *palette {
	p := &palette{input: newInput(line), at: -1}
	add := func(a act.Act) { p.known = append(p.known, strings.TrimPrefix(a.Command(), "ddsctl ")) }
	if m.screen == screenLab {
		lab := m.lab()
		nodes := m.memory.Names()
		if selected := m.view.Selected(); selected != "" { // what is selected comes first
			nodes = slices.DeleteFunc(nodes, func(n string) bool { return n == selected })
			nodes = append([]string{selected}, nodes...)
		}
		for _, name := range nodes {
			for _, a := range lab.Faults(name, m.last.Links) {
				add(a)
			}
			add(lab.Shell(name))
		}
		for _, f := range m.last.Faults {
			add(lab.Heal(f.ID))
		}
		add(lab.HealAll())
		for _, t := range m.last.Traffic {
			add(lab.Rate(t.Workload, t.Asked, act.Step(t.Asked, 1)))
		}
		for _, name := range m.scenarios {
			add(m.scenario(name))
		}
		for _, e := range m.exercises {
			if !e.Question {
				add(lab.Check(e.ID))
			}
		}
		add(lab.Down())
	}
	for _, e := range m.picker.entries {
		if e.Slug != "" {
			add(act.Up(e.Slug))
		}
	}
	p.known = append(p.known, own()...)
	seen := map[string]bool{}
	p.known = slices.DeleteFunc(p.known, func(line string) bool {
		again := seen[line]
		seen[line] = true
		return again
	})
	return p
}

// fuzzy says that each of the typed words stands in the text.
func fuzzy(typed, text string) bool {
	text = strings.ToLower(text)
	for word := range strings.FieldsSeq(strings.ToLower(typed)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// shownSuggestions bounds the list over the line.
const shownSuggestions = 8

func (p *palette) suggestions() []string {
	line := strings.TrimPrefix(strings.TrimLeft(p.input.Value(), " "), "ddsctl ")
	var out []string
	if p.forLine == p.input.Value() {
		out = append(out, p.found...)
	}
	var loose []string
	for _, k := range p.known {
		switch {
		case slices.Contains(out, k):
		case strings.HasPrefix(k, strings.TrimSpace(line)):
			out = append(out, k)
		case fuzzy(line, k):
			loose = append(loose, k)
		}
	}
	return append(out, loose...)
}

func (p *palette) completed(msg completionsMsg) {
	if msg.line == p.input.Value() {
		p.forLine, p.found = msg.line, msg.words
	}
}

// complete asks the command line what may come next.
func (p *palette) complete(m *Model) tea.Cmd {
	line := p.input.Value()
	if m.options.Commander == nil {
		return nil
	}
	words, err := act.Split(line)
	if err != nil {
		return nil
	}
	base := slices.Clone(words)
	if len(words) == 0 || strings.HasSuffix(line, " ") {
		words = append(words, "")
	} else {
		base = base[:len(base)-1]
	}
	commander, ctx, lab := m.options.Commander, m.ctx, m.project()
	return func() tea.Msg {
		var lines []string
		for _, last := range commander.Complete(ctx, lab, words) {
			lines = append(lines, strings.TrimPrefix(act.Command(append(slices.Clone(base), last)), "ddsctl "))
		}
		return completionsMsg{line, lines}
	}
}

func (p *palette) update(m *Model, msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		list := p.suggestions()
		switch k.String() {
		case "esc":
			m.overlay = nil
			return nil
		case "up":
			p.at = min(p.at+1, min(len(list), shownSuggestions)-1)
			return nil
		case "down":
			p.at = max(p.at-1, -1)
			return nil
		case "tab":
			if at := max(p.at, 0); at < len(list) {
				p.input.SetValue(list[at] + " ")
				p.input.CursorEnd()
				p.at = -1
			}
			return p.complete(m)
		case "enter":
			line := p.input.Value()
			if p.at >= 0 && p.at < len(list) {
				line = list[p.at]
			}
			m.overlay = nil
			return m.typed(line)
		}
	}
	before := p.input.Value()
	var cmd tea.Cmd
	p.input, cmd = p.input.Update(msg)
	if p.input.Value() != before {
		p.at = -1
		return tea.Batch(cmd, p.complete(m))
	}
	return cmd
}

func (p *palette) draw(m *Model, r cell.Region) {
	drawInput(m, r.Sub(0, r.H-1, r.W, 1), ":", &p.input)
	list := p.suggestions()
	n := min(len(list), shownSuggestions, r.H-1)
	if n <= 0 {
		return
	}
	wide := 30
	for _, s := range list[:n] {
		wide = max(wide, cell.Width(s)+4)
	}
	box := r.Sub(0, r.H-1-n, min(wide, r.W), n)
	box.Fill(0, 0, box.W, n, cell.Banner)
	for i := range n {
		style := cell.In(cell.Plain).On(cell.Banner)
		y := n - 1 - i
		if i == p.at {
			box.Fill(0, y, box.W, 1, cell.Chosen)
			style = cell.In(cell.Title).On(cell.Chosen).With(cell.Bold)
		}
		box.Text(1, y, list[i], style, box.W-2)
	}
	if len(list) > n {
		box.Right(box.W-1, 0, fmt.Sprintf("+%d", len(list)-n), cell.In(cell.Dim).On(cell.Banner), 8)
	}
}

// typed does what was typed: one of the dashboard's own words, or a command of ddsctl.
func (m *Model) typed(line string) tea.Cmd {
	words, err := act.Split(line)
	if err != nil {
		m.acts.note = err.Error()
		return nil
	}
	if len(words) == 0 {
		return nil
	}
	if cmd, ok := m.ownWord(words); ok {
		return cmd
	}
	a := act.Act{Title: line, Args: words, Faults: len(words) > 1 && words[0] == "fault" && words[1] == "inject"}
	if len(words) > 1 && words[0] == "lab" && (words[1] == "shell" || words[1] == "exec") {
		a.Terminal = true
	}
	switch {
	case words[0] == "dash":
		m.acts.note = "this is the dashboard"
		return nil
	case len(words) > 2 && words[0] == "lab" && words[1] == "up":
		return m.start(words[2], a)
	}
	if words[0] == "exercise" {
		return m.do(a, true, restudy)
	}
	return m.do(a, !a.Faults, nil)
}

func (m *Model) ownWord(words []string) (tea.Cmd, bool) {
	if len(words) == 2 && words[0] == "theme" {
		m.options.AutoTheme = false
		m.options.Theme.NoColor = words[1] == "none"
		m.options.Theme.Light = words[1] == "light"
		m.theme = theme.New(m.options.Theme)
		return nil, true
	}
	if len(words) != 1 {
		return nil, false
	}
	for i, name := range pageNames {
		if words[0] == name && m.screen == screenLab {
			m.turn(page(i))
			return nil, true
		}
	}
	switch words[0] {
	case "labs":
		return m.pick(), true
	case "undo":
		return m.undoLast(), true
	case "heal":
		m.acts.undo = nil
		return m.do(m.lab().HealAll(), false, nil), true
	case "freeze":
		m.freeze()
	case "motion":
		m.options.Still = !m.options.Still
	case "help":
		m.overlay = &help{}
	case "quit", "q", "exit":
		return m.quit(), true
	default:
		return nil, false
	}
	return nil, true
}
