package expect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// In the first second one request in ten is slow, in the next two of twice as many seconds' requests none is.
func TestTheShareOfSlowRequestsIsThatOfAllRequests(t *testing.T) {
	run := Run{Start: start, End: start.Add(3 * time.Second), Snapshots: []telemetry.Snapshot{
		{Time: start.Add(time.Second), Window: time.Second, Traffic: []telemetry.Traffic{
			{Workload: "a", Histogram: []telemetry.Bucket{{UpTo: 0.010, Count: 90}, {UpTo: 0.250, Count: 10}}},
			{Workload: "b", Histogram: []telemetry.Bucket{{UpTo: 0.5, Count: 100}}}}},
		{Time: start.Add(3 * time.Second), Window: 2 * time.Second, Traffic: []telemetry.Traffic{
			{Workload: "a", Histogram: []telemetry.Bucket{{UpTo: 0.010, Count: 300}}}}},
	}}
	for text, measured := range map[string]string{
		"slower{workload=a,than=100ms} < 3%": "2.5%", "slower{workload=a,than=300ms} < 3%": "0%", "slower{workload=b,than=100ms} > 99%": "100%",
		"slower{than=5ms} > 99%": "100%", "max(slower{workload=a,than=100ms}) > 9%": "10%",
	} {
		e, err := Compile(text)
		require.NoError(t, err)
		result := e.Judge(run)
		require.Equal(t, Holds, result.Verdict, text)
		require.Equal(t, measured, result.Measured, text)
	}
	for _, text := range []string{"slower < 3%", "slower{than=soon} < 3%", "slower{than=-1s} < 3%", "slower{than=1s} < 3ms"} {
		_, err := Compile(text)
		require.Error(t, err, text)
	}
	e, err := Compile("slower{workload=nobody,than=1s} < 3%")
	require.NoError(t, err)
	require.Equal(t, Unknown, e.Judge(run).Verdict)
}
