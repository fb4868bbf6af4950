package play

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/script"
)

// sandbox is a lab in memory: a third of its requests fail while a fault stands.
type sandbox struct {
	mu     sync.Mutex
	rate   float64
	faults []telemetry.Fault
	next   int
	said   []string // what was asked of it
	// what goes wrong
	blunt     bool // faults do not bite
	restless  bool // a node never becomes ready
	completed bool // another has done its work
	loseAfter time.Duration
	commands  func(command []string) (string, int)
	stale     bool // the recorded register is broken
}

func newSandbox() *sandbox { return &sandbox{rate: 100} }

func (s *sandbox) note(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

func (s *sandbox) Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return func(yield func(telemetry.Snapshot, error) bool) {
		start := time.Now()
		tick := time.NewTicker(470 * time.Millisecond) // never in the very instant of a step
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if s.loseAfter > 0 && time.Since(start) > s.loseAfter {
				yield(telemetry.Snapshot{}, errors.New("engine not reachable"))
				return
			}
			if !yield(s.now(), nil) {
				return
			}
		}
	}
}

func (s *sandbox) now() telemetry.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := telemetry.Traffic{Workload: "shop", Asked: s.rate, Achieved: s.rate, Succeeded: s.rate, Latency: telemetry.Latency{Count: 50, P99: 0.005}}
	if len(s.faults) > 0 && !s.blunt {
		t.Succeeded = s.rate * 2 / 3
	}
	health := telemetry.HealthReady
	if s.restless {
		health = telemetry.HealthStarting
	}
	nodes := []telemetry.Node{{Name: "redis-1", Health: health}}
	if s.completed {
		nodes = append(nodes, telemetry.Node{Name: "seed", Health: telemetry.HealthCompleted})
	}
	return telemetry.Snapshot{Time: time.Now(), Window: 500 * time.Millisecond, Traffic: []telemetry.Traffic{t},
		Faults: append([]telemetry.Fault(nil), s.faults...), Nodes: nodes}
}

func (s *sandbox) Inject(_ context.Context, spec fault.Spec) ([]telemetry.Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if spec.Targets == nil {
		spec.Targets = []string{fmt.Sprintf("redis-%d", spec.Seed%3+1)}
	}
	if spec.Targets[0] == "nobody" {
		return nil, errors.New(`no node "nobody"`)
	}
	s.next++
	verified := "yes"
	if s.blunt {
		verified = "no"
	}
	f := telemetry.Fault{ID: fmt.Sprint("f", s.next), Kind: spec.Kind, Target: strings.Join(spec.Targets, ","), Start: time.Now(), Verified: verified}
	s.faults = append(s.faults, f)
	s.note("inject %s %s for %s", spec.Kind, f.Target, spec.For)
	return []telemetry.Fault{f}, nil
}

func (s *sandbox) Heal(ctx context.Context, ids ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []telemetry.Fault
	for _, f := range s.faults {
		if strings.Contains(strings.Join(ids, " ")+" ", f.ID+" ") {
			s.note("heal %s %s", f.Kind, f.Target)
			continue
		}
		left = append(left, f)
	}
	s.faults = left
	return nil
}

func (s *sandbox) HealAll(ctx context.Context) error {
	s.mu.Lock()
	ids := make([]string, len(s.faults))
	for i, f := range s.faults {
		ids[i] = f.ID
	}
	s.mu.Unlock()
	return s.Heal(ctx, ids...)
}

func (s *sandbox) StartTraffic(_ context.Context, specs ...workload.Spec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, spec := range specs {
		s.note("start %s with seed %d", spec.Name, spec.Seed)
	}
	return nil
}

func (s *sandbox) StopTraffic(context.Context) error { s.note("stop traffic"); return nil }

func (s *sandbox) RestoreTraffic(context.Context) error { s.note("restore traffic"); return nil }

func (s *sandbox) SetTraffic(_ context.Context, name string, change workload.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change.Rate != nil {
		s.rate = *change.Rate
	}
	s.note("set %q", name)
	return nil
}

func (s *sandbox) Run(_ context.Context, node string, command []string, _ string, out io.Writer) (int, error) {
	text, code := s.commands(command)
	_, _ = io.WriteString(out, text)
	return code, nil
}

func (s *sandbox) Scale(_ context.Context, counts map[string]int) error {
	s.note("scale %v", counts)
	return nil
}

func (s *sandbox) RecordHistory(ctx context.Context, spec drive.Spec, w io.Writer) error {
	recorder := history.NewRecorder(w, nil)
	for i := range 10 {
		v := fmt.Sprint(i)
		recorder.Invoke(0, "", history.Operation{Function: history.Write, Key: "x", Value: &v})(history.OK, history.Operation{}, nil)
		if s.stale && i > 0 {
			v = fmt.Sprint(i - 1)
		}
		time.Sleep(time.Millisecond) // in the bubble's time: what ends in the instant in which another begins is concurrent with it
		recorder.Invoke(1, "", history.Operation{Function: history.Read, Key: "x"})(history.OK, history.Operation{Value: &v}, nil)
	}
	select {
	case <-time.After(spec.Duration.Std()):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const shardLoss = `
version: 1
title: A shard is lost
lab: sharded-redis
phases:
  - {name: steady, for: 5s}
  - name: loss
    for: 5s
    steps:
      - {name: kill, inject: [kill, redis-2]}
  - name: recovery
    for: 5s
    steps:
      - {name: heal, heal: kill}
expect:
  - errors == 0 during steady
  - errors > 20% between kill and heal
  - errors < 0.1% after heal within 3s
`

func decode(t *testing.T, text string) *script.Scenario {
	t.Helper()
	s, err := script.Decode("scenario.yaml", []byte(text))
	require.NoError(t, err)
	return s
}

// play plays in the bubble's own time: it takes no real time.
func play(t *testing.T, lab *sandbox, text string, options Options) (record.Record, error) {
	t.Helper()
	return Run(t.Context(), lab, decode(t, text), options)
}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestAShardIsKilledAndHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		var events []string
		run, err := play(t, lab, shardLoss, Options{Scenario: "shard-loss", Lab: "sharded-redis", Progress: func(e Event) {
			if e.Kind == EventPhase || e.Kind == EventStep {
				events = append(events, fmt.Sprintf("%s %s", e.At.Round(time.Second), e.Phase+" "+e.Text))
			}
		}})
		require.NoError(t, err)
		require.Equal(t, expect.Holds, run.Verdict, "%+v", run.Expectations)
		require.Equal(t, []string{"0s steady 5s", "5s loss 5s", "5s loss kill redis-2", "10s recovery 5s", "10s recovery heal kill"}, events)
		require.Equal(t, []string{"inject kill redis-2 for 40s", "heal kill redis-2"}, lab.said)
		require.InDelta(t, 15, run.Duration().Seconds(), 1)
		require.Len(t, run.Faults, 1)
		require.Equal(t, "f1", run.Steps[0].Fault)
	})
}

func TestAnExpectationThatIsFalseFailsAndSaysWhatWasMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, err := play(t, newSandbox(), strings.Replace(shardLoss, "errors > 20%", "errors > 90%", 1), Options{})
		require.NoError(t, err)
		require.Equal(t, expect.Fails, run.Verdict)
		require.Equal(t, "> 90%", run.Expectations[1].Expected)
		require.Equal(t, "33.33%", run.Expectations[1].Measured)
	})
}

func TestAFaultThatDoesNotBiteProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		lab.blunt = true
		run, err := play(t, lab, strings.Replace(shardLoss, "errors > 20%", "errors < 90%", 1), Options{})
		require.NoError(t, err)
		require.Equal(t, expect.Unknown, run.Verdict)
	})
}

func TestAnInterruptionHealsAndStillReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		ctx, cancel := context.WithCancelCause(t.Context())
		run, err := Run(ctx, lab, decode(t, shardLoss), Options{Progress: func(e Event) {
			if e.Kind == EventStep {
				cancel(errors.New("interrupted"))
			}
		}})
		require.NoError(t, err)
		require.True(t, run.Interrupted)
		require.Equal(t, expect.Unknown, run.Verdict)
		require.Empty(t, lab.faults, "what the run broke is whole again")
		require.NotEmpty(t, run.Snapshots)
	})
}

func TestOneSeedDrawsTheSameTargets(t *testing.T) {
	text := strings.ReplaceAll(shardLoss, "[kill, redis-2]", "[kill, --random]")
	drawn := map[uint64]string{}
	for _, seed := range []uint64{1, 2, 3, 4, 5, 1, 2, 3, 4, 5} {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			lab := newSandbox()
			run, err := play(t, lab, text, Options{Seed: seed})
			require.NoError(t, err)
			require.Equal(t, seed, run.Seed)
			require.Contains(t, run.Steps[0].Text, "(drawn)")
			if was, again := drawn[seed]; again {
				require.Equal(t, was, run.Steps[0].Text)
			}
			drawn[seed] = run.Steps[0].Text
		})
	}
	different := map[string]bool{}
	for _, text := range drawn {
		different[text] = true
	}
	require.Greater(t, len(different), 1, "another seed may draw another target")
}

func TestStepsWaitForTheirConditionAndAreSkippedWhenItDoesNotCome(t *testing.T) {
	const text = `
version: 1
title: t
lab: l
phases:
  - name: broken
    for: 20s
    steps:
      - {name: cut, at: 2s, inject: [cut, "a->b"]}
      - {name: heal, when: errors > 5%% for 3s, heal: cut}
      - {when: %s, within: 2s, run: {node: redis-1, run: [never]}}
  - {name: short, for: 20s, until: errors == 0 for 2s}
`
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		run, err := play(t, lab, fmt.Sprintf(text, "errors > 50%"), Options{})
		require.NoError(t, err)
		require.Equal(t, expect.Unknown, run.Verdict, "a step that was never reached must not pass")
		require.InDelta(t, 2, run.Steps[0].At.Seconds(), 0.1)
		require.InDelta(t, 5, run.Steps[1].At.Seconds(), 0.6, "three seconds of errors later")
		require.Equal(t, record.Skipped, run.Steps[2].State)
		require.Contains(t, run.Steps[2].Error, "within 2s")
		require.Less(t, run.Phases[1].End-run.Phases[1].Start, 3*time.Second, "the phase ended early")
	})
}

func TestCommandsAreHeldToWhatTheySay(t *testing.T) {
	const text = `
version: 1
title: t
lab: l
phases:
  - name: only
    for: 2s
    steps:
      - run: {node: redis-1, run: [redis-cli, dbsize], match: "^[0-9]+$"}
      - run: {node: redis-1, run: [false], exit: 1}
      - run: {node: redis-1, run: [redis-cli, dbsize], match: "keys"}
      - run: {node: redis-1, run: [false]}
      - inject: [kill, nobody]
      - scale: {web: 3}
`
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		lab.commands = func(c []string) (string, int) {
			if c[0] == "false" {
				return "", 1
			}
			return "42\n", 0
		}
		run, err := play(t, lab, text, Options{})
		require.NoError(t, err)
		var states []string
		for _, s := range run.Steps {
			states = append(states, s.State)
		}
		require.Equal(t, []string{record.Done, record.Done, record.Failed, record.Failed, record.Failed, record.Done}, states)
		require.Equal(t, expect.Fails, run.Verdict)
		require.Equal(t, "42", run.Steps[0].Output)
		require.Contains(t, lab.said, "scale map[web:3]")
	})
}

func TestTrafficIsReplacedChangedAndGivenBack(t *testing.T) {
	const text = `
version: 1
title: t
lab: l
seed: 9
workloads: [{name: mine, target: "redis://a:1"}]
phases:
  - name: more
    for: 2s
    traffic: [{rate: 500}]
expect: ["achieved > 400/s during more"]
`
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		run, err := play(t, lab, text, Options{})
		require.NoError(t, err)
		require.Equal(t, expect.Holds, run.Verdict, "%+v", run.Expectations)
		require.Equal(t, []string{"stop traffic", "start mine with seed 9", `set ""`, "restore traffic"}, lab.said)
		require.Equal(t, "traffic to 500/s", run.Steps[0].Text)
	})
}

func TestHistoriesAreCheckedWithTheFaultsOnThem(t *testing.T) {
	text := shardLoss + `histories: [{model: register, target: "redis://a:1"}]` + "\n"
	for _, stale := range []bool{false, true} {
		bubble(t, fmt.Sprint("stale ", stale), func(t *testing.T) {
			lab := newSandbox()
			lab.stale = stale
			files := map[string]*bytes.Buffer{}
			run, err := play(t, lab, text, Options{HistoryFile: func(name string) (io.WriteCloser, error) {
				files[name] = &bytes.Buffer{}
				return nopCloser{files[name]}, nil
			}})
			require.NoError(t, err)
			want := expect.Holds
			if stale {
				want = expect.Fails
			}
			require.Equal(t, want, run.Verdict, "%+v", run.Histories)
			require.Equal(t, "register.jsonl", run.Histories[0].File)
			require.Contains(t, files["register.html"].String(), "kill redis-2", "the fault is a lane on the picture")
		})
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestALabThatDoesNotComeToRestIsNoRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		lab.restless = true
		_, err := play(t, lab, shardLoss, Options{})
		require.ErrorIs(t, err, ErrUnsettled)
		require.ErrorContains(t, err, "redis-1 is starting")
	})
}

func TestAServiceThatIsCompletedDoesNotKeepALabFromRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		lab.completed = true
		_, err := play(t, lab, shardLoss, Options{})
		require.NoError(t, err)
	})
}

func TestALabThatIsLostMakesTheVerdictUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := newSandbox()
		lab.loseAfter = 6 * time.Second
		run, err := play(t, lab, shardLoss, Options{})
		require.NoError(t, err)
		require.Contains(t, run.Error, "engine not reachable")
		require.NotEqual(t, expect.Holds, run.Verdict)
	})
}

func TestAScenariosFiguresAreDrawnAtItsEnd(t *testing.T) {
	text := shardLoss + `
figures:
  - title: What a shard's death costs
    parameter: dead shards
    lines:
      - {name: errors, value: "errors", at: {steady: 0, loss: 1}}
`
	synctest.Test(t, func(t *testing.T) {
		run, err := play(t, newSandbox(), text, Options{})
		require.NoError(t, err)
		require.Empty(t, run.Error)
		require.Len(t, run.Figures, 1)
		require.Len(t, run.Figures[0].Lines, 1)
	})
}

func TestComparedRunsHaveTheirOwnExpectations(t *testing.T) {
	text := shardLoss + `
compare:
  - {name: plain}
  - {name: ejecting, variant: eject, expect: ["errors < 1% between kill and heal"]}
`
	synctest.Test(t, func(t *testing.T) {
		s := decode(t, text)
		run, err := Run(t.Context(), newSandbox(), s, Options{Entry: s.Compare[1]})
		require.NoError(t, err)
		require.Equal(t, "eject", run.Variant)
		require.Equal(t, "A shard is lost: ejecting", run.Title)
		require.Len(t, run.Expectations, 4)
		require.Equal(t, expect.Fails, run.Verdict)
	})
}
