//go:build linux

package queue

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func lineOf(effect wire.Effect) *line {
	l := &line{}
	l.set(effect)
	return l
}

// ride sends packets of some bytes at an interval and gives when each leaves, from its coming; -1 where it was dropped.
func ride(l *line, n, bytes int, every time.Duration, random *rand.Rand) []time.Duration {
	took := make([]time.Duration, n)
	for i := range n {
		now := int64(i) * int64(every)
		at, ok := l.leave(now, bytes, random)
		took[i] = time.Duration(at - now)
		if !ok {
			took[i] = -1
		}
	}
	return took
}

func mean(all []time.Duration) (mean, deviation time.Duration) {
	var sum, squares float64
	for _, d := range all {
		sum += float64(d)
	}
	m := sum / float64(len(all))
	for _, d := range all {
		squares += (float64(d) - m) * (float64(d) - m)
	}
	return time.Duration(m), time.Duration(math.Sqrt(squares / float64(len(all))))
}

func hold(delay, jitter time.Duration, d wire.Distribution) wire.Hold {
	return wire.Hold{Delay: delay, Jitter: jitter, Distribution: d, Probability: 1}
}

func TestDelaysAddUp(t *testing.T) {
	l := lineOf(wire.Effect{Delays: []wire.Hold{hold(10*time.Millisecond, 0, wire.Normal), hold(5*time.Millisecond, 0, wire.Uniform)}})
	for _, took := range ride(l, 100, 100, time.Millisecond, seeded()) {
		require.Equal(t, 15*time.Millisecond, took)
	}
}

func TestJitterIsOfItsDistributionWherePacketsAreFewAndFar(t *testing.T) {
	const delay, jitter = 100 * time.Millisecond, 10 * time.Millisecond
	for distribution, deviation := range map[wire.Distribution]float64{wire.Normal: 0.9866, wire.Uniform: 1 / math.Sqrt(3)} {
		took := ride(lineOf(wire.Effect{Delays: []wire.Hold{hold(delay, jitter, distribution)}}), 20_000, 100, time.Second, seeded())
		m, d := mean(took)
		require.InDelta(t, float64(delay), float64(m), float64(delay)*0.01, distribution)
		require.InDelta(t, deviation*float64(jitter), float64(d), float64(jitter)*0.03, distribution)
		width := 3 * jitter // the normal one is cut
		if distribution == wire.Uniform {
			width = jitter
		}
		require.GreaterOrEqual(t, slices.Min(took), delay-width)
		require.LessOrEqual(t, slices.Max(took), delay+width)
	}
}

func TestJitterKeepsItsMeanAndTheOrderWherePacketsComeCloseTogether(t *testing.T) {
	took := ride(lineOf(wire.Effect{Delays: []wire.Hold{hold(100*time.Millisecond, 10*time.Millisecond, wire.Normal)}}),
		200_000, 100, 100*time.Microsecond, seeded())
	m, _ := mean(took)
	require.InDelta(t, float64(100*time.Millisecond), float64(m), float64(2*time.Millisecond))
	for i := 1; i < len(took); i++ {
		require.GreaterOrEqual(t, took[i]+100*time.Microsecond, took[i-1], "packet %d overtakes", i)
	}
}

func TestJitterNeverMakesADelayNegative(t *testing.T) {
	for _, took := range ride(lineOf(wire.Effect{Delays: []wire.Hold{hold(0, time.Second, wire.Normal)}}), 1000, 100, time.Minute, seeded()) {
		require.GreaterOrEqual(t, took, time.Duration(0))
	}
}

func TestARateIsKeptAndItsBacklogIsBounded(t *testing.T) {
	const rate, size = 10_000_000, 1250 // a packet takes a millisecond
	l := lineOf(wire.Effect{Rate: rate})
	took := ride(l, 10_000, size, 500*time.Microsecond, seeded()) // twice as much as goes
	sent := 0
	for _, d := range took {
		if d >= 0 {
			sent++
			require.LessOrEqual(t, d, maxBacklog+time.Millisecond)
		}
	}
	seconds := (time.Duration(l.free)).Seconds()
	require.InDelta(t, rate, float64(sent*size*8)/seconds, rate*0.01)
	require.Greater(t, sent, 4900)

	idle := ride(lineOf(wire.Effect{Rate: rate}), 100, size, 2*time.Millisecond, seeded())
	for _, d := range idle {
		require.Equal(t, time.Millisecond, d, "a packet that finds the link free takes as long as it is")
	}
}

func TestASlowLinkPassesALargePacketToo(t *testing.T) {
	l := lineOf(wire.Effect{Rate: wire.MinRate})
	for range 10 {
		_, ok := l.leave(0, 1500, seeded())
		require.True(t, ok)
	}
}

func TestReorderingHoldsSomeBackAndNoOthers(t *testing.T) {
	l := lineOf(wire.Effect{Reorders: []wire.Hold{{Delay: 10 * time.Millisecond, Distribution: wire.Normal, Probability: 0.25}}})
	counts := map[time.Duration]int{}
	for _, took := range ride(l, 10_000, 100, time.Millisecond, seeded()) {
		counts[took]++
	}
	require.Len(t, counts, 2)
	require.InDelta(t, 2500, counts[10*time.Millisecond], 250)
	require.InDelta(t, 7500, counts[0], 250)
}

func TestALineHoldsNoMoreThanItsBounds(t *testing.T) {
	l := lineOf(wire.Effect{Delays: []wire.Hold{hold(time.Minute, 0, wire.Normal)}})
	held := 0
	for range 2 * maxPackets {
		if _, ok := l.leave(0, 100, seeded()); ok {
			l.took(100)
			held++
		}
	}
	require.Equal(t, maxPackets, held)
	big := lineOf(l.effect)
	for range 2000 {
		if _, ok := big.leave(0, 1<<16, seeded()); ok {
			big.took(1 << 16)
		}
	}
	require.Equal(t, maxBytes, big.bytes)
}

func TestPacketsLeaveTheHeapByTimeThenByArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(0, 9), 0, 60).Draw(t, "times")
		gone := rapid.Int64Range(0, 9).Draw(t, "gone")
		var h heap
		var want, got, removed []packet
		for i, at := range times {
			p := packet{leaves: at, number: uint64(i)}
			h.push(p)
			want = append(want, p)
		}
		h.take(func(p *packet) bool { return p.leaves == gone }, func(p *packet) { removed = append(removed, *p) })
		require.True(t, slices.IsSortedFunc(removed, func(p, q packet) int { return int(p.number) - int(q.number) }))
		for len(h) > 0 {
			got = append(got, h.pop())
		}
		slices.SortStableFunc(want, func(p, q packet) int { return int(p.leaves - q.leaves) })
		want = slices.DeleteFunc(want, func(p packet) bool { return p.leaves == gone })
		require.Equal(t, len(times), len(got)+len(removed))
		require.True(t, slices.Equal(want, got))
	})
}
