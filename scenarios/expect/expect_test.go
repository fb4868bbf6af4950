package expect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// second is what one second of the story looked like.
type second struct {
	achieved, succeeded, p99 float64
	keys                     float64
	leaders                  float64
}

// story is a run of ten steady seconds, five with a shard cut off, and fifteen of recovery.
func story() Run {
	var seconds []second
	for range 10 {
		seconds = append(seconds, second{achieved: 1000, succeeded: 1000, p99: 0.010, keys: 100, leaders: 1})
	}
	for range 5 {
		seconds = append(seconds, second{achieved: 900, succeeded: 600, p99: 0.400, keys: 66, leaders: 2})
	}
	for i := range 15 {
		s := second{achieved: 1000, succeeded: 1000, p99: 0.012, keys: 100, leaders: 2}
		if i < 3 {
			s.succeeded = 950
		}
		seconds = append(seconds, s)
	}
	run := Run{
		Start: start, End: start.Add(30 * time.Second),
		Phases: map[string]Span{"steady": {start, start.Add(10 * time.Second)}, "recovery": {Start: start.Add(15 * time.Second)}},
		Steps:  map[string]time.Time{"cut": start.Add(10 * time.Second), "heal": start.Add(15 * time.Second)},
	}
	var sent uint64
	for i, s := range seconds {
		sent += uint64(s.achieved)
		run.Snapshots = append(run.Snapshots, telemetry.Snapshot{
			Time: start.Add(time.Duration(i+1) * time.Second), Window: time.Second,
			Traffic: []telemetry.Traffic{{Workload: "default", Achieved: s.achieved, Succeeded: s.succeeded, TotalSent: sent,
				Latency:   telemetry.Latency{Count: uint64(s.achieved), P99: s.p99, P50: s.p99 / 2},
				Histogram: []telemetry.Bucket{{UpTo: s.p99 / 2, Count: 980}, {UpTo: s.p99, Count: 20}}}},
			Nodes: []telemetry.Node{
				{Name: "redis-1", Service: "redis-1", Stats: map[string]float64{"keys": s.keys, "leader_changes": s.leaders}},
				{Name: "redis-2", Service: "redis-2", Stats: map[string]float64{"keys": 50, "leader_changes": s.leaders}},
			},
		})
	}
	return run
}

func TestWhatAStoryTells(t *testing.T) {
	tests := []struct {
		text     string
		verdict  Verdict
		measured string
	}{
		{"p99 < 50ms during steady", Holds, "10ms"},
		{"p99 < 5ms during steady", Fails, "10ms"},
		{"p99 > 100ms between cut and heal", Holds, "400ms"},
		{"max(p99) < 50ms", Fails, "400ms"},
		{"errors == 0 during steady", Holds, "0%"},
		{"errors > 30% between cut and heal", Holds, "33.33%"},
		{"errors < 0.1% after heal within 5s", Holds, "0%"},
		{"errors < 0.1% after heal within 2s", Fails, "0%"},
		{"errors < 0.1% after cut within 30s", Holds, "0%"},
		{"achieved{workload=default} >= 1000/s during recovery", Holds, "1000/s"},
		{"sent > 20000", Holds, "2.85e+04"},
		{"increase(sent) < 10000 during steady", Holds, "9000"},
		{"stat:keys{node=redis-1} == 66 between cut and heal", Holds, "66"},
		{"last(stat:keys) == 150", Holds, "150"},
		{"min(stat:keys{service=redis-1}) >= 100", Fails, "66"},
		{"leader_changes == 1", Holds, "1"},
		{"count(errors) == 30", Holds, "30"},
		{"cpu < 1", Unknown, ""},
		{"errors < 1 during nonsense", Unknown, ""},
		{"errors < 1 after nonsense", Unknown, ""},
		{"errors{workload=other} < 1", Unknown, ""},
	}
	for _, tc := range tests {
		t.Run(tc.text, func(t *testing.T) {
			e, err := Compile(tc.text)
			require.NoError(t, err)
			result := e.Judge(story())
			require.Equal(t, tc.verdict, result.Verdict, "%+v", result)
			require.Equal(t, tc.measured, result.Measured)
			if tc.verdict == Unknown {
				require.NotEmpty(t, result.Why)
			}
		})
	}
}

func TestTheDecidingSampleIsNamed(t *testing.T) {
	e, err := Compile("max(p99) < 50ms")
	require.NoError(t, err)
	result := e.Judge(story())
	require.Equal(t, 11*time.Second, *result.When)
	require.Equal(t, "< 50ms", result.Expected)
}

func TestARecoveryThatTheRunDidNotOutlastIsUnknown(t *testing.T) {
	run := story()
	run.End = run.Start.Add(16 * time.Second)
	run.Snapshots = run.Snapshots[:16]
	e, err := Compile("errors < 0.1% after heal within 5s")
	require.NoError(t, err)
	require.Equal(t, Unknown, e.Judge(run).Verdict)
}

func TestAPercentileOfAWindowIsThatOfAllItsRequests(t *testing.T) {
	e, err := Compile("p50 < 1s")
	require.NoError(t, err)
	require.InDelta(t, 0.006, *e.Judge(story()).Value, 0.0011, "not the mean of the seconds' medians")
}

func TestTextsThatMakeNoSenseAreRefusedWithTheReason(t *testing.T) {
	tests := []struct{ text, reason string }{
		{"", "expected a metric, found the end"},
		{"p98 < 1s", `unknown metric "p98"`},
		{"p99 < 50", `"50" needs a unit, such as 50ms or 50s`},
		{"p99 < 5%", `"5%" is a ratio, and the left side is a duration`},
		{"errors < 50ms", `"50ms" is a duration, and the left side is a ratio`},
		{"memory < 10MiB/s", "is a bytes/s, and the left side is a bytes"},
		{"errors", "expected a comparison"},
		{"errors <", "expected a value"},
		{"errors < x", `"x" is not a number`},
		{"errors < 1furlong", `unknown unit "furlong"`},
		{"errors < 1 while steady", "a window begins with during, after or between"},
		{"errors < 1 during", "expected a phase, found the end"},
		{"errors < 1 between a or b", `expected "and", found "or"`},
		{"errors < 1 after heal within soon", "expected a duration such as 5s"},
		{"median(p99) < 1s", `unknown function "median"`},
		{"increase(errors) < 1", "errors may fall"},
		{"share{workload=shop} < 10%", "share needs the label by, such as share{by=v2}"},
		{"errors{node=a} < 1", `errors has no label "node": it has workload`},
		{"errors{workload=} < 1", "label workload needs a value"},
		{"errors{workload=a < 1", `expected "," or "}"`},
		{"max(errors < 1", `expected ")"`},
		{"errors < 1 during steady please", `unexpected "please" at the end`},
		{"errors < 1 for 3s", "a window begins with"},
	}
	for _, tc := range tests {
		_, err := Compile(tc.text)
		require.ErrorContains(t, err, tc.reason, tc.text)
	}
	_, err := CompileCondition("errors > 1% during steady")
	require.ErrorContains(t, err, "a condition may end in")
}

func TestAConditionIsMetOnceItHasHeldLongEnough(t *testing.T) {
	c, err := CompileCondition("errors > 5% for 3s")
	require.NoError(t, err)
	run := story()
	var metAt []int
	for i := range run.Snapshots {
		if c.Met(run.Snapshots[:i+1], run.Snapshots[i].Time) {
			metAt = append(metAt, i+1)
		}
	}
	require.Equal(t, []int{13, 14, 15}, metAt)

	once, err := CompileCondition("errors > 5%")
	require.NoError(t, err)
	require.False(t, once.Met(nil, start))
	require.True(t, once.Met(run.Snapshots[:11], run.Snapshots[10].Time))
	require.False(t, c.Met(run.Snapshots[11:12], run.Snapshots[11].Time), "three seconds have not been seen yet")
}

func TestMarksNameWhatTheTextRefersTo(t *testing.T) {
	e, err := Compile("errors < 1 between cut and heal")
	require.NoError(t, err)
	phase, steps := e.Marks()
	require.Empty(t, phase)
	require.Equal(t, []string{"cut", "heal"}, steps)
}

func TestAComparisonAndItsOppositeNeverAgree(t *testing.T) {
	opposite := map[string]string{"<": ">=", "<=": ">", "==": "!="}
	rapid.Check(t, func(t *rapid.T) {
		value, bound := rapid.Float64().Draw(t, "value"), rapid.Float64().Draw(t, "bound")
		for op, not := range opposite {
			require.NotEqual(t, compare(value, op, bound), compare(value, not, bound))
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{"p99 < 50ms during steady", "errors < 0.1% after heal within 5s", `max(cpu{node="a",service=b}) >= 0.5 between x and y`,
		"errors > 5% for 3s", "stat:keys != 1e9", "memory < 1.5GiB"} {
		f.Add(text)
	}
	run := story()
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := Compile(text); err == nil {
			if result := e.Judge(run); result.Verdict == Unknown && result.Why == "" {
				t.Errorf("%q: unknown without a reason", text)
			}
		}
		if c, err := CompileCondition(text); err == nil {
			c.Met(run.Snapshots, run.End)
		}
	})
}
