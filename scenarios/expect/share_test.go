package expect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// experiment is a run whose first second has 300 requests, a third of them answered by v2, and whose second one has 100, all by v1.
// v2 fails every other one. One request in ten of the first second was answered by nobody.
func experiment() Run {
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	return Run{Start: start, End: at(2), Snapshots: []telemetry.Snapshot{
		{Time: at(1), Window: time.Second, Traffic: []telemetry.Traffic{{Workload: "all", Achieved: 330, Succeeded: 250,
			Targets: []telemetry.TargetTraffic{{Target: "v1", Rate: 200}, {Target: "v2", Rate: 100, ErrorRate: 0.5}}}}},
		{Time: at(2), Window: time.Second, Traffic: []telemetry.Traffic{{Workload: "all", Achieved: 100, Succeeded: 100,
			Targets: []telemetry.TargetTraffic{{Target: "v1", Rate: 100}}}}},
	}}
}

func TestWhoAnsweredIsToldApart(t *testing.T) {
	for _, tc := range []struct {
		text     string
		verdict  Verdict
		measured string
	}{
		{"share{workload=all,by=v2} < 30%", Holds, "25%"},
		{"share{by=v1} > 70%", Holds, "75%"},
		{"last(share{by=v2}) == 0", Holds, "0%"},
		{"max(share{by=v2}) < 30%", Fails, "33.33%"},
		{"share{by=v3} == 0", Holds, "0%"},
		{"share{workload=other,by=v2} == 0", Unknown, ""},
		{"errors{by=v2} == 50%", Holds, "50%"},
		{"errors{by=v1} == 0", Holds, "0%"},
		{"errors{by=v3} == 0", Unknown, ""},
		{"errors < 20%", Holds, "18.6%"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			e, err := Compile(tc.text)
			require.NoError(t, err)
			result := e.Judge(experiment())
			require.Equal(t, tc.verdict, result.Verdict, "%+v", result)
			require.Equal(t, tc.measured, result.Measured)
		})
	}
}
