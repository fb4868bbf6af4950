package collect_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/assemble"
	"github.com/ddsctl/ddsctl/runtime/telemetry/collect"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

func options() collect.Options {
	return collect.Options{About: assemble.About{Lab: "demo", Project: "demo", Services: map[string]assemble.Service{"redis": {Kind: "redis", Role: "shard"}}},
		Components: map[string]probe.Component{"redis": {Kind: "redis"}}, Probes: map[string][]ready.Probe{"redis": {{Kind: ready.TCP, Port: 6379}}}}
}

// story watches a lab in a bubble of false time: each step is told the Snapshot after its time, and changes what it wants.
func story(t *testing.T, prepare func(*lab), steps ...func(*testing.T, *lab, telemetry.Snapshot)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		if prepare != nil {
			prepare(l)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ticks := 0
		for s, err := range collect.Watch(ctx, l, options()) {
			require.NoError(t, err)
			if ticks++; ticks%stepTicks == 0 {
				steps[ticks/stepTicks-1](t, l, s)
				if ticks/stepTicks == len(steps) {
					break
				}
			}
		}
		cancel()
		l.sessions.Wait() // every connection was closed when the loop was left; the bubble holds that every goroutine has ended
	})
}

// stepTicks is how many Snapshots a step lasts: 5 seconds.
const stepTicks = 10

func source(s telemetry.Snapshot, name string) telemetry.Source {
	for _, source := range s.Sources {
		if source.Name == name {
			return source
		}
	}
	return telemetry.Source{}
}

func node(s telemetry.Snapshot, name string) telemetry.Node {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	return telemetry.Node{}
}

func TestEverySourceIsInTheSnapshot(t *testing.T) {
	story(t, nil, func(t *testing.T, l *lab, s telemetry.Snapshot) {
		redis := node(s, "redis")
		require.InDelta(t, 0.5, *redis.CPU, 1e-6)
		require.EqualValues(t, 4096, *redis.Memory)
		require.Equal(t, telemetry.HealthReady, redis.Health)
		require.InDelta(t, 100, redis.Stats["ops_per_second"], 1e-3)
		require.Len(t, s.Links, 1)
		require.InDelta(t, rate, s.Links[0].Forward.BytesPerSecond, 1)
		require.InDelta(t, rate, *redis.Received, 1)
		require.Equal(t, "client", s.Traffic[0].Client)
		for _, name := range []string{"engine", "wire", "cgroup", "traffic", "redis"} {
			require.Equal(t, "ok", source(s, name).State, name)
		}
		told, _ := l.heard()
		require.Len(t, told, 1, "the wire was told once who is who")
		require.Zero(t, l.times("usage redis"), "nobody asks the engine for what the cgroups say")
	})
}

func TestWithoutHelpersTheEnginesStatisticsServeAndAreSaidTo(t *testing.T) {
	story(t, func(l *lab) { l.remove("wire"); l.remove("client") }, func(t *testing.T, l *lab, s telemetry.Snapshot) {
		redis := node(s, "redis")
		require.InDelta(t, 0.25, *redis.CPU, 1e-6)
		require.InDelta(t, 0.5, *redis.CPULimit, 1e-9)
		require.Equal(t, telemetry.HealthUnknown, redis.Health)
		require.Nil(t, redis.Received)
		require.Equal(t, "degraded", source(s, "cgroup").State)
		require.Equal(t, "absent", source(s, "wire").State)
		require.Equal(t, "absent", source(s, "traffic").State)
		require.LessOrEqual(t, l.times("usage redis"), 3, "sparingly")
		require.Equal(t, 1, l.times("detail redis"))
	})
}

func TestAHelperThatCannotSeeTheCgroupsSaysWhy(t *testing.T) {
	story(t, func(l *lab) { l.cgroups = false }, func(t *testing.T, _ *lab, s telemetry.Snapshot) {
		require.NotNil(t, node(s, "redis").CPU)
		require.Equal(t, "degraded", source(s, "cgroup").State)
		require.Contains(t, source(s, "cgroup").Text, "not to be seen")
		require.Equal(t, "ok", source(s, "wire").State)
	})
}

func TestAWireThatDiesIsMissedAndItsSuccessorFound(t *testing.T) {
	story(t, func(l *lab) { l.records = []wire.Record{{ID: "f1", Kind: "kill", Target: "redis"}} },
		func(t *testing.T, l *lab, s telemetry.Snapshot) {
			require.Len(t, s.Faults, 1)
			l.kill("wire")
		},
		func(t *testing.T, l *lab, s telemetry.Snapshot) {
			require.Equal(t, "absent", source(s, "wire").State)
			require.Contains(t, source(s, "wire").Text, "exited")
			require.Empty(t, s.Links)
			require.Nil(t, node(s, "redis").Received)
			require.NotNil(t, node(s, "redis").CPU, "the engine's statistics serve meanwhile")
			l.remove("wire")
			l.add("wire2", "ddsctl-wire", "", engine.HelperWire)
		},
		func(t *testing.T, l *lab, s telemetry.Snapshot) {
			require.Equal(t, "ok", source(s, "wire").State)
			require.InDelta(t, rate, s.Links[0].Forward.BytesPerSecond, 1)
			told, _ := l.heard()
			require.Len(t, told, 2, "the new one was told who is who")
			require.Len(t, s.Faults, 1)
			for _, e := range s.Events {
				require.NotEqual(t, "fault", e.Kind, "the fault stood all the time")
			}
		})
}

func TestAnEngineThatIsRestartedIsMissedAndFoundAgain(t *testing.T) {
	story(t, nil,
		func(t *testing.T, l *lab, s telemetry.Snapshot) {
			require.Equal(t, "ok", source(s, "engine").State)
			l.mu.Lock()
			l.gone = errEngineGone
			l.mu.Unlock()
			l.broken <- errEngineGone
		},
		func(t *testing.T, l *lab, s telemetry.Snapshot) {
			require.Equal(t, "absent", source(s, "engine").State)
			require.Contains(t, source(s, "engine").Text, "restarted")
			require.NotEmpty(t, s.Nodes, "what was there before")
			l.mu.Lock()
			l.gone = nil
			l.mu.Unlock()
		},
		func(t *testing.T, _ *lab, s telemetry.Snapshot) {
			require.Equal(t, "ok", source(s, "engine").State)
		})
}

func TestANodeThatAppearsIsWatchedAndOneThatGoesIsNot(t *testing.T) {
	story(t, nil,
		func(t *testing.T, l *lab, _ telemetry.Snapshot) {
			l.add("redis2", "redis", "10.0.0.9", "")
			l.events <- engine.Event{Time: time.Now(), Kind: engine.KindContainer, Action: "start", ID: "redis2"}
		},
		func(t *testing.T, l *lab, s telemetry.Snapshot) {
			require.InDelta(t, 0.5, *node(s, "redis-1").CPU, 1e-6)
			require.Len(t, s.Nodes, 3)
			told, asks := l.heard()
			require.Len(t, told, 2)
			require.Contains(t, told[1].Nodes, "redis-1")
			require.Len(t, asks, 2)
			l.remove("redis2")
			l.events <- engine.Event{Time: time.Now(), Kind: engine.KindContainer, Action: "destroy", ID: "redis2"}
		},
		func(t *testing.T, _ *lab, s telemetry.Snapshot) {
			require.Len(t, s.Nodes, 2)
			require.Equal(t, "redis", s.Nodes[1].Name)
		})
}

func TestWhatIsKnownOfANodeDoesNotFlickerWhenAnotherComesOrGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		ctx, cancel := context.WithCancel(t.Context())
		ticks := 0
		for s, err := range collect.Watch(ctx, l, options()) {
			require.NoError(t, err)
			ticks++
			switch {
			case ticks == stepTicks:
				l.add("other", "other", "10.0.0.9", "")
				l.events <- engine.Event{Time: time.Now(), Kind: engine.KindContainer, Action: "start", ID: "other"}
			case ticks > stepTicks:
				require.Equal(t, telemetry.HealthReady, node(s, "redis").Health, "tick %d", ticks)
				require.NotNil(t, node(s, "redis").Stats, "tick %d", ticks)
			}
			if ticks == 2*stepTicks {
				require.Len(t, s.Nodes, 3)
				break
			}
		}
		cancel()
		l.sessions.Wait()
	})
}

func TestCommandsInContainersAreNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		ctx, cancel := context.WithCancel(t.Context())
		var texts []string
		for s, err := range collect.Watch(ctx, l, options()) {
			require.NoError(t, err)
			for _, e := range s.Events {
				texts = append(texts, e.Text)
			}
			if len(texts) > 0 {
				break
			}
			l.events <- engine.Event{Time: time.Now(), Kind: engine.KindContainer, Action: "exec_die", ID: "redis", ExitCode: 1}
			l.events <- engine.Event{Time: time.Now(), Kind: engine.KindContainer, Action: "pause", ID: "redis"}
		}
		cancel()
		l.sessions.Wait()
		require.Equal(t, []string{"redis paused"}, texts)
	})
}

func TestALabThatCannotBeReadToBeginWithIsAnError(t *testing.T) {
	l := newLab(t)
	l.gone = errEngineGone
	for _, err := range collect.Watch(t.Context(), l, options()) {
		require.Truef(t, errors.Is(err, errEngineGone), "%v", err)
	}
}
