package tui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/record"
	"github.com/ddsctl/ddsctl/tui/synth"
	"github.com/ddsctl/ddsctl/tui/theme"
)

var update = flag.Bool("update", false, "rewrite the recordings and golden frames")

// recordings are the Snapshots that golden frames are drawn from.
var recordings = map[string]func() []telemetry.Snapshot{
	"sharded-redis": func() []telemetry.Snapshot { return short(synth.ShardedRedis(), "redis-2", "twemproxy->redis-3") },
	"three-tier":    func() []telemetry.Snapshot { return short(synth.ThreeTier(), "web-2", "web-1->db") },
}

// short is a lab's first seconds: a node is killed and healed, then a link is slow.
func short(shape synth.Shape, victim, link string) []telemetry.Snapshot {
	lab := synth.New(shape, 1, start)
	var out []telemetry.Snapshot
	id := ""
	for i := range 36 {
		switch i {
		case 12:
			id = lab.Kill(victim)
		case 20:
			lab.Heal(id)
		case 30:
			lab.Fault("delay", link, "100ms ±10ms")
		}
		out = append(out, lab.Next())
	}
	return out
}

func recorded(t testing.TB, name string) []telemetry.Snapshot {
	path := filepath.Join("testdata", "recorded", name+".jsonl")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		f, err := os.Create(path)
		require.NoError(t, err)
		w := record.NewSnapshots(f)
		for _, s := range recordings[name]() {
			require.NoError(t, w.Write(s))
		}
		require.NoError(t, f.Close())
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	recording, err := record.Read(f)
	require.NoError(t, err)
	return recording.Snapshots
}

// golden compares a text with a file; escape sequences are written out, so that differences can be read.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, "\x1b", "␛") + "\n"
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./tui -run Golden -update writes it")
	require.Equal(t, string(want), got, "go test ./tui -run Golden -update rewrites it, when the change is meant")
}

func replayed(snapshots []telemetry.Snapshot, look theme.Options) Options {
	return Options{Theme: look, Now: func() time.Time { return snapshots[len(snapshots)-1].Time }, Still: true,
		Session: &Session{Project: snapshots[0].Project, Lab: snapshots[0].Lab, Source: record.Replay{Recorded: snapshots}, Replay: true}}
}

func TestGoldenFrames(t *testing.T) {
	looks := map[string]theme.Options{"dark": {}, "light": {Light: true}, "none": {NoColor: true}, "ascii": {NoColor: true, ASCII: true}}
	for name := range recordings {
		snapshots := recorded(t, name)
		for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
			for look, options := range looks {
				file := fmt.Sprintf("%s-%dx%d-%s", name, size[0], size[1], look)
				t.Run(file, func(t *testing.T) {
					canvas, used, err := Still(context.Background(), replayed(snapshots, options), size[0], size[1], len(snapshots))
					require.NoError(t, err)
					frame := canvas.Encode(&used.Palette)
					golden(t, file, frame)
					if look == "ascii" {
						require.NotRegexp(t, `[^\x00-\x7f]`, frame)
					}
				})
			}
		}
	}
}

// shown is a model that has seen a recording, and its plain frame.
func shown(t testing.TB, o Options, w, h int, snapshots []telemetry.Snapshot) *Model {
	session := *o.Session
	session.Source = none{}
	o.Session = &session
	ctx, cancel := context.WithCancel(context.Background())
	m := New(ctx, o)
	t.Cleanup(func() { cancel(); m.Close() })
	m.width, m.height = w, h
	for _, s := range snapshots {
		m.take(snapshotMsg{m.watch, s})
	}
	return m
}

func (m *Model) plain() string { return m.Frame().Encode(&cell.Palette{Plain: true}) }

func TestGoldenPages(t *testing.T) {
	snapshots := recorded(t, "sharded-redis")
	keys := map[string]string{"traffic": "2", "nodes": "3", "links": "4", "events": "5", "guide": "7", "help": "?", "palette": ":", "faults": "right right right f",
		"detail": "right right right enter", "filter": "/ r e d i s - 1", "selected": "right right right", "table": "g"}
	for name, pressed := range keys {
		t.Run(name, func(t *testing.T) {
			o := replayed(snapshots, theme.Options{})
			o.Session.Guide = "# Sharded Redis\n\nThree shards behind **twemproxy**.\n\n## Do\n\n    ddsctl fault inject kill redis-2\n\n- watch the errors\n"
			m := shown(t, o, 120, 40, snapshots)
			m.Frame()
			press(m, pressed)
			golden(t, "page-"+name, m.plain())
		})
	}
}
