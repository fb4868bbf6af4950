package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/act"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/history"
	"github.com/ddsctl/ddsctl/tui/pane"
	"github.com/ddsctl/ddsctl/tui/theme"
	"github.com/ddsctl/ddsctl/tui/topology"
)

// Options are the dashboard's surroundings.
type Options struct {
	Theme     theme.Options
	AutoTheme bool // ask the terminal whether it is light
	Home      Home
	Commander Commander
	// Session is a lab to watch at once; nil opens the picker.
	Session *Session
	Now     func() time.Time
	// Still leaves motion out.
	Still bool
	// Heard is told every Snapshot that comes, Resized every size of the terminal; nil for nobody.
	Heard   func(telemetry.Snapshot) error
	Resized func(width, height int)
}

// How much is kept of what scrolls.
const (
	keptEvents = 500
	keptLines  = 2000
)

// screen is what fills the window.
type screen int

const (
	screenPicker screen = iota
	screenLab
)

// page is one of the views of a lab.
type page int

const (
	pageTopology page = iota
	pageTraffic
	pageNodes
	pageLinks
	pageEvents
	pageLogs
	pageGuide
	pageExercises
	pages
)

var pageNames = [pages]string{"topology", "traffic", "nodes", "links", "events", "logs", "guide", "exercises"}

// Model is the dashboard's state. It is Bubble Tea's model.
type Model struct {
	ctx     context.Context //nolint:containedctx // of the program, for the goroutines that messages start
	options Options
	theme   *theme.Theme
	width   int
	height  int
	screen  screen
	page    page

	watch   *watch
	memory  *topology.Memory
	view    *topology.View
	history *history.History
	last    telemetry.Snapshot
	seen    time.Time // when the last Snapshot came
	events  []telemetry.Event
	lines   []pane.LogLine
	guide   *pane.Guide

	exercises []pane.Exercise
	scenarios []string
	lost      *lostMsg
	ended     bool
	frozen    bool
	held      []telemetry.Snapshot // came while the picture was frozen

	workload   string
	rates      map[string]float64 // set from here, by workload
	logNode    string
	detail     bool // the selected node fills the page
	table      bool // nodes instead of the graph
	filter     string
	link       int // selected row of the links
	exercise   int
	scroll     [pages]pane.Scroll
	side       pane.Scroll // of the node panel's page
	strip      pane.Scroll // of the events under the topology
	picker     picker
	overlay    overlay
	acts       acts
	focused    bool
	ticking    bool
	phase      int
	drawn      time.Time
	dirty      bool
	canvas     *cell.Canvas
	frame      string
	cursor     *tea.Cursor
	hits       []hit
	quitting   bool
	darkKnown  bool
	framesMade int
}

// New gives a dashboard. Its goroutines end when Close is called, or the context ends.
func New(ctx context.Context, o Options) *Model {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Model{ctx: ctx, options: o, theme: theme.New(o.Theme), canvas: cell.New(0, 0), focused: true, dirty: true}
	m.forget()
	if o.Session != nil {
		m.show(o.Session)
	}
	return m
}

func (m *Model) forget() {
	m.memory = topology.NewMemory()
	m.view = topology.NewView(m.memory)
	m.history = history.New()
	m.history.Main = mainFigure
	m.last, m.seen = telemetry.Snapshot{}, time.Time{}
	m.events, m.lines, m.guide = nil, nil, nil
	m.exercises, m.scenarios, m.lost, m.ended, m.frozen, m.held = nil, nil, nil, false, false, nil
	m.workload, m.logNode, m.detail, m.filter, m.link, m.exercise = "", "", false, "", 0, 0
	m.scroll, m.strip, m.side = [pages]pane.Scroll{}, pane.Scroll{}, pane.Scroll{}
	m.acts.undo, m.rates = nil, map[string]float64{}
}

func mainFigure(n telemetry.Node) (string, float64, bool) {
	if stats := topology.Telling(n, 1); len(stats) > 0 {
		return stats[0].Name, stats[0].Value, true
	}
	return "", 0, false
}

// show begins to watch a lab.
func (m *Model) show(s *Session) {
	m.leave()
	m.forget()
	m.guide = pane.NewGuide(s.Guide)
	m.screen = screenLab
	m.page = pageTopology
	m.watch = startWatch(m.ctx, s)
}

func (m *Model) leave() {
	if m.watch != nil {
		m.watch.close()
		m.watch = nil
	}
}

// Close ends what the dashboard has begun, and waits for it.
func (m *Model) Close() {
	m.leave()
	m.acts.close()
}

// project is the running lab that is watched, "" where none is.
func (m *Model) project() string {
	if m.watch == nil {
		return ""
	}
	return m.watch.session.Project
}

// lab words acts for the lab that is watched.
func (m *Model) lab() act.Lab {
	if m.watch != nil && m.watch.session.Named {
		return act.Lab{Name: m.watch.session.Project}
	}
	return act.Lab{}
}

// Init starts the dashboard.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{second()}
	if m.options.AutoTheme {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	if m.watch != nil {
		cmds = append(cmds, m.watch.next())
	} else {
		cmds = append(cmds, m.loadEntries())
	}
	return tea.Batch(cmds...)
}

type (
	secondMsg struct{}
	motionMsg struct{}
)

// second ticks for what counts the time: how long a fault has been there, how old the figures are.
func second() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return secondMsg{} })
}

// motionEvery is the pace of moving dots.
const motionEvery = 160 * time.Millisecond

// motion keeps the dots moving while there is something to see.
func (m *Model) motion() tea.Cmd {
	if m.ticking || !m.moves() {
		return nil
	}
	m.ticking = true
	return tea.Tick(motionEvery, func(time.Time) tea.Msg { return motionMsg{} })
}

func (m *Model) moves() bool {
	return m.focused && !m.frozen && !m.options.Still && m.screen == screenLab && m.page == pageTopology && !m.table && !m.detail &&
		m.overlay == nil && m.tier() != tierTable && m.lost == nil && !m.ended && m.view.Moving()
}

// Update takes a message in.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	if motion := m.motion(); motion != nil {
		cmd = tea.Batch(cmd, motion)
	}
	return m, cmd
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if m.width > 0 && m.options.Resized != nil && (m.width != msg.Width || m.height != msg.Height) {
			m.options.Resized(msg.Width, msg.Height)
		}
		m.width, m.height, m.dirty = msg.Width, msg.Height, true
	case tea.KeyPressMsg:
		m.dirty = true
		return m.key(msg)
	case tea.PasteMsg:
		m.dirty = true
		if m.overlay != nil {
			return m.overlay.update(m, msg)
		}
	case tea.MouseClickMsg, tea.MouseWheelMsg:
		m.dirty = true
		return m.mouse(msg.(tea.MouseMsg))
	case tea.FocusMsg:
		m.focused, m.dirty = true, true
	case tea.BlurMsg:
		m.focused = false
	case tea.BackgroundColorMsg:
		if m.options.AutoTheme && !m.darkKnown {
			m.darkKnown = true
			m.setTheme(!msg.IsDark())
		}
	case secondMsg:
		m.dirty = m.dirty || m.focused
		return second()
	case motionMsg:
		m.ticking = false
		if m.moves() {
			m.phase++
			m.dirty = true
		}
	case watched:
		if msg.watch != m.watch {
			return nil
		}
		return tea.Batch(m.take(msg.msg), msg.watch.next())
	case studyMsg:
		return m.take(msg)
	default:
		return m.other(msg)
	}
	return nil
}

// take takes in what the watched lab says.
func (m *Model) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case snapshotMsg:
		m.lost, m.ended = nil, false
		m.seen = m.options.Now()
		if m.options.Heard != nil {
			if err := m.options.Heard(msg.snapshot); err != nil {
				m.options.Heard = nil
				m.happened("error", "the recording ends: "+err.Error())
			}
		}
		m.ended = len(msg.snapshot.Nodes) == 0 && len(m.memory.Names()) > 0 // all its containers are gone: it was taken down
		if m.ended {
			m.dirty = true
			return nil
		}
		m.absorb(msg.snapshot)
		// Out of sight, once a second is enough.
		if m.focused || m.options.Now().Sub(m.drawn) >= time.Second {
			m.dirty = true
		}
	case lostMsg:
		m.lost, m.dirty = &msg, true
		if msg.attempt == 1 {
			m.happened("error", "the lab is out of reach: "+msg.err.Error())
		}
	case endedMsg:
		m.ended, m.dirty = true, true
	case panicMsg:
		panic(fmt.Sprintf("%v\n%s", msg.value, msg.stack))
	case logsMsg:
		m.lines = append(m.lines, msg.lines...)
		if len(m.lines) > keptLines {
			m.lines = append(m.lines[:0], m.lines[len(m.lines)-keptLines:]...)
		}
		m.dirty = m.dirty || m.page == pageLogs
	case studyMsg:
		if msg.watch != m.watch {
			return nil
		}
		if msg.exercises != nil {
			m.exercises = msg.exercises
		}
		if msg.scenarios != nil {
			m.scenarios = msg.scenarios
		}
		m.dirty = true
	}
	return nil
}

func (m *Model) absorb(s telemetry.Snapshot) {
	if m.frozen {
		m.held = append(m.held, s)
		if len(m.held) > history.Keep {
			m.held = m.held[1:]
		}
		return
	}
	m.history.Add(s)
	for _, e := range s.Events {
		if m.watch != nil && !m.watch.session.Replay {
			e.Time = e.Time.Local() // as the clock on the wall; a recording keeps its own
		}
		m.events = append(m.events, e)
	}
	if len(m.events) > keptEvents {
		m.events = append(m.events[:0], m.events[len(m.events)-keptEvents:]...)
	}
	m.memory.Update(s)
	m.last = s
	if d := m.data(); m.workload == "" || !contains(d.Workloads(), m.workload) {
		if names := d.Workloads(); len(names) > 0 {
			m.workload = names[0]
		}
	}
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// happened notes an event of the dashboard's own.
func (m *Model) happened(severity, text string) {
	m.events = append(m.events, telemetry.Event{Time: m.options.Now(), Severity: severity, Kind: "ddsctl", Text: text})
}

func (m *Model) data() pane.Data {
	now := m.options.Now()
	if m.watch != nil && m.watch.session.Replay {
		now = m.last.Time
	}
	return pane.Data{Snapshot: m.last, History: m.history, Now: now, Braille: m.theme.Braille, ASCII: m.theme.ASCII, Color: !m.theme.NoColor}
}

func (m *Model) setTheme(light bool) {
	m.options.Theme.Light = light
	m.theme = theme.New(m.options.Theme)
	m.dirty = true
}

// Frames is how many frames were computed; for tests of idleness.
func (m *Model) Frames() int { return m.framesMade }
