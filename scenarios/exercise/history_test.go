package exercise

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
)

// tally is a lab whose counter loses every loses-th addition, and stands still while a fault is there.
type tally struct {
	sandbox
	loses  int
	broken bool // the recording breaks off
	specs  []drive.Spec
}

func (l *tally) RecordHistory(ctx context.Context, spec drive.Spec, w io.Writer) error {
	l.specs = append(l.specs, spec)
	recorder := history.NewRecorder(w, nil)
	counter, asked := 0, 0
	do := func(f history.Function, value string, outcome history.Type) {
		key := spec.Prefix + "0"
		end := recorder.Invoke(0, spec.Targets[0], history.Operation{Function: f, Key: key, Value: history.Of("1")})
		time.Sleep(10 * time.Millisecond)
		end(outcome, history.Operation{Value: history.Of(value)}, nil)
	}
	for begin := time.Now(); time.Since(begin) < spec.Duration.Std(); time.Sleep(90 * time.Millisecond) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if l.broken && asked > 10 {
			return errors.New("the traffic client is gone")
		}
		if len(l.standing()) > 0 {
			do(history.Add, "1", history.Fail)
			continue
		}
		if asked++; l.loses == 0 || asked%l.loses != 0 {
			counter++
		}
		do(history.Add, "1", history.OK)
	}
	do(history.Read, fmt.Sprint(counter), history.OK)
	return recorder.Err()
}

// Run prints a history that a node has kept.
func (l *tally) Run(ctx context.Context, node string, command []string, user string, out io.Writer) (int, error) {
	if node == "redis-1" {
		return l.sandbox.Run(ctx, node, command, user, out)
	}
	recorder := history.NewRecorder(out, nil)
	for client := range 2 {
		recorder.Invoke(client, "", history.Operation{Function: history.Acquire, Key: "lock"})(history.OK, history.Operation{Token: int64(client + 1)}, nil)
		if node == "vault" {
			recorder.Invoke(client, "", history.Operation{Function: history.Release, Key: "lock"})(history.OK, history.Operation{}, nil)
		}
	}
	if node == "broken" {
		return 7, nil
	}
	return 0, recorder.Err()
}

func counts(t *testing.T, lab *tally, ex format.Exercise, answer string) (result Result, evidence Evidence) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		evidence, err = Collect(t.Context(), lab, ex, answer, Options{Slug: "tally"})
		require.NoError(t, err)
		result = Grade(ex, evidence)
	})
	return result, evidence
}

func historyTask(h format.History) format.Exercise {
	if h.Command == nil && h.Target == nil {
		h.Target = workload.Targets{"etcd://etcd"}
	}
	return format.Exercise{ID: "task", Points: 2, Do: &format.Do{Checks: []format.Check{{Text: "nothing is lost", History: &h}}}}
}

func most(v float64) format.Range  { return format.Range{Max: &v} }
func least(v float64) format.Range { return format.Range{Min: &v} }

func TestARecordedHistoryMustBeWhatTheExerciseSays(t *testing.T) {
	for name, story := range map[string]struct {
		loses   int
		history format.History
		want    expect.Verdict
	}{
		"it holds":                         {0, format.History{Model: "counter"}, expect.Holds},
		"it is violated":                   {5, format.History{Model: "counter"}, expect.Fails},
		"a violation is wanted and found":  {5, format.History{Model: "counter", Verdict: "fails"}, expect.Holds},
		"a violation is wanted and absent": {0, format.History{Model: "counter", Verdict: "fails"}, expect.Fails},
		"counted, in range":                {5, format.History{Model: "counter", Verdict: "any", Counts: map[string]format.Range{"lost": least(15), "ok": least(50)}}, expect.Holds},
		"counted, out of range":            {5, format.History{Model: "counter", Verdict: "any", Counts: map[string]format.Range{"lost": most(3)}}, expect.Fails},
		"it holds, and is too small":       {0, format.History{Model: "counter", Counts: map[string]format.Range{"ok": least(5000)}}, expect.Fails},
		"a count that is never counted":    {0, format.History{Model: "counter", Counts: map[string]format.Range{"losst": most(0)}}, expect.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			ex := historyTask(story.history)
			result, evidence := counts(t, &tally{loses: story.loses}, ex, "")
			require.Equal(t, story.want, result.Verdict, "%+v", result)
			// The evidence alone gives the same grade, without a lab.
			text, err := json.Marshal(evidence)
			require.NoError(t, err)
			var kept Evidence
			require.NoError(t, json.Unmarshal(text, &kept))
			require.Equal(t, result, Grade(ex, kept))
			// And another one when the exercise asks for something else.
			if story.history.Verdict == "" && story.want == expect.Holds {
				stricter := historyTask(format.History{Model: "counter", Verdict: "fails"})
				require.Equal(t, expect.Fails, Grade(stricter, kept).Verdict)
			}
		})
	}
}

func TestEvidenceThatWasTamperedWithIsJudgedByWhatItSays(t *testing.T) {
	ex := historyTask(format.History{Model: "counter"})
	_, evidence := counts(t, &tally{}, ex, "")
	last := len(evidence.Checks[0].History) - 1
	evidence.Checks[0].History[last].Value = history.Of("3")
	require.Equal(t, expect.Fails, Grade(ex, evidence).Verdict)
}

func TestTheLabIsBrokenWhileItIsRecordedAndWholeAfterwards(t *testing.T) {
	seconds := func(n int) workload.Duration { return workload.Duration(time.Duration(n) * time.Second) }
	ex := format.Exercise{ID: "gap", Points: 3, Predict: &format.Predict{Number: &format.Number{Unit: "ms", Tolerance: format.Tolerance{Absolute: 200},
		Measure: format.Measure{Count: "silence_ms", History: &format.History{Model: "counter", Target: workload.Targets{"etcd://etcd"}, Duration: seconds(8),
			During: []format.Step{{Wait: seconds(2)}, {Inject: []string{"kill", "etcd-1"}}, {Wait: seconds(3)}, {Heal: true}}}}}}}
	lab := &tally{}
	result, evidence := counts(t, lab, ex, "3000")
	require.Equal(t, expect.Holds, result.Verdict, "%+v", result)
	require.Equal(t, []string{"inject kill", "heal", "heal"}, lab.said, "once by the steps, once to be sure")
	require.Equal(t, expect.Fails, func() expect.Verdict {
		evidence.Answer = "1000"
		return Grade(ex, evidence).Verdict
	}())
	again := &tally{}
	_, _ = counts(t, again, ex, "1000")
	require.NotEmpty(t, lab.specs[0].Prefix)
	require.Equal(t, 8*time.Second, lab.specs[0].Duration.Std())
	require.Equal(t, history.Counter, lab.specs[0].Model)
}

func TestAFaultThatDidNotBiteWhileItWasRecordedGradesNobody(t *testing.T) {
	ex := historyTask(format.History{Model: "counter", Duration: workload.Duration(time.Second), During: []format.Step{{Inject: []string{"kill", "etcd-1"}}}})
	lab := &tally{}
	lab.blunt = true
	result, _ := counts(t, lab, ex, "")
	require.Equal(t, expect.Unknown, result.Verdict)
}

func TestARecordingThatBrokeOffPassesNobody(t *testing.T) {
	result, _ := counts(t, &tally{broken: true}, historyTask(format.History{Model: "counter"}), "")
	require.NotEqual(t, expect.Holds, result.Verdict)
	require.Contains(t, result.Checks[0].Why, "the traffic client is gone")
	require.NotEqual(t, expect.Holds, Grade(historyTask(format.History{Model: "counter"}), Evidence{}).Verdict)
	none := Evidence{Checks: []Sample{{Recorded: true}}}
	for _, verdict := range []string{"", "fails", "any"} {
		require.NotEqual(t, expect.Holds, Grade(historyTask(format.History{Model: "counter", Verdict: verdict}), none).Verdict, "nothing happened: %q", verdict)
	}
}

func TestAnAttemptThatIsInterruptedWhileItRecordsHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab := &tally{}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := Collect(ctx, lab, historyTask(format.History{Model: "counter", During: []format.Step{{Inject: []string{"kill", "etcd-1"}}, {Wait: workload.Duration(6 * time.Second)}}}), "", Options{})
		require.Error(t, err)
		require.Equal(t, []string{"inject kill", "heal"}, lab.said)
	})
}

func TestAHistoryThatANodeHasKeptIsChecked(t *testing.T) {
	kept := func(node string) format.Exercise {
		return historyTask(format.History{Model: "lock", Counts: map[string]format.Range{"holders": least(2)}, Command: &format.Command{Node: node, Run: []string{"fetch", "/history"}}})
	}
	result, _ := counts(t, &tally{}, kept("vault"), "")
	require.Equal(t, expect.Holds, result.Verdict, "%+v", result)
	result, _ = counts(t, &tally{}, kept("open"), "")
	require.Equal(t, expect.Fails, result.Verdict)
	require.Contains(t, result.Checks[0].Why, "both held")
	result, _ = counts(t, &tally{}, kept("broken"), "")
	require.Equal(t, expect.Fails, result.Verdict)
	require.Contains(t, result.Checks[0].Why, "ended with 7")
}

func TestTheEvidenceOfAnExerciseFitsIntoASubmission(t *testing.T) {
	var text bytes.Buffer
	recorder := history.NewRecorder(&text, nil)
	for i := range 3000 { // as many operations as an exercise records
		end := recorder.Invoke(i%5, "etcd://etcd-1:2379", history.Operation{Function: history.Write, Key: fmt.Sprint("exercise:19ab:", i%3), Value: history.Of(fmt.Sprint(i))})
		end(history.OK, history.Operation{}, nil)
	}
	events, err := history.Decode(&text)
	require.NoError(t, err)
	evidence, err := json.Marshal(Evidence{Checks: []Sample{{Recorded: true, History: events}}})
	require.NoError(t, err)
	require.Less(t, gzipped(t, evidence), 64<<10)
}

func gzipped(t *testing.T, text []byte) int {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Len()
}
