package tui

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/pane"
	"github.com/ddsctl/ddsctl/tui/theme"
)

// strange draws any Snapshot: names in any script, figures that are none, links to nowhere.
func strange(t *rapid.T) telemetry.Snapshot {
	name := rapid.OneOf(rapid.StringMatching(`[a-z]{1,8}-[0-9]{1,2}`), rapid.String(), rapid.StringMatching(`[日本語한국👩‍👩‍👧é\x1b\[31m]{1,9}`),
		rapid.StringMatching(`[a-z]{60,90}`))
	figure := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), -1, 1e12}))
	optional := func(label string) *float64 {
		if rapid.Bool().Draw(t, label) {
			return nil
		}
		v := figure.Draw(t, label+" value")
		return &v
	}
	s := telemetry.Snapshot{Time: start, Window: time.Second}
	var names []string
	for i := range rapid.IntRange(0, 12).Draw(t, "nodes") {
		n := telemetry.Node{Name: name.Draw(t, "name"), Service: name.Draw(t, "service"), Number: i,
			Phase:  rapid.SampledFrom([]engine.Phase{engine.PhaseRunning, engine.PhaseExited, engine.PhasePaused, ""}).Draw(t, "phase"),
			Health: rapid.SampledFrom([]telemetry.Health{telemetry.HealthReady, telemetry.HealthDown, telemetry.HealthUnknown, ""}).Draw(t, "health"),
			Role:   rapid.SampledFrom([]string{"", "leader", "client", "shard", "a role with a very long name"}).Draw(t, "role"),
			CPU:    optional("cpu"), CPULimit: optional("limit"), Received: optional("in"), Sent: optional("out")}
		if rapid.Bool().Draw(t, "stats") {
			n.Stats = map[string]float64{"hit_rate": figure.Draw(t, "hit"), name.Draw(t, "stat"): figure.Draw(t, "stat value")}
		}
		names = append(names, n.Name)
		s.Nodes = append(s.Nodes, n)
	}
	ends := append([]string{"host", "outside", "nobody"}, names...)
	for range rapid.IntRange(0, 20).Draw(t, "links") {
		s.Links = append(s.Links, telemetry.Link{From: rapid.SampledFrom(ends).Draw(t, "from"), To: rapid.SampledFrom(ends).Draw(t, "to"),
			Declared: rapid.Bool().Draw(t, "declared"), Observed: rapid.Bool().Draw(t, "observed"), Faults: []string{"f1"},
			Forward: telemetry.LinkFlow{BytesPerSecond: figure.Draw(t, "rate"), PacketsPerSecond: figure.Draw(t, "packets")}})
	}
	if rapid.Bool().Draw(t, "faulty") {
		s.Faults = []telemetry.Fault{{ID: "f1", Kind: name.Draw(t, "kind"), Target: name.Draw(t, "target"), Nodes: names, Detail: name.Draw(t, "detail"), Start: start}}
	}
	for range rapid.IntRange(0, 2).Draw(t, "workloads") {
		s.Traffic = append(s.Traffic, telemetry.Traffic{Workload: name.Draw(t, "workload"), Client: rapid.SampledFrom(ends).Draw(t, "client"), Target: name.Draw(t, "target"),
			Asked: figure.Draw(t, "asked"), Achieved: figure.Draw(t, "achieved"), Latency: telemetry.Latency{P50: figure.Draw(t, "p50"), P99: figure.Draw(t, "p99"), Count: 3},
			Errors: map[string]float64{name.Draw(t, "error"): figure.Draw(t, "errors")}, Histogram: []telemetry.Bucket{{UpTo: figure.Draw(t, "up"), Count: 3}, {UpTo: 1, Count: 1}}})
	}
	s.Events = []telemetry.Event{{Time: start, Node: name.Draw(t, "node"), Text: rapid.String().Draw(t, "text")}}
	return s
}

func checkFrame(t require.TestingT, m *Model, w, h int) {
	m.width, m.height, m.dirty = w, h, true
	frame := m.View().Content
	lines := strings.Split(frame, "\n")
	require.LessOrEqual(t, len(lines), max(h, 1))
	for _, line := range lines {
		require.LessOrEqual(t, ansi.StringWidth(line), w, "%q", line)
	}
}

func TestNoFrameIsLargerThanTheTerminal(t *testing.T) {
	keys := []string{"1", "2", "3", "4", "5", "6", "7", "8", "up", "down", "left", "right", "enter", "esc", "tab", "z", "+", "-", "0", "g", "f", "?", ":", "/", "R", "u", "x", "a", "r", "c",
		"space", "pgup", "pgdown", "home", "end", "w", "日"}
	looks := []theme.Options{{}, {Light: true}, {NoColor: true}, {ASCII: true, NoColor: true}}
	rapid.Check(t, func(rt *rapid.T) {
		o := Options{Theme: rapid.SampledFrom(looks).Draw(rt, "look"), Now: func() time.Time { return start.Add(time.Minute) }, Commander: &fakeCommander{},
			Session: &Session{Project: rapid.String().Draw(rt, "project"), Source: none{}, Guide: rapid.String().Draw(rt, "guide")}}
		m := shown(t, o, 80, 24, nil)
		for i := range rapid.IntRange(1, 4).Draw(rt, "snapshots") {
			m.take(snapshotMsg{m.watch, strange(rt)})
			m.take(logsMsg{m.watch, []pane.LogLine{{Node: "x", Text: rapid.String().Draw(rt, fmt.Sprint("log", i))}}})
		}
		m.exercises = []pane.Exercise{{ID: rapid.String().Draw(rt, "exercise"), Title: "日本語", State: "tried"}}
		for _, k := range rapid.SliceOfN(rapid.SampledFrom(keys), 0, 12).Draw(rt, "keys") {
			settle(m, m.update(stroke(k)))
			w, h := rapid.IntRange(1, 230).Draw(rt, "w"), rapid.IntRange(1, 70).Draw(rt, "h")
			checkFrame(rt, m, w, h)
			if m.overlay == nil {
				m.update(tea.MouseClickMsg{X: rapid.IntRange(0, w).Draw(rt, "x"), Y: rapid.IntRange(0, h).Draw(rt, "y"), Button: tea.MouseLeft})
				m.update(tea.MouseWheelMsg{X: w / 2, Y: h / 2, Button: tea.MouseWheelDown})
			}
		}
		checkFrame(rt, m, rapid.IntRange(1, 230).Draw(rt, "w"), rapid.IntRange(1, 70).Draw(rt, "h"))
		m.Close()
	})
}

// The picker too.
func TestNoPickerIsLargerThanTheTerminal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := New(t.Context(), Options{Now: time.Now, Still: true})
		for range rapid.IntRange(0, 30).Draw(rt, "n") {
			m.picker.entries = append(m.picker.entries, Entry{Slug: rapid.String().Draw(rt, "slug"), Title: rapid.String().Draw(rt, "title"), Chapter: rapid.IntRange(0, 12).Draw(rt, "chapter"),
				Summary: rapid.String().Draw(rt, "summary"), Running: rapid.SliceOfN(rapid.String(), 0, 2).Draw(rt, "running")})
		}
		for _, k := range rapid.SliceOfN(rapid.SampledFrom([]string{"down", "pgdown", "end", "up", "?", "esc", "/"}), 0, 5).Draw(rt, "keys") {
			m.update(stroke(k))
			checkFrame(rt, m, rapid.IntRange(1, 200).Draw(rt, "w"), rapid.IntRange(1, 60).Draw(rt, "h"))
		}
	})
}
