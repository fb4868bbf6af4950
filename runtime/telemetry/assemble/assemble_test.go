package assemble

import (
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

const tick = 500 * time.Millisecond

var begin = time.Unix(1_000_000, 0)

var about = About{Lab: "sharded-redis", Project: "demo",
	Services: map[string]Service{"redis": {Kind: "redis", Role: "shard"}, "twemproxy": {Kind: "twemproxy", Role: "ambassador"}},
	Links:    []Link{{From: "client", To: "twemproxy", Port: 22121, Protocol: "tcp"}, {From: "twemproxy", To: "redis"}}}

func container(id, service string, number int, address string) engine.Container {
	return engine.Container{ID: id, Name: "demo-" + id, Service: service, Number: number, Phase: engine.PhaseRunning, Labels: map[string]string{},
		Addresses: map[string]netip.Addr{"demo_default": netip.MustParseAddr(address)}}
}

func state() engine.State {
	client := container("c", "ddsctl-client", 1, "10.0.0.5")
	client.Labels[engine.LabelHelper] = engine.HelperClient
	wireHelper := engine.Container{ID: "w", Name: "demo-w", Service: "ddsctl-wire", Phase: engine.PhaseRunning, Labels: map[string]string{engine.LabelHelper: engine.HelperWire}}
	return engine.State{Containers: []engine.Container{container("r1", "redis", 1, "10.0.0.2"), container("r2", "redis", 2, "10.0.0.3"),
		container("p", "twemproxy", 1, "10.0.0.4"), client, wireHelper},
		Networks: []engine.Network{{Name: "demo_default", Subnets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Gateways: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}}}
}

func phase(s engine.State, id string, p engine.Phase) engine.State {
	for i := range s.Containers {
		if s.Containers[i].ID == id {
			s.Containers[i].Phase = p
		}
	}
	return s
}

func node(t *testing.T, s telemetry.Snapshot, name string) telemetry.Node {
	t.Helper()
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	require.Fail(t, "no node "+name)
	return telemetry.Node{}
}

func at(n int) time.Time { return begin.Add(time.Duration(n) * tick) }

var toProxy = wire.Link{From: "client", To: "twemproxy", Port: 22121, Protocol: "tcp"}

func counted(n int, since time.Time, links ...wire.LinkCount) *wire.Counters {
	return &wire.Counters{Time: at(n), Since: since, Links: links}
}

func carried(key wire.Link, bytes, back uint64) wire.LinkCount {
	return wire.LinkCount{Link: key, Forward: wire.Flow{Packets: bytes / 100, Bytes: bytes}, Backward: wire.Flow{Packets: back / 100, Bytes: back}}
}

func TestNodesHaveTheirNamesKindsAndRoles(t *testing.T) {
	s := New(about, DefaultWindow).Next(Inputs{Time: begin, State: state()})
	var names []string
	for _, n := range s.Nodes {
		names = append(names, n.Name)
	}
	require.Equal(t, []string{"client", "redis-1", "redis-2", "twemproxy"}, names, "the client is in, the wire is not")
	require.Equal(t, "client", node(t, s, "client").Kind)
	require.Equal(t, "redis", node(t, s, "redis-2").Kind)
	require.Equal(t, "shard", node(t, s, "redis-2").Role)
	require.Equal(t, "10.0.0.4", node(t, s, "twemproxy").Address)
	require.Equal(t, telemetry.HealthUnknown, node(t, s, "twemproxy").Health, "nobody has looked")
}

func TestWhatNobodySaysIsAbsent(t *testing.T) {
	s := New(about, DefaultWindow).Next(Inputs{Time: begin, State: state()})
	for _, n := range s.Nodes {
		require.Nil(t, n.CPU)
		require.Nil(t, n.Memory)
		require.Nil(t, n.Received)
		require.Nil(t, n.Stats)
	}
	require.Len(t, s.Links, 3, "the declared ones, a service for its replicas")
	for _, l := range s.Links {
		require.True(t, l.Declared)
		require.False(t, l.Observed)
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	for _, list := range []string{`"traffic":[]`, `"faults":[]`, `"events":[]`, `"sources":[]`} {
		require.Contains(t, string(text), list)
	}
}

func TestLinksHaveRatesFromTheSecondReadingOn(t *testing.T) {
	a := New(about, time.Second)
	next := func(n int, links ...wire.LinkCount) telemetry.Link {
		s := a.Next(Inputs{Time: at(n), State: state(), Counters: counted(n, begin.Add(-time.Hour), links...)})
		for _, l := range s.Links {
			if l.From == "client" {
				return l
			}
		}
		return telemetry.Link{}
	}
	first := next(0, carried(toProxy, 50_000, 1000))
	require.True(t, first.Declared && first.Observed)
	require.EqualValues(t, 50_000, first.Forward.Bytes)
	require.Zero(t, first.Forward.BytesPerSecond, "what passed in an hour is no rate")
	require.InDelta(t, 2000, next(1, carried(toProxy, 51_000, 1500)).Forward.BytesPerSecond, 1e-9)
	require.InDelta(t, 1000, next(2, carried(toProxy, 51_000, 2000)).Backward.BytesPerSecond, 1e-9)
	still := next(5, carried(toProxy, 51_000, 2000))
	require.Zero(t, still.Forward.BytesPerSecond, "the window has passed")

	gone := next(6)
	require.True(t, gone.Observed, "the kernel forgot it; traffic was seen")
	require.EqualValues(t, 51_000, gone.Forward.Bytes)
	back := next(7, carried(toProxy, 100, 0))
	require.EqualValues(t, 51_100, back.Forward.Bytes)
	require.Zero(t, back.Forward.BytesPerSecond)
}

func TestALinkThatAppearsHasARateAtOnce(t *testing.T) {
	a := New(about, time.Second)
	a.Next(Inputs{Time: at(0), State: state(), Counters: counted(0, begin)})
	s := a.Next(Inputs{Time: at(1), State: state(), Counters: counted(1, begin, carried(toProxy, 500, 0))})
	require.InDelta(t, 1000, s.Links[0].Forward.BytesPerSecond, 1e-9)
	require.InDelta(t, 1000, *node(t, s, "twemproxy").Received, 1e-9)
	require.InDelta(t, 1000, *node(t, s, "client").Sent, 1e-9)
	require.Zero(t, *node(t, s, "redis-1").Received, "counted, and nothing came")
}

func TestAHelperThatWasStartedAnewCountsOnWithoutASpike(t *testing.T) {
	a := New(about, time.Second)
	a.Next(Inputs{Time: at(0), State: state(), Counters: counted(0, begin, carried(toProxy, 5000, 0))})
	lost := a.Next(Inputs{Time: at(1), State: state()})
	require.False(t, lost.Links[0].Observed, "nobody counts")
	require.Nil(t, node(t, lost, "client").Sent)
	again := a.Next(Inputs{Time: at(2), State: state(), Counters: counted(2, at(1), carried(toProxy, 90_000, 0))})
	require.Zero(t, again.Links[0].Forward.BytesPerSecond)
	require.EqualValues(t, 95_000, again.Links[0].Forward.Bytes)
}

func TestAServiceThatIsMeantToEndIsCompletedByExitCodeZero(t *testing.T) {
	a := New(About{Services: map[string]Service{"seed": {Ends: true}, "redis": {Kind: "redis"}}}, DefaultWindow)
	look := func(service string, p engine.Phase, code int) telemetry.Health {
		c := container("x", service, 1, "10.0.0.9")
		c.Phase, c.ExitCode = p, code
		return node(t, a.Next(Inputs{State: engine.State{Containers: []engine.Container{c}}}), service).Health
	}
	require.Equal(t, telemetry.HealthUnknown, look("seed", engine.PhaseRunning, 0))
	require.Equal(t, telemetry.HealthCompleted, look("seed", engine.PhaseExited, 0))
	require.Equal(t, telemetry.HealthDown, look("seed", engine.PhaseExited, 1))
	require.Equal(t, telemetry.HealthDown, look("seed", engine.PhaseDead, 0))
	require.Equal(t, telemetry.HealthDown, look("redis", engine.PhaseExited, 0), "a server that was stopped in good order is down all the same")
}

func TestHealthIsTheWorseOfProbeAndEngine(t *testing.T) {
	a := New(about, DefaultWindow)
	look := func(s engine.State, ready map[string]bool) telemetry.Health {
		return node(t, a.Next(Inputs{State: s, Ready: ready}), "redis-1").Health
	}
	held, not := map[string]bool{"r1": true}, map[string]bool{"r1": false}
	require.Equal(t, telemetry.HealthStarting, look(state(), not), "it was never ready")
	require.Equal(t, telemetry.HealthReady, look(state(), held))
	require.Equal(t, telemetry.HealthFailing, look(state(), not))
	sick := state()
	sick.Containers[0].Health = engine.HealthUnhealthy
	require.Equal(t, telemetry.HealthFailing, look(sick, held))
	require.Equal(t, telemetry.HealthFailing, look(phase(state(), "r1", engine.PhasePaused), held))
	require.Equal(t, telemetry.HealthDown, look(phase(state(), "r1", engine.PhaseExited), held))
	require.Equal(t, telemetry.HealthStarting, look(state(), not), "a new life")
}

func TestAClientThatTellsOfItsTrafficIsWell(t *testing.T) {
	a := New(about, DefaultWindow)
	require.Equal(t, telemetry.HealthUnknown, node(t, a.Next(Inputs{State: state()}), "client").Health)
	require.Equal(t, telemetry.HealthReady, node(t, a.Next(Inputs{State: state(), Traffic: []telemetry.Traffic{}}), "client").Health)
}

func TestANodeThatIsDownShowsItsExitCodeAndNoOldFigures(t *testing.T) {
	a := New(about, DefaultWindow)
	usage := map[string]engine.Usage{"r1": {Time: begin, Memory: 5}}
	readings := map[string]Reading{"r1": {begin, component.Reading{Gauges: map[string]float64{"keys": 3}}}}
	require.NotNil(t, node(t, a.Next(Inputs{State: state(), Usage: usage, Readings: readings}), "redis-1").Memory)
	dead := phase(state(), "r1", engine.PhaseExited)
	dead.Containers[0].ExitCode = 137
	n := node(t, a.Next(Inputs{State: dead, Usage: usage, Readings: readings}), "redis-1")
	require.Equal(t, 137, *n.ExitCode)
	require.Nil(t, n.Memory)
	require.Nil(t, n.Stats)
	require.Empty(t, n.Address)
}

func TestAComponentsCountersBecomeRates(t *testing.T) {
	a := New(about, time.Second)
	read := func(n int, commands, hits, misses float64) map[string]float64 {
		return node(t, a.Next(Inputs{State: state(), Readings: map[string]Reading{"r1": {at(n), component.Reading{
			Gauges: map[string]float64{"keys": 7, "broken": math.NaN()}, Counters: map[string]float64{"commands": commands, "hits": hits, "misses": misses}}}}}), "redis-1").Stats
	}
	require.Equal(t, map[string]float64{"keys": 7}, read(0, 1000, 10, 0))
	figures := read(2, 1100, 40, 10)
	require.InDelta(t, 100, figures["commands_per_second"], 1e-9)
	require.InDelta(t, 100, figures["ops_per_second"], 1e-9)
	require.InDelta(t, 0.75, figures["hit_rate"], 1e-9)
	require.NotContains(t, read(4, 5, 0, 0), "ops_per_second", "it was started anew")
	require.InDelta(t, 10, read(6, 15, 0, 0)["ops_per_second"], 1e-9)
}

func TestWhatHappensIsTold(t *testing.T) {
	a := New(about, DefaultWindow)
	texts := func(in Inputs) []string {
		in.State = state()
		list := []string{}
		for _, e := range a.Next(in).Events {
			list = append(list, e.Kind+" "+e.Severity+": "+e.Text)
		}
		return list
	}
	stood := wire.Record{ID: "f0", Kind: "kill", Target: "redis-1", Start: begin}
	leader := func(role string) map[string]Reading {
		return map[string]Reading{"p": {begin, component.Reading{Role: role, Gauges: map[string]float64{"term": 1}}}}
	}
	redis := telemetry.Traffic{Workload: "redis", Client: "client", Target: "redis://twemproxy:22121"}
	require.Empty(t, texts(Inputs{Time: at(0), Records: []wire.Record{stood}, Traffic: []telemetry.Traffic{redis}, Readings: leader("follower")}),
		"what is so at first is no event")
	require.Equal(t, []string{
		"container info: redis-1 started", "container warning: redis-2 ended with exit code 137", "ddsctl warning: the wire helper ended with exit code 1",
		"role info: twemproxy is leader now, was follower", "fault info: healed: kill redis-1", "fault warning: fault: cut client->twemproxy",
	}, texts(Inputs{Time: at(1), Records: []wire.Record{}, Traffic: []telemetry.Traffic{redis}, Readings: leader("leader"),
		States: []wire.State{{Fault: wire.Fault{ID: "f1", Kind: wire.Cut, From: []string{"client"}, To: []string{"twemproxy"}}, Start: at(1)}},
		Events: []engine.Event{
			{Time: at(0), Kind: "container", Action: "start", ID: "r1"}, {Time: at(0), Kind: "container", Action: "die", ID: "r2", ExitCode: 137},
			{Time: at(0), Kind: "container", Action: "exec_start", ID: "r2"}, {Time: at(0), Kind: "network", Action: "connect", ID: "n"},
			{Time: at(0), Kind: "container", Action: "die", ID: "w", ExitCode: 1, Labels: map[string]string{engine.LabelHelper: engine.HelperWire}},
		}}))
	require.Empty(t, texts(Inputs{Time: at(2)}), "sources that are silent tell of no end")
	require.Equal(t, []string{"fault info: healed: cut client->twemproxy", "traffic info: traffic redis ended"},
		texts(Inputs{Time: at(3), Records: []wire.Record{}, Traffic: []telemetry.Traffic{}}))
}

func TestALinkNamesTheFaultsOnIt(t *testing.T) {
	states := []wire.State{
		{Fault: wire.Fault{ID: "iso", Kind: wire.Cut, From: []string{"redis-2"}, To: []string{wire.Any}, Both: true}},
		{Fault: wire.Fault{ID: "slow", Kind: wire.Delay, From: []string{"redis"}, To: []string{"twemproxy"}}},
		{Fault: wire.Fault{ID: "split", Kind: wire.Cut, Sets: [][]string{{"client"}, {"twemproxy", "redis"}}}},
	}
	s := New(about, DefaultWindow).Next(Inputs{State: state(), Records: []wire.Record{}, States: states})
	got := map[string][]string{}
	for _, l := range s.Links {
		got[l.From+" "+l.To] = l.Faults
	}
	require.Equal(t, map[string][]string{"client twemproxy": {"split"}, "twemproxy redis-1": {"slow"}, "twemproxy redis-2": {"iso", "slow"}}, got)
	require.Len(t, s.Faults, 3)
}

// Whatever the sources do (begin anew, forget, fall silent, come late), no rate is negative or above what really flowed, no total
// shrinks, and the Snapshot is sorted and can be written down.
func TestNoRateIsEverNegativeOrAboveTheTruth(t *testing.T) {
	const most = 10_000.0 // bytes a second, and cores, and commands
	rapid.Check(t, func(t *rapid.T) {
		a := New(about, rapid.SampledFrom([]time.Duration{tick, time.Second, 2 * time.Second}).Draw(t, "window"))
		keys := []wire.Link{toProxy, {From: "twemproxy", To: "redis-1", Port: 6379, Protocol: "tcp"}, {From: "host", To: "twemproxy", Port: 22121, Protocol: "tcp"}}
		values := map[wire.Link]float64{}
		since, commands, cpu := begin, 0.0, 0.0
		totals := map[string]uint64{}
		now := begin
		for range rapid.IntRange(1, 40).Draw(t, "ticks") {
			took := time.Duration(rapid.IntRange(1, 4).Draw(t, "ticks passed")) * tick
			now = now.Add(took)
			amount := func(what string) float64 {
				return math.Floor(rapid.Float64Range(0, most).Draw(t, what) * took.Seconds())
			}
			for _, key := range keys {
				values[key] += amount("bytes")
			}
			commands += amount("commands")
			cpu += amount("cpu")
			switch rapid.IntRange(0, 8).Draw(t, "event") {
			case 0: // the helper was started anew somewhere in between
				since = now.Add(-took / 2)
				for _, key := range keys {
					values[key] = math.Floor(amount("anew") / 2)
				}
			case 1: // an element expired and came back
				values[keys[1]] = math.Floor(amount("again") / 2)
			case 2:
				commands, cpu = 0, 0 // redis was restarted
			}
			in := Inputs{Time: now, State: state()}
			if rapid.IntRange(0, 5).Draw(t, "wire silent") > 0 {
				counters := wire.Counters{Time: now, Since: since}
				for _, key := range keys {
					if rapid.IntRange(0, 6).Draw(t, "expired") == 0 {
						values[key] = 0 // the kernel forgot it
						continue
					}
					counters.Links = append(counters.Links, carried(key, uint64(values[key]), 0))
				}
				in.Counters = &counters
			}
			if rapid.Bool().Draw(t, "probe") {
				in.Usage = map[string]engine.Usage{"r1": {Time: now, CPU: time.Duration(cpu * float64(time.Second))}}
				in.Readings = map[string]Reading{"r1": {now, component.Reading{Counters: map[string]float64{"commands": commands}}}}
			}
			s := a.Next(in)
			within := func(what string, rate float64) {
				if rate < 0 || rate > most*1.001 || math.IsNaN(rate) {
					t.Fatalf("%s is %v", what, rate)
				}
			}
			for _, l := range s.Links {
				within("link "+l.From+" "+l.To, l.Forward.BytesPerSecond)
				if key := l.From + l.To; l.Observed {
					if l.Forward.Bytes < totals[key] {
						t.Fatalf("the total of %s shrank from %d to %d", key, totals[key], l.Forward.Bytes)
					}
					totals[key] = l.Forward.Bytes
				}
			}
			for _, n := range s.Nodes {
				if n.CPU != nil {
					within("cpu", *n.CPU)
				}
				within("commands", n.Stats["ops_per_second"])
			}
			if !slices.IsSortedFunc(s.Nodes, func(x, y telemetry.Node) int { return slices.Compare([]string{x.Name}, []string{y.Name}) }) {
				t.Fatal("nodes are not sorted")
			}
			if _, err := json.Marshal(s); err != nil {
				t.Fatal(err)
			}
		}
	})
}
