package wire

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func lab() Topology {
	a := netip.MustParseAddr
	return Topology{
		Project: "demo",
		Nodes: map[string][]netip.Addr{
			"proxy":   {a("10.1.0.2"), a("10.2.0.2")},
			"redis-1": {a("10.2.0.3")},
			"redis-2": {a("10.2.0.4")},
			"client":  {a("10.1.0.3")},
		},
		Groups: map[string][]string{"redis": {"redis-1", "redis-2"}},
		Networks: []Network{
			{Name: "front", Subnets: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Gateways: []netip.Addr{a("10.1.0.1")}},
			{Name: "back", Subnets: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}, Gateways: []netip.Addr{a("10.2.0.1")}},
		},
	}
}

func pair(from, to string) Pair {
	var p Pair
	if from != "" {
		p.From = netip.MustParseAddr(from)
	}
	if to != "" {
		p.To = netip.MustParseAddr(to)
	}
	return p
}

func TestTargetsAreReadAndWrittenBack(t *testing.T) {
	for text, want := range map[string]Fault{
		"a->b":       {From: []string{"a"}, To: []string{"b"}},
		"a,b<->c":    {From: []string{"a", "b"}, To: []string{"c"}, Both: true},
		"a,b|c,d|e":  {Sets: [][]string{{"a", "b"}, {"c", "d"}, {"e"}}},
		"redis-1":    {From: []string{"redis-1"}, To: []string{Any}, Both: true},
		"*->redis-1": {From: []string{Any}, To: []string{"redis-1"}},
	} {
		got, err := ParseTarget(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, text, got.Target())
	}
	for _, text := range []string{"", "a->", "->b", "a,,b->c", "a|", "a->b->c", "a<b"} {
		_, err := ParseTarget(text)
		require.Error(t, err, text)
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"a->b", "a<->b", "a,b|c", "a", "<->", "a->b|c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseTarget(text)
		if err != nil {
			return
		}
		again, err := ParseTarget(fault.Target())
		require.NoError(t, err)
		require.Equal(t, fault, again)
	})
}

func TestAFaultSaysWhatIsWrongWithIt(t *testing.T) {
	link := Fault{From: []string{"a"}, To: []string{"b"}}
	for name, change := range map[string]func(*Fault){
		"no kind":          func(f *Fault) {},
		"unknown kind":     func(f *Fault) { f.Kind = "slow" },
		"no target":        func(f *Fault) { f.Kind, f.From = Cut, nil },
		"one set":          func(f *Fault) { *f = Partition([]string{"a"}) },
		"an empty set":     func(f *Fault) { *f = Partition([]string{"a"}, nil) },
		"sets and link":    func(f *Fault) { f.Kind, f.Sets = Cut, [][]string{{"a"}, {"b"}} },
		"no delay":         func(f *Fault) { f.Kind = Delay },
		"negative delay":   func(f *Fault) { f.Kind, f.Delay = Delay, -1 },
		"endless delay":    func(f *Fault) { f.Kind, f.Delay = Delay, time.Hour },
		"loss of nothing":  func(f *Fault) { f.Kind = Loss },
		"loss above all":   func(f *Fault) { f.Kind, f.Probability = Loss, 1.1 },
		"no rate":          func(f *Fault) { f.Kind = Rate },
		"odd distribution": func(f *Fault) { f.Kind, f.Delay, f.Distribution = Delay, 1, "pareto" },
		"negative for":     func(f *Fault) { f.Kind, f.For = Cut, -1 },
	} {
		f := link
		change(&f)
		require.Error(t, f.Validate(), name)
	}
}

func TestAFaultIsDescribedForPeople(t *testing.T) {
	for want, f := range map[string]Fault{
		"":                    {Kind: Cut},
		"100ms ±10ms":         {Kind: Delay, Delay: 100 * time.Millisecond, Jitter: 10 * time.Millisecond},
		"100ms ±10ms uniform": {Kind: Delay, Delay: 100 * time.Millisecond, Jitter: 10 * time.Millisecond, Distribution: Uniform},
		"12.5 %":              {Kind: Loss, Probability: 0.125},
		"10 Mbit/s":           {Kind: Rate, Rate: 10_000_000},
		"25 % by 10ms":        {Kind: Reorder, Probability: 0.25},
	} {
		require.Equal(t, want, f.Detail())
	}
}

func TestAOneWayFaultIsOnOneDirectionOfEveryCommonNetwork(t *testing.T) {
	require.Equal(t, []Pair{pair("10.2.0.2", "10.2.0.3")}, Pairs(lab(), Fault{From: []string{"proxy"}, To: []string{"redis-1"}}))
	require.Equal(t, []Pair{pair("10.2.0.2", "10.2.0.3"), pair("10.2.0.2", "10.2.0.4")},
		Pairs(lab(), Fault{From: []string{"proxy"}, To: []string{"redis"}}), "a group stands for its nodes")
	require.Empty(t, Pairs(lab(), Fault{From: []string{"client"}, To: []string{"redis-1"}}), "they share no network")
}

func TestAnIsolatedNodeReachesNobody(t *testing.T) {
	require.Equal(t, []Pair{
		pair("", "10.2.0.3"),
		pair("10.2.0.1", "10.2.0.3"),
		pair("10.2.0.2", "10.2.0.3"),
		pair("10.2.0.3", ""),
		pair("10.2.0.3", "10.2.0.1"),
		pair("10.2.0.3", "10.2.0.2"),
		pair("10.2.0.3", "10.2.0.4"),
		pair("10.2.0.4", "10.2.0.3"),
	}, Pairs(lab(), Isolate("redis-1")))
}

func TestAPartitionCutsBetweenItsSetsOnly(t *testing.T) {
	effects := Effects(lab(), []Fault{Partition([]string{"proxy", "redis-1"}, []string{"redis-2"})})
	require.Equal(t, map[Pair]Effect{
		pair("10.2.0.2", "10.2.0.4"): {Cut: true},
		pair("10.2.0.4", "10.2.0.2"): {Cut: true},
		pair("10.2.0.3", "10.2.0.4"): {Cut: true},
		pair("10.2.0.4", "10.2.0.3"): {Cut: true},
	}, effects)
}

func TestFaultsOnOneLinkCompose(t *testing.T) {
	on := func(f Fault) Fault {
		f.From, f.To = []string{"proxy"}, []string{"redis-1"}
		return f
	}
	effect := Effects(lab(), []Fault{
		on(Fault{Kind: Delay, Delay: 10 * time.Millisecond}),
		on(Fault{Kind: Loss, Probability: 0.5}),
		on(Fault{Kind: Rate, Rate: 2_000_000}),
		on(Fault{Kind: Delay, Delay: 20 * time.Millisecond, Distribution: Uniform}),
		on(Fault{Kind: Loss, Probability: 0.5}),
		on(Fault{Kind: Rate, Rate: 1_000_000}),
	})[pair("10.2.0.2", "10.2.0.3")]
	require.Equal(t, Effect{
		Loss: 0.75,
		Rate: 1_000_000,
		Delays: []Hold{
			{Delay: 10 * time.Millisecond, Distribution: Normal, Probability: 1},
			{Delay: 20 * time.Millisecond, Distribution: Uniform, Probability: 1},
		},
	}, effect)
	require.True(t, effect.Queued())
}

func TestHealingOneFaultLeavesExactlyTheOthers(t *testing.T) {
	names := rapid.SampledFrom([]string{"proxy", "redis", "redis-1", "redis-2", "client", Host, Outside, Any, "gone"})
	faults := rapid.Custom(func(t *rapid.T) Fault {
		f := Fault{
			Kind: rapid.SampledFrom(Kinds()).Draw(t, "kind"),
			From: rapid.SliceOfN(names, 1, 3).Draw(t, "from"),
			To:   rapid.SliceOfN(names, 1, 3).Draw(t, "to"),
			Both: rapid.Bool().Draw(t, "both"),
		}
		f.Delay, f.Probability, f.Rate = time.Second, 0.5, int64(rapid.IntRange(MinRate, 1e9).Draw(t, "rate"))
		return f
	})
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(faults, 0, 4).Draw(t, "before")
		extra := faults.Draw(t, "extra")
		require.NoError(t, extra.Validate())
		with := Effects(lab(), append(before[:len(before):len(before)], extra))
		without := Effects(lab(), before)
		for _, p := range Pairs(lab(), extra) {
			require.False(t, with[p].None(), "the fault is on every pair it names")
		}
		for p, effect := range without {
			require.False(t, effect.None())
			require.Equal(t, effect.Cut || with[p].Cut, with[p].Cut, "no fault takes another away")
			require.GreaterOrEqual(t, with[p].Loss, effect.Loss)
			require.GreaterOrEqual(t, len(with[p].Delays), len(effect.Delays))
		}
		require.Empty(t, Effects(lab(), nil))
	})
}

func TestATopologyIsChecked(t *testing.T) {
	require.NoError(t, lab().Validate())
	twice := lab()
	twice.Nodes["copy"] = twice.Nodes["client"]
	require.ErrorContains(t, twice.Validate(), "same address")
	reserved := lab()
	reserved.Nodes[Host] = nil
	require.ErrorContains(t, reserved.Validate(), "cannot be")
	_, err := lab().Expand([]string{"redis-9"})
	require.ErrorContains(t, err, "redis-9")
}

func TestFramesAreWhatAnInterfaceCounts(t *testing.T) {
	require.Equal(t, uint64(3*1514), Flow{Packets: 3, Bytes: 3 * 1500}.FrameBytes())
}
