//go:build linux

package agent_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

func lasting(d time.Duration) func(*wire.Fault) { return func(f *wire.Fault) { f.For = d } }

func TestAFaultEndsByItselfAlthoughNobodyIsConnected(t *testing.T) {
	c := newTown(t, "a", "b")
	c.inject(t, wire.Cut, "a->b", lasting(500*time.Millisecond))
	stays := c.inject(t, wire.Cut, "b->a")
	require.NoError(t, c.control.Close())
	require.Eventually(t, func() bool { return c.arrive(t, "a", "b", 3) == 3 }, 20*time.Second, 10*time.Millisecond)
	require.Zero(t, c.arrive(t, "b", "a", 3))
	again := c.connect(t)
	states, err := again.List(t.Context())
	require.NoError(t, err)
	require.Len(t, states, 1)
	require.Equal(t, stays.ID, states[0].ID)
	require.Nil(t, states[0].Expires)
	records, err := again.Records(t.Context())
	require.NoError(t, err)
	require.Len(t, records, 1)
}

func TestAHelperThatIsKilledLeavesNothingAndTheNextOneGoesOn(t *testing.T) {
	c := newTown(t, "a", "b")
	cut := c.inject(t, wire.Cut, "a->b")
	short := c.inject(t, wire.Cut, "b->a", lasting(300*time.Millisecond))
	slow := c.inject(t, wire.Delay, "b->a", func(f *wire.Fault) { f.Delay = 20 * time.Millisecond })
	_, err := c.Put(t.Context(), wire.Record{Kind: "pause", Target: "a"})
	require.NoError(t, err)
	require.Zero(t, c.arrive(t, "a", "b", 5))

	c.kill(t)
	require.Empty(t, c.Rules(t), "the kernel has removed every rule")
	require.Equal(t, 10, c.arrive(t, "a", "b", 10))
	require.Equal(t, 10, c.arrive(t, "b", "a", 10))
	require.Eventually(t, func() bool { return time.Now().After(*short.Expires) }, time.Minute, 10*time.Millisecond)

	c.process = start(t, c.Lab, c.folder)
	require.Zero(t, c.arrive(t, "a", "b", 5), "it stands again, though nobody has told the helper its nodes since")
	require.NoError(t, c.Configure(t.Context(), c.topology))
	require.Zero(t, c.arrive(t, "a", "b", 5))
	require.Equal(t, 5, c.arrive(t, "b", "a", 5), "what has expired in between does not")
	records, err := c.Records(t.Context())
	require.NoError(t, err)
	var ids []string
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	require.Equal(t, []string{cut.ID, slow.ID, "pause-4"}, ids)
	healed, err := c.HealAll(t.Context())
	require.NoError(t, err)
	require.Len(t, healed, 2)
	require.Equal(t, c.healthy, c.Rules(t))
	require.Equal(t, 5, c.arrive(t, "a", "b", 5))
}

func TestAHelperThatIsAskedToEndHealsAndLetsGo(t *testing.T) {
	c := newTown(t, "a", "b")
	c.inject(t, wire.Delay, "a->b", func(f *wire.Fault) { f.Delay = time.Minute })
	c.inject(t, wire.Cut, "b->a")
	flow := c.flow("a", "b")
	flow.Count, flow.Patience = 10, 3*time.Second
	held := make(chan []netlab.Arrival)
	go func() { held <- flow.Run(t) }()
	require.Eventually(t, func() bool {
		counters, err := c.Read(t.Context())
		return err == nil && packets(counters, "a", "b") == 10
	}, 10*time.Second, 5*time.Millisecond)
	c.end(t)
	require.Empty(t, c.Rules(t))
	require.Len(t, <-held, 10, "what was held has been let go")
	require.Equal(t, 10, c.arrive(t, "b", "a", 10))
}

func TestFaultsOnOneLinkAddUpAndAreHealedOneByOne(t *testing.T) {
	c := newTown(t, "a", "b")
	loss := c.inject(t, wire.Loss, "a->b", func(f *wire.Fault) { f.Probability = 0.3 })
	delay := c.inject(t, wire.Delay, "a->b", func(f *wire.Fault) { f.Delay = 40 * time.Millisecond })
	more := c.inject(t, wire.Delay, "a->b", func(f *wire.Fault) { f.Delay = 30 * time.Millisecond })
	flow := c.flow("a", "b")
	flow.Count = 2000
	late := func(arrived []netlab.Arrival) time.Duration {
		slices.SortFunc(arrived, func(x, y netlab.Arrival) int { return int(x.Took - y.Took) })
		return arrived[len(arrived)/2].Took
	}
	arrived := flow.Run(t)
	require.InDelta(t, 1400, len(arrived), 120)
	require.InDelta(t, float64(70*time.Millisecond), float64(late(arrived)), float64(15*time.Millisecond))
	for _, id := range []string{loss.ID, delay.ID, more.ID} {
		require.Equal(t, wire.Yes, c.state(t, id).Verified, c.state(t, id).Figure)
	}
	c.heal(t, delay.ID)
	require.InDelta(t, float64(30*time.Millisecond), float64(late(flow.Run(t))), float64(15*time.Millisecond))
	require.Equal(t, wire.Yes, c.state(t, more.ID).Verified, "measured anew since the other was healed: "+c.state(t, more.ID).Figure)
	c.heal(t, more.ID)
	require.InDelta(t, 1400, c.arrive(t, "a", "b", 2000), 120, "the loss stands")
	c.heal(t, loss.ID)
	require.Equal(t, 100, c.arrive(t, "a", "b", 100))
	require.Equal(t, c.healthy, c.Rules(t))
}

func TestPartitionsAndIsolationCutWhatTheyNameAndNothingElse(t *testing.T) {
	c := newTown(t, "a", "b", "x")
	reach := func() (pairs []string) {
		names := []string{"a", "b", "x", wire.Host}
		for _, from := range names {
			for _, to := range names {
				if from != to && c.arrive(t, from, to, 2) > 0 {
					pairs = append(pairs, from+">"+to)
				}
			}
		}
		return pairs
	}
	all := reach()
	require.Len(t, all, 12)
	without := func(words ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(pair string) bool { return slices.Contains(words, pair) })
	}
	partition := c.inject(t, wire.Cut, "a,b|x")
	require.Equal(t, without("a>x", "b>x", "x>a", "x>b"), reach())
	c.heal(t, partition.ID)
	isolated := c.inject(t, wire.Cut, "b")
	require.Equal(t, slices.DeleteFunc(slices.Clone(all), func(pair string) bool { return strings.Contains(pair, "b") }), reach())
	c.heal(t, isolated.ID)
	require.Equal(t, all, reach())
}

func TestFaultsFollowANodeToItsNewAddress(t *testing.T) {
	c := newTown(t, "a", "b", "x")
	moved := c.topology
	moved.Nodes = map[string][]netip.Addr{"a": moved.Nodes["a"], "b": nil, "x": moved.Nodes["x"]} // b is stopped
	require.NoError(t, c.Configure(t.Context(), moved))
	state := c.inject(t, wire.Cut, "a->b")
	require.Equal(t, wire.Unknown, state.Verified)
	require.Equal(t, 3, c.arrive(t, "a", "x", 3))
	moved.Nodes = map[string][]netip.Addr{"a": moved.Nodes["a"], "b": moved.Nodes["x"]} // and comes back with x's address
	require.NoError(t, c.Configure(t.Context(), moved))
	require.Zero(t, c.arrive(t, "a", "x", 3))
	require.Equal(t, wire.Yes, c.state(t, state.ID).Verified)
}

func TestAHelperSaysWhatIsWrong(t *testing.T) {
	lab := netlab.New(t, "a", "b")
	h := start(t, lab, t.TempDir())
	cut := wire.Fault{Kind: wire.Cut, From: []string{"a"}, To: []string{"b"}}
	_, err := h.Inject(t.Context(), cut)
	require.ErrorContains(t, err, "does not know the lab's nodes")
	require.NotEmpty(t, hint.Of(err))
	topology := lab.Topology("wrong")
	require.NoError(t, h.Configure(t.Context(), topology))
	other := topology
	other.Project = "other"
	require.ErrorContains(t, h.Configure(t.Context(), other), "project")

	_, err = h.Inject(t.Context(), wire.Fault{Kind: wire.Cut, From: []string{"nobody"}, To: []string{"b"}})
	require.ErrorContains(t, err, "nobody")
	require.Contains(t, hint.Of(err), "a b")
	_, err = h.Inject(t.Context(), wire.Fault{Kind: wire.Cut, From: []string{"a"}, To: []string{"a"}})
	require.ErrorContains(t, err, "no link")
	_, err = h.Inject(t.Context(), wire.Fault{Kind: wire.Cut, From: []string{wire.Host}, To: []string{wire.Outside}})
	require.ErrorContains(t, err, "no link")
	cut.ID = "mine"
	_, err = h.Inject(t.Context(), cut)
	require.NoError(t, err)
	_, err = h.Inject(t.Context(), cut)
	require.ErrorContains(t, err, "stands already")
	require.ErrorContains(t, h.Delete(t.Context(), "mine"), "heal it")
	_, err = h.Put(t.Context(), wire.Record{ID: "mine", Kind: "pause"})
	require.ErrorContains(t, err, "links")
	healed, err := h.Heal(t.Context(), "mine", "no-such")
	require.NoError(t, err)
	require.Len(t, healed, 1)
}

func TestCountersAreStreamedAndNameEverybody(t *testing.T) {
	c := newTown(t, "a", "b")
	outside := c.Outside(t)
	for _, flow := range []netlab.Flow{
		{From: c.Nodes["a"], To: c.Nodes["b"], ToPort: 6379, FromPort: 40000},
		{From: c.Host, To: c.Nodes["b"], ToPort: 6379, FromPort: 40001, V6: true},
		{From: outside, To: c.Nodes["b"], ToPort: 80, FromPort: 40002},
		{From: c.Nodes["b"], To: outside, ToPort: 443, FromPort: 40003},
		{From: c.Nodes["b"], To: c.Nodes["a"], ToPort: 40004, FromPort: 53},
	} {
		flow.Count = 7
		require.Len(t, flow.Run(t), 7)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen []wire.Counters
	for counters, err := range c.Counters(ctx, 50*time.Millisecond) {
		require.NoError(t, err)
		if seen = append(seen, counters); len(seen) == 3 {
			break
		}
	}
	require.True(t, seen[2].Time.After(seen[0].Time))
	require.Equal(t, seen[0].Since, seen[2].Since)
	require.False(t, seen[2].Full)
	got := map[string][2]uint64{}
	for _, link := range seen[2].Links {
		require.True(t, link.Guessed, "UDP has no beginning that could be seen")
		got[fmt.Sprintf("%s>%s:%d/%s", link.From, link.To, link.Port, link.Protocol)] = [2]uint64{link.Forward.Packets, link.Backward.Packets}
	}
	require.Equal(t, map[string][2]uint64{
		"a>b:6379/udp": {7, 0}, "host>b:6379/udp": {7, 0}, "outside>b:80/udp": {7, 0}, "b>outside:443/udp": {7, 0},
		"a>b:53/udp": {0, 7}, // an answer
	}, got)
}

func TestWhateverWasInjectedAndHealedTheLabIsHealthyInTheEnd(t *testing.T) {
	c := newTown(t, "a", "b")
	name := rapid.SampledFrom([]string{"a", "b", wire.Host, wire.Outside, wire.Any})
	fault := rapid.Custom(func(t *rapid.T) wire.Fault {
		f := wire.Fault{
			Kind: rapid.SampledFrom(wire.Kinds()).Draw(t, "kind"), From: []string{name.Draw(t, "from")}, To: []string{name.Draw(t, "to")},
			Both: rapid.Bool().Draw(t, "both"), Rate: 1e6, Probability: rapid.Float64Range(0.01, 1).Draw(t, "probability"),
		}
		f.Delay = time.Duration(rapid.IntRange(1, 500).Draw(t, "delay")) * time.Millisecond
		f.Jitter = f.Delay / 10
		f.For = rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, time.Hour}).Draw(t, "for")
		return f
	})
	sequences := 0
	rapid.Check(t, func(r *rapid.T) {
		if sequences++; sequences > 50 {
			return
		}
		var ids []string
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			if len(ids) > 0 && rapid.Bool().Draw(r, "heal") {
				_, err := c.Heal(t.Context(), rapid.SampledFrom(ids).Draw(r, "which"))
				require.NoError(t, err)
				continue
			}
			state, err := c.Inject(t.Context(), fault.Draw(r, "fault"))
			if err != nil {
				require.ErrorContains(t, err, "no link")
				continue
			}
			ids = append(ids, state.ID)
			// Traffic under the fault, so that packets are held, dropped and doubled when it goes.
			flow := c.flow("a", "b")
			flow.Count, flow.Patience = 3, time.Millisecond
			flow.Run(t)
		}
		if rapid.Bool().Draw(r, "all at once") {
			_, err := c.HealAll(t.Context())
			require.NoError(t, err)
		} else {
			_, err := c.Heal(t.Context(), ids...)
			require.NoError(t, err)
		}
		states, err := c.List(t.Context())
		require.NoError(t, err)
		require.Empty(t, states)
		require.Equal(t, c.healthy, c.Rules(t))
		for _, way := range [][2]string{{"a", "b"}, {"b", "a"}, {"a", wire.Host}, {wire.Host, "b"}} {
			flow := c.flow(way[0], way[1])
			flow.Count, flow.Patience = 3, 20*time.Millisecond
			require.Len(t, flow.Run(t), 3, way)
		}
	})
	require.GreaterOrEqual(t, sequences, 50)
}

func TestHealingOneFaultDropsNothingThatAnotherHolds(t *testing.T) {
	c := newTown(t, "a", "b")
	c.inject(t, wire.Delay, "a->b", func(f *wire.Fault) { f.Delay = 2 * time.Second })
	var others []string
	for _, kind := range []wire.Kind{wire.Delay, wire.Cut, wire.Loss, wire.Duplicate} {
		state := c.inject(t, kind, "host<->b", func(f *wire.Fault) { f.Delay, f.Probability = time.Millisecond, 0.5 })
		others = append(others, state.ID)
	}
	flow := c.flow("a", "b")
	flow.Count, flow.Patience = 50, 3*time.Second
	held := make(chan []netlab.Arrival)
	go func() { held <- flow.Run(t) }()
	require.Eventually(t, func() bool {
		counters, err := c.Read(t.Context())
		return err == nil && packets(counters, "a", "b") == 50
	}, 10*time.Second, time.Millisecond)
	for _, id := range others {
		c.heal(t, id)
	}
	require.Len(t, <-held, 50)
	_, err := c.HealAll(t.Context())
	require.NoError(t, err)
	require.Equal(t, c.healthy, c.Rules(t))
}
