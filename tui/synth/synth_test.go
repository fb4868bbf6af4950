package synth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/tui/synth"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestOneSeedMakesOneLab(t *testing.T) {
	a, b := synth.New(synth.ThreeTier(), 7, start), synth.New(synth.ThreeTier(), 7, start)
	for range 20 {
		require.Equal(t, a.Next(), b.Next())
	}
}

func TestAKilledShardCostsItsShareOfRequestsUntilItIsHealed(t *testing.T) {
	lab := synth.New(synth.ShardedRedis(), 1, start)
	require.Zero(t, lab.Next().Traffic[0].ErrorRate())
	id := lab.Kill("redis-2")
	require.InDelta(t, 1.0/3, lab.Next().Traffic[0].ErrorRate(), 0.02)
	lab.Heal(id)
	require.Zero(t, lab.Next().Traffic[0].ErrorRate())
}

func TestTheLargeShapeIsAsLargeAsItSays(t *testing.T) {
	s := synth.New(synth.Hundred(), 1, start).Next()
	require.Len(t, s.Nodes, 100)
	require.GreaterOrEqual(t, len(s.Links), 400)
}
