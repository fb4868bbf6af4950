package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/figure"
	"github.com/ddsctl/ddsctl/tui/pane"
	"github.com/ddsctl/ddsctl/tui/topology"
)

// tier is how much room there is.
type tier int

const (
	tierNone  tier = iota // under 20 by 5: only a message
	tierTable             // under 80 columns: lists
	tierGraph             // under 120: the graph or a list, and a strip below
	tierFull              // graph and charts
)

// The smallest terminal that is drawn to.
const (
	leastWidth  = 20
	leastHeight = 5
)

func (m *Model) tier() tier {
	switch {
	case m.width < leastWidth || m.height < leastHeight:
		return tierNone
	case m.width < 80 || m.height < 16:
		return tierTable
	case m.width < 120 || m.height < 30:
		return tierGraph
	}
	return tierFull
}

func (m *Model) graphShown() bool {
	return m.page == pageTopology && !m.detail && (m.tier() == tierTable) == m.table && m.tier() != tierNone
}

// View gives the frame; it is computed anew only when something has changed.
func (m *Model) View() tea.View {
	if m.dirty && m.width > 0 {
		m.frame = m.Frame().Encode(&m.theme.Palette)
		m.dirty, m.drawn = false, m.options.Now()
	}
	v := tea.NewView(m.frame)
	v.AltScreen = true
	v.ReportFocus = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "ddsctl"
	if m.watch != nil {
		v.WindowTitle = "ddsctl " + cell.Sanitize(m.watch.session.Project)
	}
	v.Cursor = m.cursor
	return v
}

// Frame draws the whole screen.
func (m *Model) Frame() *cell.Canvas {
	m.framesMade++
	m.canvas.Reset(m.width, m.height)
	m.hits, m.cursor = m.hits[:0], nil
	r := m.canvas.All()
	if m.tier() == tierNone {
		r.Text(0, 0, "ddsctl needs", cell.In(cell.Warn), r.W)
		r.Text(0, 1, fmt.Sprintf("%d×%d or more", leastWidth, leastHeight), cell.In(cell.Warn), r.W)
		return m.canvas
	}
	m.drawHeader(r.Sub(0, 0, r.W, 1))
	body := r.Sub(0, 1, r.W, r.H-2)
	if m.screen == screenPicker {
		m.drawPicker(body)
	} else {
		m.drawTabs(r.Sub(0, 1, r.W, 1))
		m.drawPage(r.Sub(0, 2, r.W, r.H-3))
	}
	m.drawFooter(r.Sub(0, r.H-1, r.W, 1))
	if m.overlay != nil {
		over := body
		switch m.overlay.(type) {
		case *palette, *filter:
			over = r
		}
		m.overlay.draw(m, over)
	}
	return m.canvas
}

func (m *Model) drawHeader(r cell.Region) {
	r.Fill(0, 0, r.W, 1, cell.Banner)
	on := func(ink cell.Ink) cell.Style { return cell.In(ink).On(cell.Banner) }
	right, ink := m.state()
	end := r.W - 1
	r.Right(end, 0, right, on(ink).With(cell.Bold), r.W/2)
	end -= cell.Width(right) + 2
	x := 1
	x += r.Text(x, 0, "ddsctl", on(cell.Accent).With(cell.Bold), end-x)
	if m.screen == screenPicker || m.watch == nil {
		r.Text(x, 0, "  choose a lab", on(cell.Dim), end-x)
		return
	}
	x += r.Text(x, 0, " ▸ ", on(cell.Faint), end-x)
	x += r.Text(x, 0, m.watch.session.Project, on(cell.Title).With(cell.Bold), end-x)
	x += 2
	pieces := m.headline()
	for i, p := range pieces {
		need := cell.Width(p.text)
		if strings.HasSuffix(p.text, " ") && i+1 < len(pieces) { // a label goes with its figure
			need += cell.Width(pieces[i+1].text)
		}
		if x+need > end {
			return
		}
		x += r.Text(x, 0, p.text, on(p.ink).With(p.attr), end-x)
	}
}

type headPiece struct {
	text string
	ink  cell.Ink
	attr cell.Attr
}

// headline is the lab in a few words: nodes, traffic, faults.
func (m *Model) headline() []headPiece {
	ready, trouble, rest, _ := m.memory.Summary()
	out := []headPiece{{fmt.Sprintf(" ● %d", ready), cell.Good, cell.Bold}}
	if trouble > 0 {
		out = append(out, headPiece{fmt.Sprintf("  ✗ %d", trouble), cell.Bad, cell.Bold})
	}
	if rest > 0 {
		out = append(out, headPiece{fmt.Sprintf("  ◐ %d", rest), cell.Warn, cell.Bold})
	}
	if n := len(m.last.Faults); n > 0 {
		out = append(out, headPiece{fmt.Sprintf("  ↯ %d", n), cell.Bad, cell.Bold})
	}
	achieved, failed, p99 := 0.0, 0.0, 0.0
	for _, t := range m.last.Traffic {
		achieved += t.Achieved
		failed += t.Achieved - t.Succeeded
		p99 = max(p99, t.Latency.P99)
	}
	if len(m.last.Traffic) > 0 {
		share := failed / max(achieved, 1)
		ink := cell.Good
		if share > 0.01 {
			ink = cell.Bad
		} else if share > 0 {
			ink = cell.Warn
		}
		out = append(out, headPiece{"   " + figure.Rate(achieved), cell.First, cell.Bold}, headPiece{"  errors ", cell.Dim, 0},
			headPiece{figure.Percent(share), ink, cell.Bold}, headPiece{"  p99 ", cell.Dim, 0}, headPiece{figure.Seconds(p99), cell.Third, cell.Bold})
	}
	return out
}

// stale is after how long without figures that is said.
const stale = 4 * time.Second

// state says whether what is seen is live.
func (m *Model) state() (string, cell.Ink) {
	clock := m.options.Now().Format("15:04:05")
	switch {
	case m.screen == screenPicker:
		return clock, cell.Dim
	case m.lost != nil:
		return "✗ out of reach, trying again", cell.Bad
	case m.ended && m.watch != nil && m.watch.session.Replay:
		return "■ end of the replay", cell.Warn
	case m.ended:
		return "■ the lab is down", cell.Warn
	case m.frozen:
		return "‖ frozen", cell.Warn
	case m.watch != nil && m.watch.session.Replay:
		return "▸ replay " + m.last.Time.Format("15:04:05"), cell.Info
	case m.seen.IsZero():
		return "◐ waiting", cell.Warn
	case m.last.EngineLost() != "":
		return "✗ engine out of reach, trying again", cell.Bad
	}
	if age := m.options.Now().Sub(m.seen); age > stale {
		return "◐ figures are " + figure.Duration(age) + " old", cell.Warn
	}
	return clock + " ● live", cell.Good
}

// outOfReach says why the lab or its engine cannot be read now; "" where it can.
func (m *Model) outOfReach() string {
	switch {
	case m.lost != nil:
		return m.lost.err.Error()
	case m.ended || m.frozen || m.watch != nil && m.watch.session.Replay:
		return ""
	}
	return m.last.EngineLost()
}

func (m *Model) drawTabs(r cell.Region) {
	x := 1
	for i, name := range pageNames {
		p := page(i)
		style, number := cell.In(cell.Dim), cell.In(cell.Faint)
		if p == m.page {
			style, number = cell.In(cell.Focus).With(cell.Bold|cell.Underline), cell.In(cell.Focus)
		}
		if r.W < 76 && p != m.page {
			name = name[:min(len(name), 3)]
		}
		if x+cell.Width(name)+2 > r.W {
			return
		}
		start := x
		x += r.Text(x, 0, fmt.Sprint(i+1), number, r.W-x)
		x += r.Text(x, 0, name, style, r.W-x)
		m.hittable(r.Sub(start, 0, x-start, 1), func(int, int) tea.Cmd { m.turn(p); return nil }, nil)
		x += 2
	}
	if m.filter != "" && r.W-x > 8 {
		r.Right(r.W-1, 0, "/"+m.filter, cell.In(cell.Warn).With(cell.Bold), r.W-x)
	}
}

func (m *Model) drawPage(r cell.Region) {
	if m.detail && (m.page == pageTopology || m.page == pageNodes) {
		m.drawDetail(r)
		return
	}
	d := m.data()
	framed := func(title, right string) cell.Region {
		if m.tier() == tierTable && (r.H < 8 || r.W < 60) { // a frame costs more than it gives
			return r
		}
		return r.Panel(title, right, true)
	}
	s := &m.scroll[m.page]
	switch m.page {
	case pageTopology:
		m.drawOverview(r)
	case pageTraffic:
		title, right := m.trafficTitle()
		pane.TrafficView(framed(title, right), d, m.workload)
	case pageNodes:
		m.drawNodes(framed("nodes", fmt.Sprint(len(m.shownNodes()))), d)
	case pageLinks:
		links := m.shownLinks()
		box := framed("links", fmt.Sprint(len(links)))
		first := pane.Links(box, d, links, m.link, s)
		m.hittable(box, func(_, y int) tea.Cmd {
			if i := first + y - 1; i >= 0 && i < len(links) {
				m.link = i
			}
			return nil
		}, func(by int) { m.link = min(max(m.link+by, 0), max(len(links)-1, 0)) })
	case pageEvents:
		box := framed("events", "")
		pane.Events(box, pane.FilterEvents(m.events, m.filter), s)
		m.hittable(box, nil, scrolls(s, true))
	case pageLogs:
		m.drawLogs(framed(m.logsTitle(), follow(s)), s)
	case pageGuide:
		box := framed("guide", "")
		m.guide.Draw(box, s)
		m.hittable(box, nil, scrolls(s, false))
	case pageExercises:
		box := framed("exercises", "enter checks")
		pane.Exercises(box, m.exercises, m.exercise, s)
		m.hittable(box, func(_, y int) tea.Cmd {
			if i := s.Back + y - 1; i >= 0 && i < len(m.exercises) {
				m.exercise = i
			}
			return nil
		}, func(by int) { m.exercise = min(max(m.exercise+by, 0), max(len(m.exercises)-1, 0)) })
	}
}

func follow(s *pane.Scroll) string {
	if s.Back > 0 {
		return "scrolled, end follows"
	}
	return "follows"
}

func (m *Model) logsTitle() string {
	if m.logNode != "" {
		return "logs of " + m.logNode
	}
	return "logs"
}

func (m *Model) drawLogs(box cell.Region, s *pane.Scroll) {
	if m.watch != nil && m.watch.session.Logs == nil {
		box.Text(1, 0, "a replay has no logs", cell.In(cell.Dim), box.W-2)
		return
	}
	pane.Logs(box, pane.FilterLogs(m.lines, m.logNode, m.filter), s)
	m.hittable(box, nil, scrolls(s, true))
}

func (m *Model) trafficTitle() (title, right string) {
	names := m.data().Workloads()
	if len(names) > 1 {
		right = "tab: " + strings.Join(names, " ")
	}
	if m.workload == "" {
		return "traffic", right
	}
	return "traffic " + m.workload, right
}

func (m *Model) drawNodes(box cell.Region, d pane.Data) {
	nodes := m.shownNodes()
	s := &m.scroll[pageNodes]
	first := pane.Nodes(box, d, nodes, m.view.Selected(), s)
	m.hittable(box, func(_, y int) tea.Cmd {
		if i := first + y - 1; i >= 0 && i < len(nodes) {
			m.detail = m.view.Selected() == nodes[i].Name
			m.view.Select(nodes[i].Name)
		}
		return nil
	}, func(by int) { m.moveNode(by) })
}

// drawDetail fills the page with the selected node, its events and its log.
func (m *Model) drawDetail(r cell.Region) {
	name := m.view.Selected()
	d := m.data()
	upper := r.H
	if r.H >= 24 {
		upper = max(r.H/2, 12)
	}
	pane.Node(r.Sub(0, 0, r.W, upper).Panel("node "+name, "esc goes back", true), d, name)
	if upper == r.H {
		return
	}
	lower := r.Sub(0, upper, r.W, r.H-upper)
	var events []telemetry.Event
	for _, e := range m.events {
		if e.Node == name {
			events = append(events, e)
		}
	}
	left := lower.W
	if lower.W >= 100 {
		left = lower.W / 2
		lines := pane.FilterLogs(m.lines, name, m.filter)
		pane.Logs(lower.Sub(left, 0, lower.W-left, lower.H).Panel("logs", "", false), lines, &m.side)
	}
	pane.Events(lower.Sub(0, 0, left, lower.H).Panel("events", "", false), events, &m.strip)
}

func (m *Model) drawFooter(r cell.Region) {
	r.Fill(0, 0, r.W, 1, cell.Banner)
	on := func(ink cell.Ink) cell.Style { return cell.In(ink).On(cell.Banner) }
	if lost := m.outOfReach(); lost != "" && m.screen == screenLab {
		r.Text(1, 0, lost, on(cell.Bad), r.W-2)
		return
	}
	if mark, ink, text := m.message(); text != "" {
		r.Set(1, 0, mark, on(ink).With(cell.Bold))
		used := r.Text(3, 0, text, on(ink), r.W-4)
		if rest := r.W - used - 5; rest > 60 {
			m.drawHints(r.Sub(r.W-rest, 0, rest, 1))
		}
		return
	}
	m.drawHints(r)
}

func (m *Model) drawHints(r cell.Region) {
	hints := []binding{keyKill, keyFaults, keyUndo, keyFaster, keyShell, keyLogs, keyFilter, keyPalette, keyHelp, keyQuit}
	words := map[string]string{"x": "kill", "f": "faults", "u": "undo", "> <": "traffic", "s": "shell", "l": "logs", "/": "filter", ":": "command", "?": "help", "q": "quit"}
	if m.screen == screenPicker {
		hints = []binding{keyEnter, keyFilter, keyPalette, keyHelp, keyQuit}
		words["enter"] = "open or start"
	}
	x := 1
	for _, h := range hints {
		name, what := h.Help().Key, words[h.Help().Key]
		if x+cell.Width(name)+1+cell.Width(what) > r.W-1 {
			return
		}
		x += r.Text(x, 0, name, cell.In(cell.Accent).With(cell.Bold).On(cell.Banner), r.W-x) + 1
		x += r.Text(x, 0, what, cell.In(cell.Dim).On(cell.Banner), r.W-x) + 3
	}
}

func nodeTitle(d pane.Data, name string) string {
	if n, ok := d.FindNode(name); ok {
		return string(topology.Of(n).Symbol) + " " + name
	}
	return "node"
}
