//go:build linux

package queue_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
	"github.com/ddsctl/ddsctl/runtime/wire/queue"
)

// link is a lab whose packets from a to b, and whatever else a test asks for, come by the queue.
type link struct {
	*netlab.Lab
	table   *nft.Table
	queue   *queue.Queue
	means   nft.Means
	network wire.Network
}

func newLink(t *testing.T, project string, number uint16) *link {
	t.Helper()
	lab := netlab.New(t, "a", "b")
	l := &link{Lab: lab, network: lab.Topology(project).Networks[0]}
	lab.Host.Do(t, func() (err error) {
		if l.table, err = nft.Open(project); err != nil {
			return err
		}
		l.means = nft.Probe().Means
		l.queue, err = queue.Open([]uint16{number}, 7)
		return err
	})
	t.Cleanup(func() {
		require.NoError(t, l.table.Close())
		require.NoError(t, l.queue.Close())
	})
	return l
}

func (l *link) pair(v6 bool) wire.Pair {
	return wire.Pair{From: l.Nodes["a"].Addr(v6), To: l.Nodes["b"].Addr(v6)}
}

func (l *link) set(t *testing.T, effects map[wire.Pair]wire.Effect) {
	t.Helper()
	require.NoError(t, l.queue.Set(effects, l.network.Subnets))
	queue := nft.Queue{Number: l.queue.Number(), Means: l.means}
	require.NoError(t, l.table.Apply(nft.Build([]wire.Network{l.network}, effects, queue)))
}

func (l *link) flow() netlab.Flow {
	return netlab.Flow{From: l.Nodes["a"], To: l.Nodes["b"]}
}

func delay(d, jitter time.Duration) []wire.Hold {
	return []wire.Hold{{Delay: d, Jitter: jitter, Distribution: wire.Normal, Probability: 1}}
}

func (l *link) stat(t *testing.T, v6 bool) queue.Stat {
	t.Helper()
	stats, err := l.queue.Stats()
	require.NoError(t, err)
	return stats[l.pair(v6)]
}

func mean(arrivals []netlab.Arrival) time.Duration {
	var sum time.Duration
	for _, a := range arrivals {
		sum += a.Took
	}
	return sum / time.Duration(len(arrivals))
}

// median tells delays that are apart from each other on a machine that is busy for moments.
func median(arrivals []netlab.Arrival) time.Duration {
	took := make([]time.Duration, len(arrivals))
	for i, a := range arrivals {
		took[i] = a.Took
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func indices(arrivals []netlab.Arrival) []int {
	var all []int
	for _, a := range arrivals {
		all = append(all, a.Index)
	}
	return all
}

func TestPacketsAreLateByWhatWasAskedForAndInOrder(t *testing.T) {
	l := newLink(t, "delay", 100)
	for _, v6 := range []bool{false, true} {
		l.set(t, map[wire.Pair]wire.Effect{l.pair(v6): {Delays: delay(100*time.Millisecond, 10*time.Millisecond)}})
		flow := l.flow()
		flow.V6, flow.Count, flow.Every = v6, 2000, time.Millisecond
		before := l.stat(t, v6)
		netlab.Within(t, float64(100*time.Millisecond), 0.05, func() float64 {
			arrived := flow.Run(t)
			require.Len(t, arrived, 2000)
			require.True(t, slices.IsSorted(indices(arrived)))
			after := l.stat(t, v6)
			done := after.Minus(before)
			before = after
			require.EqualValues(t, 2000, done.Packets)
			require.Zero(t, done.Overtaken)
			// Whoever is late, the queue knows it.
			require.LessOrEqual(t, done.Waited/2000, mean(arrived)+time.Millisecond)
			require.GreaterOrEqual(t, done.Waited/2000, 90*time.Millisecond)
			return float64(median(arrived))
		})

		back := netlab.Flow{From: flow.To, To: flow.From, V6: v6, Count: 50}
		require.Less(t, median(back.Run(t)), 25*time.Millisecond, "the way back is as it was")
	}
}

func TestARateIsKeptWithinATenth(t *testing.T) {
	l := newLink(t, "rate", 100)
	const rate = 10_000_000
	l.set(t, map[wire.Pair]wire.Effect{l.pair(false): {Rate: rate}})
	flow := l.flow()
	flow.Count, flow.Size, flow.Every = 4000, 1222, 500*time.Microsecond // 1250 bytes of IP: 20 Mbit/s
	var before queue.Stat
	netlab.Within(t, rate, 0.1, func() float64 {
		arrived := flow.Run(t)
		after := l.stat(t, false)
		done := after.Minus(before)
		before = after
		require.EqualValues(t, 4000, done.Packets+done.Dropped)
		require.Len(t, arrived, int(done.Packets))
		measured := float64((len(arrived)-1)*1250*8) / arrived[len(arrived)-1].At.Sub(arrived[0].At).Seconds()
		require.InEpsilon(t, measured, float64(done.BusyBytes)*8/done.Busy.Seconds(), 0.1, "the queue's own figure is what arrives")
		return measured
	})
}

func TestSomePacketsAreOvertaken(t *testing.T) {
	l := newLink(t, "reorder", 100)
	l.set(t, map[wire.Pair]wire.Effect{l.pair(false): {Reorders: []wire.Hold{{Delay: 20 * time.Millisecond, Probability: 0.2}}}})
	flow := l.flow()
	flow.Count, flow.Every = 2000, time.Millisecond
	arrived := flow.Run(t)
	require.Len(t, arrived, 2000)
	overtaken, newest := 0, 0
	for _, index := range indices(arrived) {
		if index < newest {
			overtaken++
		}
		newest = max(newest, index)
	}
	require.InDelta(t, 400, overtaken, 80)
	stats, err := l.queue.Stats()
	require.NoError(t, err)
	require.InDelta(t, overtaken, stats[l.pair(false)].Overtaken, 20)
}

func TestACutDropsWhatIsHeldAndAHealingLetsItGo(t *testing.T) {
	l := newLink(t, "held", 100)
	for name, end := range map[string]struct {
		effect wire.Effect
		arrive int
	}{"cut": {wire.Effect{Cut: true}, 0}, "healed": {wire.Effect{}, 20}} {
		l.set(t, map[wire.Pair]wire.Effect{l.pair(false): {Delays: delay(time.Minute, 0)}})
		flow := l.flow()
		flow.Count, flow.Patience = 20, 2*time.Second
		done := make(chan []netlab.Arrival)
		go func() { done <- flow.Run(t) }()
		l.holds(t, 20)
		l.set(t, map[wire.Pair]wire.Effect{l.pair(false): end.effect})
		require.Len(t, <-done, end.arrive, name)
	}
}

// holds waits until the queue holds so many packets.
func (l *link) holds(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		held, err := l.queue.Held()
		return err == nil && held == n
	}, 10*time.Second, time.Millisecond)
}

func TestAClosedQueueLetsGoWhatItHolds(t *testing.T) {
	l := newLink(t, "close", 100)
	l.set(t, map[wire.Pair]wire.Effect{l.pair(false): {Delays: delay(time.Minute, 0)}})
	flow := l.flow()
	flow.Count, flow.Patience = 20, 2*time.Second
	done := make(chan []netlab.Arrival)
	go func() { done <- flow.Run(t) }()
	l.holds(t, 20)
	require.NoError(t, l.queue.Close())
	require.Len(t, <-done, 20)
	require.ErrorContains(t, l.queue.Set(nil, nil), "closed")
	require.NoError(t, l.queue.Close(), "twice is once")
}

func TestAnotherNumberIsTakenWhereOneIsTaken(t *testing.T) {
	l := newLink(t, "taken", 100)
	l.Host.Do(t, func() error {
		_, err := queue.Open([]uint16{100}, 1)
		require.ErrorContains(t, err, "taken")
		other, err := queue.Open([]uint16{100, 101}, 1)
		require.NoError(t, err)
		require.EqualValues(t, 101, other.Number())
		return other.Close()
	})
}

func TestOutsideIsWhateverIsInNoSubnet(t *testing.T) {
	l := newLink(t, "outside", 100)
	outside := l.Outside(t)
	for _, v6 := range []bool{false, true} {
		a := l.Nodes["a"].Addr(v6)
		l.set(t, map[wire.Pair]wire.Effect{
			{From: a, To: netip.Addr{}}: {Delays: delay(60*time.Millisecond, 0)},
			{From: netip.Addr{}, To: a}: {Delays: delay(120*time.Millisecond, 0)},
		})
		for want, flow := range map[time.Duration]netlab.Flow{
			60 * time.Millisecond:  {From: l.Nodes["a"], To: outside},
			120 * time.Millisecond: {From: outside, To: l.Nodes["a"]},
			0:                      {From: l.Nodes["a"], To: l.Nodes["b"]},
		} {
			flow.V6, flow.Count, flow.Every = v6, 100, time.Millisecond
			arrived := flow.Run(t)
			require.Len(t, arrived, 100)
			require.InDelta(t, float64(want), float64(median(arrived)), float64(20*time.Millisecond))
		}
	}
}
