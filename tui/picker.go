package tui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/tui/act"
	"github.com/ddsctl/ddsctl/tui/cell"
)

// picker chooses a lab: those that run, and the catalogue by chapter.
type picker struct {
	entries []Entry
	err     error
	loaded  bool
	at      int
	scroll  int
	opening string
}

type (
	entriesMsg struct {
		entries []Entry
		err     error
	}
	openedMsg struct {
		session *Session
		project string
		err     error
	}
)

// pick goes to the picker.
func (m *Model) pick() tea.Cmd {
	if m.options.Home == nil {
		m.acts.note = "there are no other labs: this is a replay"
		return nil
	}
	m.leave()
	m.screen, m.overlay, m.filter = screenPicker, nil, ""
	m.picker.opening = ""
	return m.loadEntries()
}

func (m *Model) loadEntries() tea.Cmd {
	home, ctx := m.options.Home, m.ctx
	if home == nil {
		return nil
	}
	return func() tea.Msg {
		entries, err := home.Entries(ctx)
		return entriesMsg{entries, err}
	}
}

func (m *Model) open(project string) tea.Cmd {
	m.picker.opening = project
	home, ctx := m.options.Home, m.ctx
	return func() tea.Msg {
		s, err := home.Open(ctx, project)
		return openedMsg{s, project, err}
	}
}

// start brings a lab up and shows its progress, then the lab.
func (m *Model) start(slug string, a act.Act) tea.Cmd {
	cmd := m.do(a, false, func(m *Model, j *job) tea.Cmd {
		if j.err != nil {
			return m.loadEntries()
		}
		if o, ok := m.overlay.(*output); ok && o.job == j {
			m.overlay = nil
		}
		project := slug
		if i := slices.Index(j.act.Args, "--name"); i >= 0 && i+1 < len(j.act.Args) {
			project = j.act.Args[i+1]
		}
		if m.options.Home == nil {
			return nil
		}
		return m.open(project)
	})
	if m.acts.said != nil && m.options.Commander != nil {
		m.overlay = &output{job: m.acts.said}
	}
	return cmd
}

func (m *Model) pickerSaid(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case entriesMsg:
		m.picker.entries, m.picker.err, m.picker.loaded = msg.entries, msg.err, true
		slices.SortStableFunc(m.picker.entries, func(a, b Entry) int {
			if r := len(b.Running) - len(a.Running); min(len(a.Running), 1) != min(len(b.Running), 1) {
				return r
			}
			if a.Chapter != b.Chapter {
				return a.Chapter - b.Chapter
			}
			return strings.Compare(a.Slug, b.Slug)
		})
	case openedMsg:
		m.picker.opening = ""
		if msg.err != nil {
			m.picker.err = msg.err
			m.happened("error", msg.err.Error())
			return nil
		}
		m.show(msg.session)
		return m.watch.next()
	}
	return nil
}

// choice is one line of the picker that can be chosen.
type choice struct {
	entry   Entry
	project string // "" for one that does not run
}

func (m *Model) choices() []choice {
	var out []choice
	for _, e := range m.picker.entries {
		if !fuzzy(m.filter, strings.Join([]string{e.Slug, e.Title, e.Pattern, fmt.Sprintf("chapter %d", e.Chapter), strings.Join(e.Running, " ")}, " ")) {
			continue
		}
		for _, project := range e.Running {
			out = append(out, choice{e, project})
		}
	}
	for _, e := range m.picker.entries {
		if e.Slug != "" && len(e.Running) == 0 && fuzzy(m.filter, strings.Join([]string{e.Slug, e.Title, e.Pattern, fmt.Sprintf("chapter %d", e.Chapter)}, " ")) {
			out = append(out, choice{entry: e})
		}
	}
	return out
}

func (m *Model) pickerKey(k tea.KeyPressMsg) tea.Cmd {
	list := m.choices()
	switch {
	case key.Matches(k, keyUp.Binding):
		m.picker.at--
	case key.Matches(k, keyDown.Binding):
		m.picker.at++
	case key.Matches(k, keyPgUp.Binding):
		m.picker.at -= 10
	case key.Matches(k, keyPgDown.Binding):
		m.picker.at += 10
	case key.Matches(k, keyHome.Binding):
		m.picker.at = 0
	case key.Matches(k, keyEnd.Binding):
		m.picker.at = len(list) - 1
	case key.Matches(k, keyBack.Binding):
		m.filter = ""
	case key.Matches(k, keyForget.Binding):
		return m.loadEntries()
	case key.Matches(k, keyEnter.Binding):
		return m.choose()
	}
	m.picker.at = min(max(m.picker.at, 0), max(len(list)-1, 0))
	return nil
}

func (m *Model) choose() tea.Cmd {
	list := m.choices()
	if m.picker.at >= len(list) || m.picker.opening != "" {
		return nil
	}
	chosen := list[m.picker.at]
	if chosen.project != "" {
		return m.open(chosen.project)
	}
	return m.start(chosen.entry.Slug, act.Up(chosen.entry.Slug))
}

func (m *Model) drawPicker(r cell.Region) {
	list := m.choices()
	m.picker.at = min(max(m.picker.at, 0), max(len(list)-1, 0))
	left := r
	if r.W >= 80 {
		left = r.Sub(0, 0, r.W/2, r.H)
		m.drawEntry(r.Sub(left.W, 0, r.W-left.W, r.H), list)
	}
	box := left.Panel("labs", fmt.Sprintf("%d", len(list)), true)
	type row struct {
		head string
		at   int
	}
	var rows []row
	head := ""
	for i, c := range list {
		title := fmt.Sprintf("chapter %d", c.entry.Chapter)
		if c.entry.Pattern != "" {
			title += "  " + c.entry.Pattern
		}
		if c.project != "" {
			title = "running"
		}
		if title != head {
			head = title
			rows = append(rows, row{head, -1})
		}
		rows = append(rows, row{"", i})
	}
	chosen := slices.IndexFunc(rows, func(r row) bool { return r.at == m.picker.at })
	if chosen >= 0 {
		m.picker.scroll = min(max(m.picker.scroll, chosen-box.H+1), max(chosen-1, 0))
	}
	m.picker.scroll = min(max(m.picker.scroll, 0), max(len(rows)-box.H, 0))
	m.drawPickerState(box, list)
	for y := 0; y < box.H && m.picker.scroll+y < len(rows); y++ {
		line := rows[m.picker.scroll+y]
		if line.at < 0 {
			box.Text(1, y, strings.ToUpper(line.head), cell.In(cell.Dim).With(cell.Bold), box.W-2)
			continue
		}
		c := list[line.at]
		name, mark, ink := c.entry.Slug, '○', cell.Dim
		if c.project != "" {
			name, mark, ink = c.project, '●', cell.Good
		}
		style, faint := cell.In(cell.Title), cell.In(cell.Dim)
		if line.at == m.picker.at {
			box.Fill(0, y, box.W, 1, cell.Chosen)
			style, faint = style.On(cell.Chosen).With(cell.Bold), faint.On(cell.Chosen)
			box.Set(0, y, '▸', cell.In(cell.Focus).On(cell.Chosen))
		}
		box.Set(2, y, mark, cell.In(ink))
		used := box.Text(4, y, name, style, box.W-5)
		box.Text(4+max(used+2, 24), y, c.entry.Title, faint, box.W-5-max(used+2, 24))
	}
	m.hittable(box, func(_, y int) tea.Cmd {
		i := m.picker.scroll + y
		if i < len(rows) && rows[i].at >= 0 {
			if m.picker.at == rows[i].at {
				return m.choose()
			}
			m.picker.at = rows[i].at
		}
		return nil
	}, func(by int) { m.picker.at = min(max(m.picker.at+by, 0), max(len(list)-1, 0)) })
}

func (m *Model) drawPickerState(box cell.Region, list []choice) {
	switch {
	case m.picker.err != nil && len(list) == 0:
		box.Text(1, 0, m.picker.err.Error(), cell.In(cell.Bad), box.W-2)
	case !m.picker.loaded:
		box.Text(1, 0, "reading the catalogue", cell.In(cell.Dim), box.W-2)
	case len(list) == 0:
		box.Text(1, 0, "no lab fits", cell.In(cell.Dim), box.W-2)
	}
}

func (m *Model) drawEntry(r cell.Region, list []choice) {
	box := r.Panel("", "", false)
	if m.picker.at >= len(list) {
		return
	}
	c := list[m.picker.at]
	y := 1
	put := func(text string, s cell.Style) {
		for _, line := range wrap(text, box.W-4) {
			box.Text(2, y, line, s, box.W-4)
			y++
		}
	}
	title := c.entry.Title
	if title == "" {
		title = c.project
	}
	put(title, cell.In(cell.Title).With(cell.Bold))
	if c.entry.Chapter > 0 {
		put(fmt.Sprintf("chapter %d, %s", c.entry.Chapter, c.entry.Pattern), cell.In(cell.Role))
	}
	y++
	put(c.entry.Summary, cell.In(cell.Plain))
	y++
	command := act.Up(c.entry.Slug).Command()
	do := "enter starts it"
	if c.project != "" {
		do, command = "enter opens it", "ddsctl dash "+c.project
	}
	if m.picker.opening != "" {
		do = "opening " + m.picker.opening
	}
	put(do, cell.In(cell.Good).With(cell.Bold))
	put("$ "+command, cell.In(cell.Accent))
	if m.picker.err != nil {
		y++
		put(m.picker.err.Error(), cell.In(cell.Bad))
	}
}

// wrap breaks text at spaces.
func wrap(text string, width int) []string {
	var out []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case cell.Width(line)+1+cell.Width(word) <= width:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}
