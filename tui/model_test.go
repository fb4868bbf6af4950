package tui

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"io"
	"iter"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/pane"
	"github.com/ddsctl/ddsctl/tui/synth"
)

var named = map[string]rune{"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "enter": tea.KeyEnter, "esc": tea.KeyEscape,
	"tab": tea.KeyTab, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "space": tea.KeySpace}

func stroke(name string) tea.KeyPressMsg {
	if code, ok := named[name]; ok {
		k := tea.KeyPressMsg{Code: code}
		if name == "space" {
			k.Text = " "
		}
		return k
	}
	r := []rune(name)[0]
	return tea.KeyPressMsg{Code: r, Text: name}
}

// press presses keys, words apart by spaces, and lets what they begin come to its end.
func press(m *Model, keys string) {
	for k := range strings.FieldsSeq(keys) {
		settle(m, m.update(stroke(k)))
	}
}

func typeText(m *Model, text string) {
	for _, c := range text {
		name := string(c)
		if c == ' ' {
			name = "space"
		}
		settle(m, m.update(stroke(name)))
	}
}

// settle runs a command and those that follow from it.
func settle(m *Model, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			settle(m, c)
		}
	case tea.QuitMsg:
	case watched:
		settle(m, m.take(msg.msg))
	default:
		settle(m, m.update(msg))
	}
}

// fakeCommander notes what it is asked to do.
type fakeCommander struct {
	mu  sync.Mutex
	ran []string
	do  func(args []string, out io.Writer) error
}

func (f *fakeCommander) Run(_ context.Context, _ string, args []string, out io.Writer) error {
	f.mu.Lock()
	f.ran = append(f.ran, strings.Join(args, " "))
	f.mu.Unlock()
	if f.do != nil {
		return f.do(args, out)
	}
	return nil
}

func (f *fakeCommander) Terminal(_ string, args []string) *exec.Cmd {
	return exec.Command("true", args...)
}

func (f *fakeCommander) Complete(_ context.Context, _ string, args []string) []string {
	if len(args) == 2 && args[0] == "scenario" {
		return []string{"run", "list"}
	}
	return nil
}

func (f *fakeCommander) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ran) == 0 {
		return ""
	}
	return f.ran[len(f.ran)-1]
}

func acting(t *testing.T, shape synth.Shape) (*Model, *fakeCommander, *synth.Lab) {
	lab := synth.New(shape, 1, start)
	c := &fakeCommander{}
	now := start
	o := Options{Commander: c, Now: func() time.Time { return now }, Still: true, Session: &Session{Project: shape.Lab, Source: none{}}}
	m := shown(t, o, 120, 40, []telemetry.Snapshot{lab.Next(), lab.Next()})
	m.Frame()
	return m, c, lab
}

func TestAKeyKillsTheSelectedShardAndSaysTheCommand(t *testing.T) {
	m, c, lab := acting(t, synth.ShardedRedis())
	press(m, "x")
	require.Empty(t, c.ran)
	require.Contains(t, m.plain(), "select a node first")
	press(m, "right right right x")
	require.Equal(t, "fault inject kill redis-2", c.last())
	require.Contains(t, m.plain(), "✓ ddsctl fault inject kill redis-2  (u takes it back)")

	lab.Kill("redis-2")
	m.take(snapshotMsg{m.watch, lab.Next()})
	require.Contains(t, m.plain(), "✗ redis-2")
	press(m, "u")
	require.Equal(t, "fault heal f1", c.last())
	lab.Heal("f1")
	m.take(snapshotMsg{m.watch, lab.Next()})
	press(m, "u")
	require.Contains(t, m.plain(), "nothing to undo")
}

func TestTrafficGoesUpAndBack(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	press(m, ">")
	require.Equal(t, "traffic set kv --rate 625", c.last())
	press(m, "u")
	require.Equal(t, "traffic set kv --rate 500", c.last())
}

func TestReplicasAreAddedAndDropped(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	press(m, "right right right a")
	require.Equal(t, "lab scale redis=4", c.last())
	press(m, "u")
	require.Equal(t, "lab scale redis=3", c.last())
}

func TestEveryFaultIsInTheMenu(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	press(m, "right right right f")
	frame := m.plain()
	require.Contains(t, frame, "kill redis-2")
	typeText(m, "delay twemproxy->redis-2 100ms")
	require.Contains(t, m.plain(), "$ ddsctl fault inject delay 'twemproxy->redis-2' --delay 100ms")
	press(m, "enter")
	require.Equal(t, "fault inject delay twemproxy->redis-2 --delay 100ms", c.last())
	require.Nil(t, m.overlay)
}

func TestThePaletteTakesAnyCommandAndOffersWhatFits(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	c.do = func(_ []string, out io.Writer) error {
		_, err := fmt.Fprint(out, "NODE     STATE\nredis-1  ready\n")
		return err
	}
	press(m, ":")
	typeText(m, "kill redis-3")
	require.Contains(t, m.plain(), "fault inject kill redis-3")
	press(m, "up enter")
	require.Equal(t, "fault inject kill redis-3", c.last())

	press(m, ":")
	typeText(m, "lab status")
	press(m, "enter")
	require.Equal(t, "lab status", c.last())
	require.Contains(t, m.plain(), "redis-1  ready", "what a command writes is shown")
	press(m, "esc")
	require.NotContains(t, m.plain(), "redis-1  ready")

	press(m, ":")
	typeText(m, "scenario ")
	require.Contains(t, m.plain(), "scenario list", "the command line's own completion")
	press(m, "esc")
	press(m, ":")
	typeText(m, "events")
	press(m, "enter")
	require.Equal(t, pageEvents, m.page)
}

func TestAFailureIsSaidWithItsReason(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	c.do = func([]string, io.Writer) error { return errors.New("no node called redis-9") }
	press(m, ":")
	typeText(m, "fault inject kill redis-9")
	press(m, "enter")
	require.Contains(t, m.plain(), "✗ ddsctl fault inject kill redis-9: no node called redis-9")
}

func TestEscGoesBackOneThingAtATime(t *testing.T) {
	m, _, _ := acting(t, synth.ShardedRedis())
	press(m, "right right enter")
	require.True(t, m.detail)
	press(m, "/ r e enter")
	require.Equal(t, "re", m.filter)
	press(m, "esc")
	require.False(t, m.detail)
	press(m, "esc")
	require.Empty(t, m.filter)
	press(m, "3 esc")
	require.Equal(t, pageTopology, m.page)
	require.NotEmpty(t, m.view.Selected())
	press(m, "esc")
	require.Empty(t, m.view.Selected())
}

func TestAFrozenPictureStandsAndCatchesUp(t *testing.T) {
	m, _, lab := acting(t, synth.ShardedRedis())
	press(m, "space")
	before := m.plain()
	lab.Kill("redis-1")
	m.take(snapshotMsg{m.watch, lab.Next()})
	require.Equal(t, before, m.plain())
	press(m, "space")
	require.Contains(t, m.plain(), "✗ redis-1")
}

func TestOutOfSightFewFramesAreDrawn(t *testing.T) {
	now := start
	lab := synth.New(synth.Thirty(), 1, start)
	o := Options{Now: func() time.Time { return now }, Session: &Session{Project: "x", Source: none{}}}
	m := shown(t, o, 120, 40, nil)
	frames := func() int {
		before := m.Frames()
		for range 20 { // ten seconds
			now = now.Add(500 * time.Millisecond)
			m.update(watched{m.watch, snapshotMsg{m.watch, lab.Next()}})
			m.View()
		}
		return m.Frames() - before
	}
	require.Equal(t, 20, frames())
	m.update(tea.BlurMsg{})
	require.LessOrEqual(t, frames(), 11)
	require.False(t, m.moves(), "nothing moves that nobody sees")
}

func TestAnUnchangedViewIsNotDrawnAgain(t *testing.T) {
	m, _, _ := acting(t, synth.ShardedRedis())
	m.dirty = true
	m.View()
	before := m.Frames()
	m.update(tea.MouseMotionMsg{X: 3, Y: 3})
	m.View()
	m.View()
	require.Equal(t, before, m.Frames())
}

func TestTheMouseSelectsAndScrolls(t *testing.T) {
	m, _, _ := acting(t, synth.ShardedRedis())
	frame := strings.Split(m.plain(), "\n")
	for y, line := range frame {
		if i := strings.Index(line, "redis-3"); i >= 0 {
			m.update(tea.MouseClickMsg{X: len([]rune(line[:i])), Y: y, Button: tea.MouseLeft})
			break
		}
	}
	require.Equal(t, "redis-3", m.view.Selected())
	x := strings.Index(frame[1], "5events")
	m.update(tea.MouseClickMsg{X: x, Y: 1, Button: tea.MouseLeft})
	require.Equal(t, pageEvents, m.page)
	for i := range 80 {
		m.happened("info", fmt.Sprint("event ", i))
	}
	require.Contains(t, m.plain(), "event 79")
	for range 10 {
		m.update(tea.MouseWheelMsg{X: 20, Y: 10, Button: tea.MouseWheelUp})
	}
	require.NotContains(t, m.plain(), "event 79")
}

func TestLogsFollowAreFilteredAndBelongToANode(t *testing.T) {
	m, _, _ := acting(t, synth.ShardedRedis())
	m.watch.session.Logs = silentLogs{}
	m.take(logsMsg{m.watch, []pane.LogLine{{Node: "redis-1", Text: "one"}, {Node: "redis-2", Text: "two"}, {Node: "redis-2", Text: "three"}}})
	press(m, "right right right l")
	frame := m.plain()
	require.NotContains(t, frame, "one")
	require.Contains(t, frame, "two")
	press(m, "/ t h enter")
	frame = m.plain()
	require.NotContains(t, frame, "two")
	require.Contains(t, frame, "three")
}

type silentLogs struct{}

func (silentLogs) FollowLogs(ctx context.Context, _ func(pane.LogLine)) error {
	<-ctx.Done()
	return nil
}

func TestExercisesAreCheckedAndLookedAtAgain(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	state := "open"
	m.watch.session.Study = study(func() []pane.Exercise { return []pane.Exercise{{ID: "kill", Title: "Kill a shard", State: state}} })
	settle(m, m.watch.restudy(m.ctx))
	press(m, "c")
	require.Contains(t, m.plain(), "Kill a shard")
	c.do = func([]string, io.Writer) error { state = "passed"; return nil }
	press(m, "c")
	require.Equal(t, "exercise check kill", c.last())
	require.Nil(t, m.overlay)
	require.Contains(t, m.plain(), "✓ kill")
}

type study func() []pane.Exercise

func (s study) Exercises(context.Context) ([]pane.Exercise, error) { return s(), nil }
func (s study) Scenarios(context.Context) ([]string, error)        { return nil, nil }

// flaky gives some Snapshots, then an error, again and again.
type flaky struct {
	lab  *synth.Lab
	left int
}

func (f *flaky) Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return func(yield func(telemetry.Snapshot, error) bool) {
		if f.left > 0 {
			f.left--
			yield(telemetry.Snapshot{}, errors.New("cannot connect to the container engine"))
			return
		}
		if yield(f.lab.Next(), nil) {
			<-ctx.Done()
		}
	}
}

func TestALostEngineIsSaidAndReachedAgain(t *testing.T) {
	o := Options{Now: time.Now, Still: true, Session: &Session{Project: "sharded-redis", Source: &flaky{synth.New(synth.ShardedRedis(), 1, start), 1}}}
	ctx, cancel := context.WithCancel(context.Background())
	m := New(ctx, o)
	defer m.Close()
	defer cancel()
	m.width, m.height = 100, 30
	m.update(m.watch.next()())
	frame := m.plain()
	require.Contains(t, frame, "out of reach, trying again")
	require.Contains(t, frame, "cannot connect to the container engine")
	m.update(m.watch.next()())
	require.Contains(t, m.plain(), "live")
	require.Contains(t, m.plain(), "redis-2")
}

func TestAnEngineThatIsLostWhileTheLabIsWatchedIsSaid(t *testing.T) {
	m, _, lab := acting(t, synth.ShardedRedis())
	s := lab.Next()
	s.Sources = []telemetry.Source{{Name: telemetry.SourceEngine, State: telemetry.SourceAbsent, Text: "what is shown is from before: connection refused"}}
	m.take(snapshotMsg{m.watch, s})
	require.Contains(t, m.plain(), "engine out of reach, trying again")
	require.Contains(t, m.plain(), "what is shown is from before: connection refused")
	require.NotContains(t, m.plain(), "live")
	m.take(snapshotMsg{m.watch, lab.Next()})
	require.NotContains(t, m.plain(), "out of reach")
	require.Contains(t, m.plain(), "live")
}

func TestALabThatIsTakenDownIsSaidToBe(t *testing.T) {
	m, _, lab := acting(t, synth.ShardedRedis())
	for _, n := range m.memory.Names() {
		lab.Vanish(n)
	}
	m.take(snapshotMsg{m.watch, lab.Next()})
	require.Contains(t, m.plain(), "the lab is down")
}

// house is a Home with a catalogue of two labs, of which one can be started.
type house struct {
	lab     *synth.Lab
	running bool
}

func (h *house) Entries(context.Context) ([]Entry, error) {
	entry := Entry{Slug: "sharded-redis", Title: "Sharded Redis", Chapter: 3, Pattern: "ambassador", Summary: "twemproxy in front of three shards"}
	if h.running {
		entry.Running = []string{"sharded-redis"}
	}
	return []Entry{{Slug: "leaf-count", Title: "Leaves", Chapter: 7, Pattern: "scatter/gather"}, entry}, nil
}

func (h *house) Open(_ context.Context, project string) (*Session, error) {
	return &Session{Project: project, Lab: project, Source: &flaky{lab: h.lab}}, nil
}

func TestThePickerStartsALabAndShowsIt(t *testing.T) {
	h := &house{lab: synth.New(synth.ShardedRedis(), 1, start)}
	c := &fakeCommander{do: func(args []string, out io.Writer) error {
		h.running = true
		_, err := fmt.Fprintf(out, "started %s\n", args[2])
		return err
	}}
	ctx, cancel := context.WithCancel(context.Background())
	m := New(ctx, Options{Home: h, Commander: c, Now: time.Now, Still: true})
	defer m.Close()
	defer cancel()
	m.width, m.height = 120, 40
	settle(m, m.loadEntries())
	frame := m.plain()
	require.Less(t, strings.Index(frame, "CHAPTER 3"), strings.Index(frame, "CHAPTER 7"))
	require.Contains(t, frame, "twemproxy in front of three shards")
	require.Contains(t, frame, "$ ddsctl lab up sharded-redis")
	press(m, "enter")
	require.Equal(t, "lab up sharded-redis", c.last())
	require.Equal(t, screenLab, m.screen)
	require.Contains(t, m.plain(), "redis-3")
	press(m, "L")
	require.Contains(t, m.plain(), "RUNNING")
}

func TestSeveralRunningLabsAreNamedInCommands(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	m.watch.session.Named = true
	press(m, "right right right x")
	require.Equal(t, "fault inject kill sharded-redis redis-2", c.last())
}

func TestThemesChangeWhileItRuns(t *testing.T) {
	m, _, _ := acting(t, synth.ShardedRedis())
	m.options.AutoTheme = true
	m.update(tea.BackgroundColorMsg{Color: color.White})
	require.Equal(t, "light", m.theme.Name)
	press(m, ":")
	typeText(m, "theme none")
	press(m, "enter")
	require.Equal(t, "none", m.theme.Name)
}

func TestEveryShownKeyIsExplainedOnce(t *testing.T) {
	var seen []string
	for _, b := range shownKeys() {
		require.NotEmpty(t, b.Help().Desc, b.Help().Key)
		require.NotContains(t, seen, b.Help().Key)
		seen = append(seen, b.Help().Key)
	}
	require.True(t, slices.Contains(seen, "?"))
}

func TestAQuestionIsAnsweredInThePalette(t *testing.T) {
	m, c, _ := acting(t, synth.ShardedRedis())
	m.watch.session.Study = study(func() []pane.Exercise {
		return []pane.Exercise{{ID: "lost-keys", Title: "How many keys", Question: true, State: "open"}}
	})
	settle(m, m.watch.restudy(m.ctx))
	press(m, "8 enter")
	typeText(m, "33")
	press(m, "enter")
	require.Equal(t, "exercise answer lost-keys 33", c.last())
}
