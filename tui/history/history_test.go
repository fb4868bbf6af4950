package history_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/tui/history"
	"github.com/ddsctl/ddsctl/tui/synth"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestSeriesStayInStepWhenNodesComeAndGo(t *testing.T) {
	lab, h := synth.New(synth.ShardedRedis(), 1, start), history.New()
	for range 5 {
		h.Add(lab.Next())
	}
	lab.Vanish("redis-2")
	for range 3 {
		h.Add(lab.Next())
	}
	cpu := h.Nodes["redis-2"].CPU.Last(8)
	require.Len(t, cpu, 8)
	require.False(t, math.IsNaN(cpu[4]))
	require.True(t, math.IsNaN(cpu[5]), "a node that is gone has no figures, not zero")
}

func TestAFaultIsABandFromItsStartToItsEnd(t *testing.T) {
	lab, h := synth.New(synth.ShardedRedis(), 1, start), history.New()
	for range 4 {
		h.Add(lab.Next())
	}
	id := lab.Kill("redis-2")
	for range 3 {
		h.Add(lab.Next())
	}
	require.Equal(t, 7, h.Bands(100)[0].To)
	require.True(t, h.Bands(100)[0].Active)
	lab.Heal(id)
	for range 5 {
		h.Add(lab.Next())
	}
	bands := h.Bands(100)
	require.Len(t, bands, 1)
	require.Equal(t, 3, bands[0].From, "the Snapshot at whose time it began")
	require.Equal(t, 7, bands[0].To)
	require.False(t, bands[0].Active)
	require.Empty(t, h.Bands(5), "it is over before the last five")
}

func TestMemoryIsBounded(t *testing.T) {
	lab, h := synth.New(synth.ShardedRedis(), 1, start), history.New()
	for range 5 * history.Keep {
		h.Add(lab.Next())
	}
	require.LessOrEqual(t, len(h.Times), 2*history.Keep)
	require.LessOrEqual(t, len(h.Workloads["kv"].Histograms), 2*history.Keep)
	require.Len(t, h.Nodes["client"].CPU.Last(history.Keep), history.Keep)
}
