package pane_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/history"
	"github.com/ddsctl/ddsctl/tui/pane"
	"github.com/ddsctl/ddsctl/tui/synth"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func watched(shape synth.Shape, steps int) (*synth.Lab, pane.Data) {
	lab, h := synth.New(shape, 1, start), history.New()
	d := pane.Data{History: h, Braille: true}
	for range steps {
		d.Snapshot = lab.Next()
		h.Add(d.Snapshot)
	}
	d.Now = d.Snapshot.Time
	return lab, d
}

func draw(w, h int, f func(cell.Region)) string {
	c := cell.New(w, h)
	f(c.All())
	return c.Encode(&cell.Palette{Plain: true})
}

func TestTrafficSaysWhatWasAskedAndWhatWasGot(t *testing.T) {
	lab, d := watched(synth.ShardedRedis(), 40)
	lab.Kill("redis-2")
	for range 10 {
		d.Snapshot = lab.Next()
		d.History.Add(d.Snapshot)
	}
	got := draw(60, 16, func(r cell.Region) { pane.Traffic(r, d, "kv") })
	require.Contains(t, got, "of 500/s")
	require.Regexp(t, `errors 3[0-9] %`, got)
	require.Contains(t, got, "refused")
	require.Contains(t, got, "p99.9")
	require.Contains(t, got, "✗ kill redis-2")
}

func TestANodeShowsItsComponentsFigures(t *testing.T) {
	_, d := watched(synth.ShardedRedis(), 10)
	got := draw(50, 14, func(r cell.Region) { pane.Node(r, d, "redis-1") })
	for _, want := range []string{"● ready", "shard", "hit rate", "92 %", "keys", "evictions", "← twemproxy on :6379"} {
		require.Contains(t, got, want)
	}
}

func TestTablesKeepWhatMattersWhereTheyAreNarrow(t *testing.T) {
	_, d := watched(synth.ShardedRedis(), 10)
	var scroll pane.Scroll
	wide := draw(120, 8, func(r cell.Region) { pane.Nodes(r, d, d.Snapshot.Nodes, "redis-2", &scroll) })
	require.Contains(t, wide, "KIND")
	narrow := draw(30, 8, func(r cell.Region) { pane.Nodes(r, d, d.Snapshot.Nodes, "redis-2", &scroll) })
	require.NotContains(t, narrow, "KIND")
	require.Contains(t, narrow, "▸● redis-2")
	require.Contains(t, narrow, "ready")
}

func TestListsFollowTheirEndUntilTheyAreScrolled(t *testing.T) {
	var lines []pane.LogLine
	for i := range 20 {
		lines = append(lines, pane.LogLine{Node: "web", Text: "line " + string(rune('a'+i))})
	}
	var scroll pane.Scroll
	require.Contains(t, draw(40, 5, func(r cell.Region) { pane.Logs(r, lines, &scroll) }), "line t")
	scroll.Move(5)
	scrolled := draw(40, 5, func(r cell.Region) { pane.Logs(r, lines, &scroll) })
	require.NotContains(t, scrolled, "line t")
	require.Contains(t, scrolled, "line o")
	scroll.Move(1000)
	require.Contains(t, draw(40, 5, func(r cell.Region) { pane.Logs(r, lines, &scroll) }), "line a")
}

func TestAGuideIsSetForItsWidthWithoutColoursOfItsOwn(t *testing.T) {
	g := pane.NewGuide("# Title\n\nSome *emphasis* and `code` and a long line that must be broken somewhere.\n\n## Do\n\n    ddsctl lab up x\n\n- one\n- two\n")
	var scroll pane.Scroll
	c := cell.New(40, 20)
	g.Draw(c.All(), &scroll)
	got := c.Encode(&cell.Palette{Plain: true})
	for _, want := range []string{"Title", "▸ Do", "ddsctl lab up x", "• one"} {
		require.Contains(t, got, want)
	}
	found := false
	for x := range 40 {
		for y := range 20 {
			found = found || c.At(x, y).Style.FG == cell.Info
		}
	}
	require.True(t, found, "code has the ink of code\n%s", got)
	for line := range strings.SplitSeq(got, "\n") {
		require.LessOrEqual(t, cell.Width(line), 40)
	}
}

func TestPanelsStandAtEverySizeWithEverySnapshot(t *testing.T) {
	shapes := []synth.Shape{synth.ShardedRedis(), synth.ThreeTier(), synth.Kafka(), synth.Thirty()}
	rapid.Check(t, func(t *rapid.T) {
		_, d := watched(rapid.SampledFrom(shapes).Draw(t, "shape"), rapid.IntRange(1, 12).Draw(t, "steps"))
		if rapid.Bool().Draw(t, "empty") {
			d.Snapshot = telemetry.Snapshot{}
		}
		w, h := rapid.IntRange(0, 130).Draw(t, "w"), rapid.IntRange(0, 40).Draw(t, "h")
		workload := "kv"
		if names := d.Workloads(); len(names) > 0 {
			workload = names[0]
		}
		var scroll pane.Scroll
		scroll.Move(rapid.IntRange(0, 100).Draw(t, "scroll"))
		draw(w, h, func(r cell.Region) {
			pane.Traffic(r, d, workload)
			pane.TrafficView(r, d, workload)
			pane.Heat(r, d, workload)
			pane.Histogram(r, d, workload)
			pane.Node(r, d, "redis-1")
			pane.Node(r, d, "broker-1")
			pane.Nodes(r, d, d.Snapshot.Nodes, "lb", &scroll)
			pane.Links(r, d, d.Snapshot.Links, 3, &scroll)
			pane.Events(r, d.Snapshot.Events, &scroll)
			pane.Faults(r, d)
			pane.Exercises(r, []pane.Exercise{{ID: "a", Title: "b", State: "tried"}}, 0, &scroll)
		})
	})
}
