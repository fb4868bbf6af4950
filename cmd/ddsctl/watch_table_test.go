package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// recordedLab is a real session of sharded-redis: a shard is killed, then a link is slow.
func recordedLab(t *testing.T) []telemetry.Snapshot {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "runtime", "telemetry", "testdata", "sharded-redis.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	var all []telemetry.Snapshot
	for s, err := range telemetry.Read(file) {
		require.NoError(t, err)
		all = append(all, s)
	}
	return all
}

// TestTheWatchIsDrawnAsItWas draws the recording up to the instant at which a shard is down; -update rewrites the picture.
func TestTheWatchIsDrawnAsItWas(t *testing.T) {
	table := watchTable{ascii: true, zone: time.UTC}
	var text string
	for _, s := range recordedLab(t) {
		text = table.draw(s)
		if len(s.Faults) > 0 && s.Faults[0].Kind == "kill" && s.Traffic[0].ErrorRate() > 0.5 {
			break
		}
	}
	golden := filepath.Join("testdata", "watch.golden")
	if *update {
		require.NoError(t, writeFile(golden, text))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

func TestANarrowTerminalShortensAndNothingIsWider(t *testing.T) {
	table := watchTable{ascii: true, width: 80, zone: time.UTC}
	for _, s := range recordedLab(t) {
		for line := range strings.Lines(table.draw(s)) {
			require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 90, line) // no column is shortened below six
		}
	}
}

func TestWhatIsNotKnownIsADash(t *testing.T) {
	text := (&watchTable{zone: time.UTC}).draw(telemetry.Snapshot{Project: "demo", Nodes: []telemetry.Node{{Name: "web", Health: telemetry.HealthUnknown}},
		Links: []telemetry.Link{{From: "web", To: "db", Declared: true}}, Traffic: []telemetry.Traffic{{Workload: "w"}}})
	require.Regexp(t, `web +unknown +- +- +- +-\n`, text)
	require.Regexp(t, `web → db +- +- +- +-\n`, text)
	require.Regexp(t, `w +0/s +0/s +0.00% +- +- +-\n`, text)
	require.NotContains(t, text, "FAULT ", "what is empty is left out")
}

func TestFiguresAreShort(t *testing.T) {
	for want, v := range map[string]float64{"0": 0, "12": 12, "1.50": 1.5, "235": 234.6, "12.3k": 12_345, "1.2M": 1_234_567} {
		require.Equal(t, want, number(v))
	}
	for want, v := range map[string]float64{"0 B": 0, "1023 B": 1023, "1.0 KiB": 1024, "2.5 MiB": 2.5 * 1024 * 1024, "3.0 TiB": 3 << 40} {
		require.Equal(t, want, bytesWord(v))
	}
}
