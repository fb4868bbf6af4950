package tui

import (
	"math"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/act"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/pane"
)

// other takes in what is left after the common messages.
func (m *Model) other(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case jobMsg:
		return m.jobSaid(msg)
	case terminalMsg:
		m.dirty = true
		m.acts.note = ""
		if msg.err != nil {
			m.acts.note = msg.act.Command() + ": " + msg.err.Error()
		}
		return tea.ClearScreen
	case entriesMsg, openedMsg:
		m.dirty = true
		return m.pickerSaid(msg)
	case completionsMsg:
		if p, ok := m.overlay.(*palette); ok {
			m.dirty = true
			p.completed(msg)
		}
	}
	return nil
}

func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		return m.quit()
	}
	if m.overlay != nil {
		return m.overlay.update(m, k)
	}
	m.acts.note = ""
	switch {
	case key.Matches(k, keyQuit.Binding):
		return m.quit()
	case key.Matches(k, keyHelp.Binding):
		m.overlay = &help{}
		return nil
	case key.Matches(k, keyPalette.Binding):
		m.overlay = newPalette(m, "")
		return m.overlay.(*palette).complete(m)
	case key.Matches(k, keyFilter.Binding):
		m.overlay = newFilter(m.filter)
		return nil
	}
	if m.screen == screenPicker {
		return m.pickerKey(k)
	}
	if cmd, done := m.pageKey(k); done {
		return cmd
	}
	if cmd, done := m.actKey(k); done {
		return cmd
	}
	m.lookKey(k)
	return nil
}

func (m *Model) quit() tea.Cmd {
	m.quitting = true
	return tea.Quit
}

// pageKey takes keys that lead elsewhere.
func (m *Model) pageKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch {
	case len(k.Text) == 1 && k.Text[0] >= '1' && k.Text[0] < '1'+byte(pages):
		m.turn(page(k.Text[0] - '1'))
	case key.Matches(k, keyBefore.Binding):
		m.turn((m.page + pages - 1) % pages)
	case key.Matches(k, keyAfter.Binding):
		m.turn((m.page + 1) % pages)
	case key.Matches(k, keyBack.Binding):
		m.back()
	case key.Matches(k, keyLabs.Binding):
		return m.pick(), true
	case key.Matches(k, keyFreeze.Binding):
		m.freeze()
	case key.Matches(k, keyTable.Binding) && m.page == pageTopology:
		m.table = !m.table
	case key.Matches(k, keyEnter.Binding):
		return m.enter(), true
	default:
		return nil, false
	}
	return nil, true
}

func (m *Model) turn(p page) {
	if m.page != p {
		m.page, m.detail = p, false
	}
}

// back undoes one thing at a time: what fills the page, the filter, the selection, the page.
func (m *Model) back() {
	switch {
	case m.acts.said != nil && m.acts.said.done && m.acts.said.err != nil:
		m.acts.said = nil
	case m.detail:
		m.detail = false
	case m.filter != "":
		m.filter = ""
	case m.logNode != "" && m.page == pageLogs:
		m.logNode = ""
	case m.page != pageTopology:
		m.turn(pageTopology)
	case m.view.Selected() != "":
		m.view.Select("")
	}
}

func (m *Model) freeze() {
	m.frozen = !m.frozen
	if !m.frozen {
		held := m.held
		m.held = nil
		for _, s := range held {
			m.absorb(s)
		}
	}
}

func (m *Model) enter() tea.Cmd {
	switch {
	case m.ended:
		return m.pick()
	case m.page == pageTopology || m.page == pageNodes:
		if m.view.Selected() != "" {
			m.detail = !m.detail
		}
	case m.page == pageExercises:
		return m.check()
	case m.page == pageLinks:
		if links := m.shownLinks(); m.link < len(links) {
			m.view.Select(links[m.link].To)
			m.turn(pageTopology)
		}
	}
	return nil
}

// actKey takes keys that do something to the lab.
func (m *Model) actKey(k tea.KeyPressMsg) (tea.Cmd, bool) {
	node := m.view.Selected()
	needsNode := func(f func() tea.Cmd) tea.Cmd {
		if node == "" {
			m.acts.note = "select a node first: arrows, mouse, or tab"
			return nil
		}
		return f()
	}
	switch {
	case key.Matches(k, keyKill.Binding):
		return needsNode(func() tea.Cmd { return m.do(m.lab().Fault("kill", []string{node}), false, nil) }), true
	case key.Matches(k, keyPause.Binding):
		return needsNode(func() tea.Cmd { return m.do(m.lab().Fault("pause", []string{node}), false, nil) }), true
	case key.Matches(k, keyFaults.Binding):
		return needsNode(func() tea.Cmd {
			m.overlay = newMenu("faults on "+node, m.lab().Faults(node, m.last.Links))
			return nil
		}), true
	case key.Matches(k, keyUndo.Binding):
		return m.undoLast(), true
	case key.Matches(k, keyHealAll.Binding):
		m.acts.undo = nil
		return m.do(m.lab().HealAll(), false, nil), true
	case key.Matches(k, keyFaster.Binding):
		return m.rate(1), true
	case key.Matches(k, keySlower.Binding):
		return m.rate(-1), true
	case key.Matches(k, keyGrow.Binding):
		return needsNode(func() tea.Cmd { return m.scale(node, 1) }), true
	case key.Matches(k, keyShrink.Binding):
		return needsNode(func() tea.Cmd { return m.scale(node, -1) }), true
	case key.Matches(k, keyShell.Binding):
		return needsNode(func() tea.Cmd { return m.do(m.lab().Shell(node), false, nil) }), true
	case key.Matches(k, keyLogs.Binding):
		m.logNode = node
		m.turn(pageLogs)
		return nil, true
	case key.Matches(k, keyScenario.Binding):
		var list []act.Act
		for _, name := range m.scenarios {
			list = append(list, m.scenario(name))
		}
		m.overlay = newMenu("scenarios", list)
		return nil, true
	case key.Matches(k, keyCheck.Binding):
		return m.check(), true
	}
	return nil, false
}

func (m *Model) rate(up int) tea.Cmd {
	for _, t := range m.last.Traffic {
		if t.Workload != m.workload {
			continue
		}
		if t.Loop == "closed" {
			m.acts.note = "a closed loop has no rate: it sends as fast as answers come"
			return nil
		}
		from := m.steadyRate(t)
		for _, j := range slices.Backward(m.acts.jobs) { // a key that is held down goes on from what it asked for last
			if rate, ok := j.rateOf(t.Workload); ok {
				from = rate
				break
			}
		}
		to := act.Step(from, up)
		m.rates[t.Workload] = to
		return m.do(m.lab().Rate(t.Workload, from, to), false, nil)
	}
	m.acts.note = "no workload runs; start one: ddsctl traffic start"
	return nil
}

// rateSamples is how many Snapshots a rate is told from: what falls due by chance varies from one to the next.
const rateSamples = 20

// steadyRate is a workload's rate: what was set from here, else the mean of what was asked lately, to two digits.
func (m *Model) steadyRate(t telemetry.Traffic) float64 {
	if set, ok := m.rates[t.Workload]; ok && math.Abs(t.Asked-set) < set/2 {
		return set
	}
	sum, n := 0.0, 0
	if w := m.history.Workloads[t.Workload]; w != nil {
		for _, v := range w.Asked.Last(rateSamples) {
			if !math.IsNaN(v) && math.Abs(v-t.Asked) < t.Asked/2 {
				sum, n = sum+v, n+1
			}
		}
	}
	if n == 0 || sum <= 0 {
		return t.Asked
	}
	mean := sum / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(mean))-1)
	return math.Round(mean/unit) * unit
}

func (m *Model) scale(node string, by int) tea.Cmd {
	n, _ := m.data().FindNode(node)
	count := 0
	for _, o := range m.last.Nodes {
		if o.Service == n.Service {
			count++
		}
	}
	if n.Service == "" || count+by < 0 {
		return nil
	}
	return m.do(m.lab().Scale(n.Service, count, count+by), false, nil)
}

func (m *Model) check() tea.Cmd {
	if len(m.exercises) == 0 {
		m.acts.note = "this lab has no exercises"
		return nil
	}
	if m.page != pageExercises {
		m.turn(pageExercises)
		return nil
	}
	m.exercise = min(m.exercise, len(m.exercises)-1)
	chosen := m.exercises[m.exercise]
	if chosen.Question {
		m.overlay = newPalette(m, strings.TrimPrefix(m.lab().Answer(chosen.ID).Command(), "ddsctl ")+" ")
		return nil
	}
	return m.do(m.lab().Check(chosen.ID), true, restudy)
}

// restudy looks at the exercises again.
func restudy(m *Model, _ *job) tea.Cmd { return m.watch.restudy(m.ctx) }

// scenario runs a scenario on the project that is watched.
func (m *Model) scenario(name string) act.Act {
	project := ""
	if m.watch != nil && m.watch.session.Project != m.watch.session.Lab {
		project = m.watch.session.Project
	}
	return m.lab().Scenario(name, project)
}

// lookKey takes keys that select and scroll.
func (m *Model) lookKey(k tea.KeyPressMsg) {
	rows := max(m.height-6, 1)
	switch {
	case key.Matches(k, keyUp.Binding):
		m.move(cell.North, 1)
	case key.Matches(k, keyDown.Binding):
		m.move(cell.South, 1)
	case key.Matches(k, keyLeft.Binding):
		m.move(cell.West, 1)
	case key.Matches(k, keyRight.Binding):
		m.move(cell.East, 1)
	case key.Matches(k, keyPgUp.Binding):
		m.move(cell.North, rows)
	case key.Matches(k, keyPgDown.Binding):
		m.move(cell.South, rows)
	case key.Matches(k, keyHome.Binding):
		m.move(cell.North, 1<<20)
	case key.Matches(k, keyEnd.Binding):
		m.move(cell.South, 1<<20)
	case key.Matches(k, keyNext.Binding):
		m.next(1)
	case key.Matches(k, keyPrev.Binding):
		m.next(-1)
	case key.Matches(k, keyIn.Binding):
		m.view.Zoom(1)
	case key.Matches(k, keyOut.Binding):
		m.view.Zoom(-1)
	case key.Matches(k, keyReset.Binding):
		m.view.Zoom(0)
	case key.Matches(k, keyFold.Binding):
		m.view.Fold()
	case key.Matches(k, keyForget.Binding):
		m.memory.Forget()
	default:
		m.panKey(k.String())
	}
}

func (m *Model) panKey(name string) {
	switch name {
	case "shift+up", "K":
		m.view.Pan(0, -3)
	case "shift+down", "J":
		m.view.Pan(0, 3)
	case "shift+left", "H":
		m.view.Pan(-8, 0)
	case "shift+right":
		m.view.Pan(8, 0)
	}
}

// move selects or scrolls by some rows.
func (m *Model) move(d cell.Direction, by int) {
	sign := by
	if d == cell.North || d == cell.West {
		sign = -by
	}
	switch m.page {
	case pageTopology:
		if m.graphShown() {
			for range min(by, 40) {
				m.view.Move(d)
			}
			return
		}
		m.moveNode(sign)
	case pageNodes:
		m.moveNode(sign)
	case pageTraffic:
		m.next(sign)
	case pageLinks:
		m.link = min(max(m.link+sign, 0), max(len(m.shownLinks())-1, 0))
	case pageExercises:
		m.exercise = min(max(m.exercise+sign, 0), max(len(m.exercises)-1, 0))
	case pageGuide:
		m.scroll[m.page].Move(sign)
	default: // lists that rest at their end
		m.scroll[m.page].Move(-sign)
	}
}

func (m *Model) shownNodes() []telemetry.Node { return pane.FilterNodes(m.memory.Nodes(), m.filter) }
func (m *Model) shownLinks() []telemetry.Link { return pane.FilterLinks(m.last.Links, m.filter) }

func (m *Model) moveNode(by int) {
	nodes := m.shownNodes()
	if len(nodes) == 0 {
		return
	}
	at := slices.IndexFunc(nodes, func(n telemetry.Node) bool { return n.Name == m.view.Selected() })
	switch {
	case at < 0 && by < 0:
		at = len(nodes) - 1
	case at < 0:
		at = 0
	default:
		at = min(max(at+by, 0), len(nodes)-1)
	}
	m.view.Select(nodes[at].Name)
}

// next goes round the workloads on the page of traffic, elsewhere round the nodes.
func (m *Model) next(by int) {
	if m.page == pageTraffic {
		names := m.data().Workloads()
		if len(names) > 0 {
			at := max(slices.Index(names, m.workload), 0)
			m.workload = names[((at+by)%len(names)+len(names))%len(names)]
		}
		return
	}
	nodes := m.shownNodes()
	if len(nodes) == 0 {
		return
	}
	at := slices.IndexFunc(nodes, func(n telemetry.Node) bool { return n.Name == m.view.Selected() })
	m.view.Select(nodes[((at+by)%len(nodes)+len(nodes))%len(nodes)].Name)
}

// rateOf is the rate that a command which still runs sets for a workload.
func (j *job) rateOf(workload string) (float64, bool) {
	i := slices.Index(j.act.Args, "--rate")
	if j.done || i < 1 || i+1 >= len(j.act.Args) || j.act.Args[0] != "traffic" || j.act.Args[i-1] != workload {
		return 0, false
	}
	return parseFloat(j.act.Args[i+1])
}
