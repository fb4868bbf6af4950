package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
)

// sandbox is a lab in memory: a third of the requests fails while a fault stands.
type sandbox struct {
	faults []telemetry.Fault
	blunt  bool
	keys   int // what a command answers
	grows  bool
	lost   bool
	said   []string

	mu sync.Mutex // of faults, which a recording looks at while steps change them
}

func (s *sandbox) standing() []telemetry.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

func (s *sandbox) Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return func(yield func(telemetry.Snapshot, error) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(470 * time.Millisecond):
			}
			if s.lost {
				yield(telemetry.Snapshot{}, errors.New("engine not reachable"))
				return
			}
			t := telemetry.Traffic{Workload: "shop", Achieved: 90, Succeeded: 90}
			faults := s.standing()
			if len(faults) > 0 && !s.blunt {
				t.Succeeded = 60
			}
			if !yield(telemetry.Snapshot{Time: time.Now(), Window: 470 * time.Millisecond, Traffic: []telemetry.Traffic{t}, Faults: faults}, nil) {
				return
			}
		}
	}
}

func (s *sandbox) Inject(_ context.Context, spec fault.Spec) ([]telemetry.Fault, error) {
	verified := "yes"
	if s.blunt {
		verified = "no"
	}
	f := telemetry.Fault{ID: fmt.Sprint(len(s.said)), Kind: spec.Kind, Target: spec.Targets[0], Verified: verified}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	s.said = append(s.said, "inject "+spec.Kind)
	return []telemetry.Fault{f}, nil
}

func (s *sandbox) Heal(context.Context, ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.said = nil, append(s.said, "heal")
	return nil
}
func (s *sandbox) HealAll(ctx context.Context) error { return s.Heal(ctx) }
func (s *sandbox) SetTraffic(_ context.Context, _ string, c workload.Change) error {
	s.said = append(s.said, fmt.Sprintf("rate %g", *c.Rate))
	return nil
}
func (s *sandbox) RestoreTraffic(context.Context) error {
	s.said = append(s.said, "restore")
	return nil
}
func (s *sandbox) Run(_ context.Context, node string, command []string, _ string, out io.Writer) (int, error) {
	if node != "redis-1" {
		return 0, fmt.Errorf("no node %q", node)
	}
	if s.grows {
		s.keys += 100
	}
	_, _ = fmt.Fprintln(out, s.keys)
	return 0, nil
}

func (s *sandbox) RecordHistory(context.Context, drive.Spec, io.Writer) error {
	return errors.New("nothing to record")
}

// attempt is one try in the bubble's own time.
func attempt(t *testing.T, lab *sandbox, ex format.Exercise, answer string, options Options) (result Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		evidence, err := Collect(t.Context(), lab, ex, answer, options)
		require.NoError(t, err)
		result = Grade(ex, evidence)
		// What was kept is graded the same.
		text, err := json.Marshal(evidence)
		require.NoError(t, err)
		var kept Evidence
		require.NoError(t, json.Unmarshal(text, &kept))
		again := Grade(ex, kept)
		require.Equal(t, result.Verdict, again.Verdict)
		require.Equal(t, result.Points, again.Points)
	})
	return result
}

func choice() format.Exercise {
	return format.Exercise{ID: "which", Points: 2, Predict: &format.Predict{
		Choices: []format.Choice{{Key: "a", Text: "one"}, {Key: "b", Text: "two"}},
		Answer:  format.SealAnswer("which", "b", []byte("123456789012"))}}
}

func number() format.Exercise {
	return format.Exercise{ID: "share", Points: 3, Predict: &format.Predict{Number: &format.Number{Unit: "%",
		Measure:   format.Measure{Steps: []format.Step{{Inject: []string{"kill", "redis-2"}}}, Value: "errors", Scale: 100},
		Tolerance: format.Tolerance{Absolute: 5}}}}
}

func TestAChoiceIsRightOrWrong(t *testing.T) {
	require.Equal(t, expect.Holds, attempt(t, &sandbox{}, choice(), "b", Options{}).Verdict)
	wrong := attempt(t, &sandbox{}, choice(), "a", Options{})
	require.Equal(t, expect.Fails, wrong.Verdict)
	require.Zero(t, wrong.Points)
}

func TestANumberIsHeldAgainstWhatTheLabMeasures(t *testing.T) {
	for answer, want := range map[string]expect.Verdict{"33": expect.Holds, "30 %": expect.Holds, "36,5": expect.Holds, "50": expect.Fails, "0": expect.Fails} {
		lab := &sandbox{}
		result := attempt(t, lab, number(), answer, Options{})
		require.Equal(t, want, result.Verdict, "%s: %+v", answer, result)
		require.Equal(t, "33.33 %", result.Checks[0].Measured)
		require.Equal(t, []string{"inject kill", "heal"}, lab.said, "what was broken for the measurement is whole again")
	}
}

func TestWhatCannotBeIsNotExpected(t *testing.T) {
	low, high := 32.0, 36.0
	ex := number()
	ex.Predict.Number.Min, ex.Predict.Number.Max = &low, &high
	require.Equal(t, "32 % to 36 %", attempt(t, &sandbox{}, ex, "33", Options{}).Checks[0].Expected)
	require.Equal(t, "28.33 % to 38.33 %", attempt(t, &sandbox{}, number(), "33", Options{}).Checks[0].Expected)
}

func TestAFaultThatDidNotBiteGradesNobody(t *testing.T) {
	result := attempt(t, &sandbox{blunt: true}, number(), "0", Options{})
	require.Equal(t, expect.Unknown, result.Verdict, "zero errors were measured, but nothing was broken")
	require.Contains(t, result.Checks[0].Why, "did not bite")
}

func TestALostLabGradesNobody(t *testing.T) {
	result := attempt(t, &sandbox{lost: true}, number(), "33", Options{})
	require.Equal(t, expect.Unknown, result.Verdict)
	require.Contains(t, result.Checks[0].Why, "engine not reachable")
}

func TestAnAnswerThatIsNoneCostsNothing(t *testing.T) {
	low, high := 0.0, 100.0
	bounded := number()
	bounded.Predict.Number.Min, bounded.Predict.Number.Max = &low, &high
	for answer, ex := range map[string]format.Exercise{"c": choice(), "": choice(), "many": number(), "NaN": number(), "101": bounded} {
		lab := &sandbox{}
		_, err := Collect(t.Context(), lab, ex, answer, Options{})
		require.Error(t, err, answer)
		require.Empty(t, lab.said)
	}
}

func task() format.Exercise {
	ten := 10.0
	return format.Exercise{ID: "task", Points: 4, Do: &format.Do{Checks: []format.Check{
		{Text: "no errors", Expect: "errors == 0", Window: workload.Duration(3 * time.Second)},
		{Text: "keys are there", Weight: 3, Command: &format.Command{Node: "redis-1", Run: []string{"redis-cli", "dbsize"}, Number: &format.Range{Min: &ten}}},
	}}}
}

func TestATaskGivesPartOfThePointsForPartOfItsChecks(t *testing.T) {
	all := attempt(t, &sandbox{keys: 50}, task(), "", Options{})
	require.Equal(t, expect.Holds, all.Verdict)
	require.Equal(t, 4.0, all.Points)
	part := attempt(t, &sandbox{}, task(), "", Options{})
	require.Equal(t, expect.Fails, part.Verdict)
	require.Equal(t, 1.0, part.Points)
	require.Equal(t, "at least 10", part.Checks[1].Expected)
	require.Equal(t, "0", part.Checks[1].Measured)
}

func TestATaskThatIsAllOrNothingGivesNothingForAPart(t *testing.T) {
	ex := task()
	ex.Do.All = true
	require.Zero(t, attempt(t, &sandbox{}, ex, "", Options{}).Points)
	require.Equal(t, 4.0, attempt(t, &sandbox{keys: 50}, ex, "", Options{}).Points)
}

func TestAPatientCheckWaitsUntilItHolds(t *testing.T) {
	ex := task()
	ex.Do.Checks = ex.Do.Checks[1:]
	most := 350.0
	ex.Do.Checks[0].Command.Number = &format.Range{Min: &most}
	ex.Do.Checks[0].Within = workload.Duration(5 * time.Second)
	require.Equal(t, expect.Holds, attempt(t, &sandbox{grows: true}, ex, "", Options{}).Verdict)
	ex.Do.Checks[0].Within = 0
	require.Equal(t, expect.Fails, attempt(t, &sandbox{grows: true}, ex, "", Options{}).Verdict)
}

func TestStepsChangeTheLabOnlyForTheCheck(t *testing.T) {
	ex := format.Exercise{ID: "steps", Do: &format.Do{Checks: []format.Check{{Text: "errors rise", Expect: "errors > 10%", Window: workload.Duration(3 * time.Second),
		Steps: []format.Step{{Traffic: &format.TrafficStep{Rate: 500}}, {Wait: workload.Duration(time.Second)}, {Inject: []string{"kill", "redis-1"}}}}}}}
	lab := &sandbox{}
	require.Equal(t, expect.Holds, attempt(t, lab, ex, "", Options{}).Verdict)
	require.Equal(t, []string{"rate 500", "inject kill", "heal", "restore"}, lab.said)
}

func TestAStepThatFailsFailsItsCheck(t *testing.T) {
	ex := format.Exercise{ID: "x", Do: &format.Do{Checks: []format.Check{{Text: "t", Expect: "errors == 0",
		Steps: []format.Step{{Run: &format.Command{Node: "nobody", Run: []string{"true"}}}}}}}}
	result := attempt(t, &sandbox{}, ex, "", Options{})
	require.Equal(t, expect.Fails, result.Verdict)
	require.Contains(t, result.Checks[0].Why, "nobody")
}

func TestAnEditTaskLooksAtTheFilesOfTheCopy(t *testing.T) {
	ex := format.Exercise{ID: "edit", Points: 2, Edit: &format.Edit{Files: []string{"twemproxy.yml"}, Checks: []format.Check{
		{Text: "ejects", File: &format.FileCheck{Path: "twemproxy.yml", Match: `auto_eject_hosts:\s*true`}},
		{Text: "not false", File: &format.FileCheck{Path: "twemproxy.yml", Match: `auto_eject_hosts:\s*false`, Absent: true}},
	}}}
	_, err := Collect(t.Context(), &sandbox{}, ex, "", Options{})
	require.ErrorIs(t, err, ErrNoFolder)
	folder := func(text string) Options {
		return Options{Folder: fstest.MapFS{"twemproxy.yml": {Data: []byte("pool:\r\n  " + text + "\r\n")}}}
	}
	require.Equal(t, expect.Holds, attempt(t, &sandbox{}, ex, "", folder("auto_eject_hosts: true")).Verdict)
	starter := attempt(t, &sandbox{}, ex, "", folder("auto_eject_hosts: false"))
	require.Equal(t, expect.Fails, starter.Verdict)
	require.Zero(t, starter.Points)
	require.Contains(t, starter.Checks[1].Why, "line 2")
	gone := attempt(t, &sandbox{}, ex, "", Options{Folder: fstest.MapFS{}})
	require.Equal(t, expect.Fails, gone.Verdict)
}

func TestAnInterruptedAttemptHealsAndHasNoGrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := &sandbox{}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := Collect(ctx, lab, number(), "33", Options{})
		require.Error(t, err)
		require.Equal(t, []string{"inject kill", "heal"}, lab.said)
	})
}

func TestEvidenceThatIsTooShortIsNotAPass(t *testing.T) {
	require.NotEqual(t, expect.Holds, Grade(task(), Evidence{}).Verdict)
	require.NotEqual(t, expect.Holds, Grade(number(), Evidence{Answer: "33"}).Verdict)
	require.NotEqual(t, expect.Holds, Grade(choice(), Evidence{}).Verdict)
}
