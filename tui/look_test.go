package tui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/picture"
	"github.com/ddsctl/ddsctl/tui/record"
	"github.com/ddsctl/ddsctl/tui/synth"
	"github.com/ddsctl/ddsctl/tui/theme"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// story is a lab's first minute: a shard is killed and started again, then a link is slow.
func story(shape synth.Shape, victim, link string) []telemetry.Snapshot {
	lab := synth.New(shape, 1, start)
	var out []telemetry.Snapshot
	id := ""
	for i := range 120 {
		switch i {
		case 50:
			id = lab.Kill(victim)
		case 74:
			lab.Heal(id)
		case 106:
			lab.Fault("delay", link, "100ms ±10ms")
		}
		out = append(out, lab.Next())
	}
	return out
}

// TestLook writes pictures and recordings to the folder that DDSCTL_LOOK names, for the eye.
func TestLook(t *testing.T) {
	dir := os.Getenv("DDSCTL_LOOK")
	if dir == "" {
		t.Skip("draws for the eye only: DDSCTL_LOOK=DIR go test -run Look ./tui")
	}
	for _, c := range []struct {
		shape        synth.Shape
		victim, link string
	}{{synth.ShardedRedis(), "redis-2", "twemproxy->redis-3"}, {synth.ThreeTier(), "web-2", "web-1->db"}, {synth.Kafka(), "broker-1", "client->broker-2"}, {synth.Thirty(), "db-3", "api-1->db-1"}} {
		snapshots := story(c.shape, c.victim, c.link)
		file, err := os.Create(filepath.Join(dir, c.shape.Lab+".jsonl"))
		require.NoError(t, err)
		w := record.NewSnapshots(file)
		for _, s := range snapshots {
			require.NoError(t, w.Write(s))
		}
		require.NoError(t, file.Close())
		for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
			for _, light := range []bool{false, true} {
				o := Options{Theme: theme.Options{Light: light}, Now: func() time.Time { return snapshots[119].Time },
					Session: &Session{Project: c.shape.Lab, Source: record.Replay{Recorded: snapshots}, Replay: true}}
				canvas, look, err := Still(context.Background(), o, size[0], size[1], 200)
				require.NoError(t, err)
				f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", c.shape.Lab, size[0], look.Name)))
				require.NoError(t, err)
				require.NoError(t, picture.PNG(f, canvas, look))
				require.NoError(t, f.Close())
			}
		}
	}
}
