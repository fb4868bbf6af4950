package record

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func compile(t *testing.T, texts ...string) []expect.Expectation {
	t.Helper()
	var all []expect.Expectation
	for _, text := range texts {
		e, err := expect.Compile(text)
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

// cutRun is ten seconds with a cut from the third to the sixth, in which half of the requests fail.
func cutRun(verified string) Record {
	r := Record{Scenario: "cut", Lab: "demo", Project: "demo", Seed: 3, Start: start, End: start.Add(10 * time.Second),
		Phases: []Phase{{"steady", 0, 3 * time.Second}, {"broken", 3 * time.Second, 6 * time.Second}, {"after", 6 * time.Second, 10 * time.Second}},
		Steps: []Step{
			{Name: "cut", Phase: "broken", Kind: "fault", Text: "cut a->b", State: Done, At: 3 * time.Second, Fault: "f1"},
			{Name: "heal", Phase: "after", Kind: "heal", Text: "heal cut", State: Done, At: 5900 * time.Millisecond, Took: 100 * time.Millisecond},
		}}
	for i := range 10 {
		s := telemetry.Snapshot{Time: start.Add(time.Duration(i+1) * time.Second), Window: time.Second,
			Traffic: []telemetry.Traffic{{Workload: "w", Achieved: 100, Succeeded: 100}}}
		if i >= 3 && i < 6 {
			s.Traffic[0].Succeeded = 50
			s.Faults = []telemetry.Fault{{ID: "f1", Kind: "cut", Target: "a->b", Start: start.Add(3 * time.Second), Verified: verified}}
		}
		r.Snapshots = append(r.Snapshots, s)
	}
	r.Faults = FaultSpans(r.Start, r.End, r.Snapshots)
	return r
}

func TestAFaultIsKnownFromItsFirstSnapshotToTheFirstWithoutIt(t *testing.T) {
	require.Equal(t, []Fault{{ID: "f1", Kind: "cut", Target: "a->b", Start: 3 * time.Second, End: 7 * time.Second, Verified: "yes"}}, cutRun("yes").Faults)
}

func TestAFaultThatOutlastsTheRunEndsWithIt(t *testing.T) {
	r := cutRun("yes")
	require.Equal(t, 5*time.Second, FaultSpans(r.Start, start.Add(5*time.Second), r.Snapshots[:5])[0].End)
}

func TestARunHoldsWhenEverythingHolds(t *testing.T) {
	r := cutRun("yes")
	r.Judge(compile(t, "errors == 0 during steady", "errors > 40% between cut and heal", "errors < 1% after heal within 2s"))
	require.Equal(t, expect.Holds, r.Verdict, "%+v", r.Expectations)
}

func TestAFaultThatDidNotBiteShowsNothing(t *testing.T) {
	r := cutRun("no")
	r.Judge(compile(t, "errors == 0 during steady", "errors > 40% between cut and heal", "errors > 99% between cut and heal"))
	require.Equal(t, expect.Holds, r.Expectations[0].Verdict, "it was judged before the fault")
	require.Equal(t, expect.Unknown, r.Expectations[1].Verdict)
	require.Contains(t, r.Expectations[1].Why, "did not bite")
	require.Equal(t, expect.Fails, r.Expectations[2].Verdict, "what fails, fails")
}

func TestWhatCouldNotBeDoneNeverPasses(t *testing.T) {
	for name, story := range map[string]struct {
		change func(*Record)
		want   expect.Verdict
	}{
		"all is well":                {func(*Record) {}, expect.Holds},
		"a step failed":              {func(r *Record) { r.Steps[0].State = Failed }, expect.Fails},
		"a step was never reached":   {func(r *Record) { r.Steps[0].State = Skipped }, expect.Unknown},
		"the run was broken off":     {func(r *Record) { r.Interrupted = true }, expect.Unknown},
		"the engine went away":       {func(r *Record) { r.Error = "engine not reachable" }, expect.Unknown},
		"a history is not explained": {func(r *Record) { r.Histories = []History{{Result: history.Result{Verdict: expect.Fails}}} }, expect.Fails},
	} {
		r := cutRun("yes")
		story.change(&r)
		r.Judge(compile(t, "errors == 0 during steady"))
		require.Equal(t, story.want, r.Verdict, name)
	}
}

func TestARecordIsJudgedAnewWithoutItsLab(t *testing.T) {
	r := cutRun("yes")
	r.Judge(compile(t, "errors == 0"))
	require.Equal(t, expect.Fails, r.Verdict)
	var file bytes.Buffer
	require.NoError(t, r.Encode(&file))
	again, err := Decode(&file)
	require.NoError(t, err)
	again.Judge(compile(t, "errors < 20%"))
	require.Equal(t, expect.Holds, again.Verdict)
	require.Equal(t, "15%", again.Expectations[0].Measured)
}

func TestARecordOfAnotherVersionIsRefused(t *testing.T) {
	_, err := Decode(strings.NewReader(`{"version": 99}`))
	require.ErrorContains(t, err, "version 99")
	_, err = Decode(strings.NewReader(`{`))
	require.Error(t, err)
}

func TestCISystemsSeeFailuresAndErrorsApart(t *testing.T) {
	r := cutRun("yes")
	r.Judge(compile(t, "errors == 0 during steady", "errors == 0", "cpu < 1"))
	var out bytes.Buffer
	require.NoError(t, JUnit(&out, []Record{r, r}))
	var got junitSuites
	require.NoError(t, xml.Unmarshal(out.Bytes(), &got))
	require.Equal(t, []int{6, 2, 2}, []int{got.Tests, got.Failures, got.Errors})
	require.Equal(t, "cut#2", got.Suites[1].Name)
	require.Contains(t, got.Suites[0].Cases[1].Failure.Message, "expected == 0%, measured 15%")
	require.NotNil(t, got.Suites[0].Cases[2].Error)
	require.Error(t, JUnit(fullDisk{}, []Record{r}))
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
