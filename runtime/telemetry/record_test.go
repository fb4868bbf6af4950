package telemetry_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// recorded is sharded-redis under its own traffic: a shard is killed for 8 s, then a link is slow for 6 s.
func recorded(t *testing.T) ([]byte, []telemetry.Snapshot) {
	t.Helper()
	text, err := os.ReadFile("testdata/sharded-redis.jsonl")
	require.NoError(t, err)
	var all []telemetry.Snapshot
	for s, err := range telemetry.Read(bytes.NewReader(text)) {
		require.NoError(t, err)
		all = append(all, s)
	}
	return text, all
}

func TestARecordingIsWrittenAsItWasRead(t *testing.T) {
	text, all := recorded(t)
	require.Greater(t, len(all), 30)
	var out bytes.Buffer
	for _, s := range all {
		require.NoError(t, telemetry.Write(&out, s))
	}
	require.Equal(t, string(text), out.String())
}

func TestTheRecordingTellsItsStory(t *testing.T) {
	_, all := recorded(t)
	var worst float64
	down, slow := 0, 0
	events := ""
	for i, s := range all {
		require.Equal(t, "sharded-redis", s.Lab)
		require.Len(t, s.Nodes, 5)
		require.Len(t, s.Traffic, 1)
		worst = max(worst, s.Traffic[0].ErrorRate())
		for _, n := range s.Nodes {
			if n.Name == "redis-2" && n.Health == telemetry.HealthDown {
				down++
			}
		}
		for _, f := range s.Faults {
			if f.Kind == "delay" {
				slow++
			}
		}
		for _, e := range s.Events {
			events += e.Text + "\n"
		}
		if i > 0 {
			require.True(t, s.Time.After(all[i-1].Time))
		}
	}
	require.Greater(t, worst, 0.2, "about a third of the keys fail")
	require.Zero(t, all[0].Traffic[0].ErrorRate())
	require.Zero(t, all[len(all)-1].Traffic[0].ErrorRate())
	require.Greater(t, down, 5)
	require.Greater(t, slow, 4)
	for _, text := range []string{"redis-2 ended with exit code 137", "fault: kill redis-2", "healed: kill redis-2", "fault: delay twemproxy->redis-1 20ms ±2ms"} {
		require.Contains(t, events, text)
	}
}

func TestWhatIsNoRecordingIsRefusedByLine(t *testing.T) {
	var refused error
	seen := 0
	for _, err := range telemetry.Read(strings.NewReader("{\"lab\":\"a\"}\n\nnot json\n{\"lab\":\"b\"}\n")) {
		seen++
		refused = err
	}
	require.Equal(t, 2, seen)
	require.ErrorContains(t, refused, "line 3")
}
