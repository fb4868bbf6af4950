//go:build linux

package nft

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

// city is a lab with everybody whom a packet can come from or go to.
type city struct {
	*netlab.Lab
	table    *Table
	networks []wire.Network
	who      map[string]*netlab.Namespace
}

func newCity(t *testing.T, project string) city {
	t.Helper()
	t.Parallel() // each has a network of its own, and mostly waits
	lab := netlab.New(t, "a", "b")
	c := city{Lab: lab, table: openTable(t, lab, project), networks: lab.Topology(project).Networks,
		who: map[string]*netlab.Namespace{"a": lab.Nodes["a"], "b": lab.Nodes["b"], wire.Host: lab.Host, wire.Outside: lab.Outside(t)}}
	require.NoError(t, c.table.Apply(Build(c.networks, nil, Queue{})))
	return c
}

// pair is the pair that stands for who to whom.
func (c city) pair(from, to string, v6 bool) wire.Pair {
	address := func(name string) netip.Addr {
		if name == wire.Outside {
			return netip.Addr{}
		}
		return c.who[name].Addr(v6)
	}
	return wire.Pair{From: address(from), To: address(to)}
}

func (c city) send(t *testing.T, from, to string, v6 bool, n int) int {
	t.Helper()
	return len(netlab.Flow{From: c.who[from], To: c.who[to], V6: v6, Count: n}.Run(t))
}

var ways = [][2]string{{"a", "b"}, {"a", wire.Host}, {wire.Host, "a"}, {"a", wire.Outside}, {wire.Outside, "a"}}

func eachWay(t *testing.T, f func(t *testing.T, from, to string, v6 bool)) {
	t.Helper()
	for _, way := range ways {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s to %s, IPv6 %v", way[0], way[1], v6), func(t *testing.T) { f(t, way[0], way[1], v6) })
		}
	}
}

func TestACutWorksOneWayFromAndToEverybodyInBothFamilies(t *testing.T) {
	c := newCity(t, "ways")
	eachWay(t, func(t *testing.T, from, to string, v6 bool) {
		effects := map[wire.Pair]wire.Effect{c.pair(from, to, v6): {Cut: true}}
		require.NoError(t, c.table.Apply(Build(c.networks, effects, Queue{})))
		require.Zero(t, c.send(t, from, to, v6, 10), "cut")
		require.Equal(t, 10, c.send(t, to, from, v6, 10), "the way back is not")
		require.Equal(t, 10, c.send(t, from, to, !v6, 10), "nor is the other family")
		require.NoError(t, c.table.Apply(Build(c.networks, nil, Queue{})))
		require.Equal(t, 10, c.send(t, from, to, v6, 10), "healed")
	})
}

func TestTheHelpersOwnProbesAreNeitherCountedNorHarmed(t *testing.T) {
	c := newCity(t, "probes")
	effects := map[wire.Pair]wire.Effect{}
	for _, v6 := range []bool{false, true} {
		for _, pair := range []wire.Pair{c.pair(wire.Host, "a", v6), c.pair("a", wire.Host, v6)} {
			effects[pair] = wire.Effect{Cut: true, Duplicate: 1, Delays: []wire.Hold{{Delay: 1, Probability: 1}}}
		}
	}
	require.NoError(t, c.table.Apply(Build(c.networks, effects, Queue{Means: Routed})))
	host, a := c.who[wire.Host], c.who["a"]
	for _, v6 := range []bool{false, true} {
		require.Len(t, netlab.Flow{From: host, To: a, V6: v6, Count: 20, FromPort: wire.ProbePortFirst + 7}.Run(t), 20, "asked")
		require.Len(t, netlab.Flow{From: a, To: host, V6: v6, Count: 20, ToPort: wire.ProbePortLast - 7}.Run(t), 20, "answered")
		for _, set := range []string{LinksSet(v6), DroppedSet(v6)} {
			counts, err := c.table.Read(set)
			require.NoError(t, err)
			require.Empty(t, counts, set)
		}
		require.Zero(t, c.send(t, wire.Host, "a", v6, 5), "from any other port the link is cut")
	}
}

func TestPacketsThatShouldWaitPassWhileNobodyListens(t *testing.T) {
	c := newCity(t, "bypass")
	found := c.probe(t)
	require.NotEqual(t, NoMeans, found.Means, found.WhyMeans)
	eachWay(t, func(t *testing.T, from, to string, v6 bool) {
		effects := map[wire.Pair]wire.Effect{c.pair(from, to, v6): {Rate: 1000}}
		require.NoError(t, c.table.Apply(Build(c.networks, effects, Queue{Number: 4711, Means: found.Means})))
		require.Equal(t, 10, c.send(t, from, to, v6, 10))
	})
}

func (c city) probe(t *testing.T) Found {
	t.Helper()
	var found Found
	c.Host.Do(t, func() error {
		found = Probe()
		return nil
	})
	return found
}

func TestADuplicateArrivesTwiceAndIsCountedOnce(t *testing.T) {
	c := newCity(t, "twice")
	if found := c.probe(t); !found.Twice {
		t.Skip(found.WhyTwice)
	}
	eachWay(t, func(t *testing.T, from, to string, v6 bool) {
		pair := c.pair(from, to, v6)
		require.NoError(t, c.table.Apply(Build(c.networks, map[wire.Pair]wire.Effect{pair: {Duplicate: 1}}, Queue{Means: Routed})))
		want := 40
		if to == wire.Host || to == wire.Outside { // which is not offered
			want = 20
		}
		require.Equal(t, want, c.send(t, from, to, v6, 20))
		require.Equal(t, 20, c.send(t, to, from, v6, 20), "the way back is as it was")
		if from != wire.Outside && to != wire.Outside {
			require.EqualValues(t, 20, sum(t, c.table, LinksSet(v6), pair).Packets)
			require.EqualValues(t, want-20, sum(t, c.table, TwiceSet(v6), pair).Packets)
			require.EqualValues(t, want, sum(t, c.table, PassedSet(v6), pair).Packets, "behind the place where it is doubled")
		}
		require.NoError(t, c.table.Apply(Ruleset{}))
		require.NoError(t, c.table.Apply(Build(c.networks, nil, Queue{})))
	})
}

func TestLossIsOfTheShareAskedFor(t *testing.T) {
	c := newCity(t, "loss")
	pair := c.pair("a", "b", false)
	require.NoError(t, c.table.Apply(Build(c.networks, map[wire.Pair]wire.Effect{pair: {Loss: 0.1}}, Queue{})))
	arrived := c.send(t, "a", "b", false, 5000)
	require.InDelta(t, 0.1, 1-float64(arrived)/5000, 0.02)
	require.EqualValues(t, 5000, sum(t, c.table, LinksSet(false), pair).Packets)
	require.EqualValues(t, arrived, sum(t, c.table, PassedSet(false), pair).Packets)
	require.EqualValues(t, 5000-arrived, sum(t, c.table, DroppedSet(false), pair).Packets)
}
