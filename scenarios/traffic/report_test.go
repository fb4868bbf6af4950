package traffic

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

var update = flag.Bool("update", false, "rewrite what reports are compared with")

func sample() Report {
	h := hdrhistogram.New(1000, int64(10*time.Second), 3)
	for i := range 980 {
		_ = h.RecordValue(int64(40_000 + i*300))
	}
	for range 20 {
		_ = h.RecordValue(int64(2100 * time.Millisecond))
	}
	l := latencyOf(h)
	return Report{
		Workload: "shop", State: Ended, Targets: []string{"redis://a:6379", "redis://b:6379"}, Protocol: "redis", Loop: "open", Process: "poisson",
		Connections: 16, Seed: 7, Elapsed: 10 * time.Second, Drained: 1500 * time.Millisecond, Asked: 105, Achieved: 100.3, Succeeded: 98.04,
		Scheduled: 1055, Dropped: 5, Sent: 1003, TotalSucceeded: 980, TotalFailed: 70, Latency: l, Service: l,
		Delay: telemetry.Latency{Count: 1003, Mean: 12e-6, P50: 10e-6, P90: 15e-6, P99: 30e-6, P999: 1e-3, Max: 0.0012},
		Errors: []ErrorCount{{"refused", 50, "dial tcp 10.0.0.7:6379: connect: connection refused, and then some more words that no terminal has room for"},
			{"timeout", 20, "i/o timeout"}},
		Parts: []Part{{"redis://a:6379", 525, 70, 0.5, l}, {"redis://b:6379", 525, 0, 0.5, l}},
		Hits:  900, Misses: 50, Histogram: buckets(h),
	}
}

func TestAReportIsWrittenForPeople(t *testing.T) {
	for name, style := range map[string]Style{"report.golden": {Width: 100}, "report-ascii.golden": {ASCII: true, Width: 80}} {
		var out bytes.Buffer
		require.NoError(t, sample().Write(&out, style))
		path := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), out.String())
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), style.Width, line)
			if style.ASCII {
				require.Equal(t, len(line), len([]rune(line)), "only ASCII: %s", line)
			}
		}
	}
}

func TestAReportOfNothingIsWrittenToo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Report{Loop: "closed", Targets: []string{"tcp://a:1"}}.Write(&out, Style{}))
	require.Contains(t, out.String(), "0 sent, 0 succeeded")
}

func TestPercentilesOutOfBucketsAreSlightlyHighAndNeverLow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hdrhistogram.New(lowestLatency, int64(time.Minute), figures)
		latencies := rapid.SliceOfN(rapid.Int64Range(1000, int64(time.Minute)), 1, 200).Draw(t, "latencies")
		for _, v := range latencies {
			require.NoError(t, h.RecordValue(v))
		}
		slices.Sort(latencies)
		all := buckets(h)
		var total uint64
		for i, b := range all {
			total += b.Count
			if i > 0 {
				require.Greater(t, b.UpTo, all[i-1].UpTo)
			}
		}
		require.Equal(t, uint64(h.TotalCount()), total)
		for _, q := range []float64{50, 90, 99, 99.9} {
			rank, seen := uint64(math.Ceil(q/100*float64(total))), uint64(0)
			for _, b := range all {
				if seen += b.Count; seen >= rank {
					exact := float64(latencies[rank-1]) / 1e9
					require.GreaterOrEqual(t, b.UpTo, exact*0.9999)
					require.LessOrEqual(t, b.UpTo, (exact*1.001+512e-9)*1.06)
					break
				}
			}
		}
		folded := uint64(0)
		for _, b := range fold(all) {
			folded += b.Count
		}
		require.Equal(t, total, folded, "bars lose nothing")
	})
}

func TestBucketBoundsAscendAndMeetPowersOfTen(t *testing.T) {
	for i := 1; i < len(bucketBounds); i++ {
		require.Greater(t, bucketBounds[i], bucketBounds[i-1])
	}
	require.InEpsilon(t, 1e-3, bucketBounds[3*bucketsPerDecade], 1e-9)
}

func TestFiguresAreWrittenWithTheUnitThatMatters(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0", 12e-6: "12.0 µs", 999.7e-6: "1.00 ms", 0.0123: "12.3 ms", 0.9997: "1.00 s", 61: "61.0 s", 3700: "1h1m40s"} {
		require.Equal(t, want, Seconds(seconds))
	}
	for share, want := range map[float64]string{0: "0 %", 1: "100 %", 0.00001: "<0.01 %", 0.99999: ">99.99 %", 0.123456: "12.35 %"} {
		require.Equal(t, want, Percent(share))
	}
	for rate, want := range map[float64]string{0: "0/s", 12.345: "12.3/s", 5000: "5000/s", 1234.5: "1234/s"} {
		require.Equal(t, want, Rate(rate))
	}
}

func TestATallyIsWhatItWasMergedFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := shape{highest: int64(time.Second), delays: true, targets: 2, answerers: true}
		whole, parts := newTally(s), []*tally{newTally(s), newTally(s)}
		for range rapid.IntRange(0, 50).Draw(t, "endings") {
			e := anEnding(t)
			whole.add(e)
			parts[rapid.IntRange(0, 1).Draw(t, "part")].add(e)
		}
		merged := newTally(s)
		for _, p := range parts {
			merged.merge(p)
			p.reset()
			merged.merge(p) // nothing is left
		}
		require.Equal(t, []uint64{whole.sent, whole.succeeded, whole.failed, whole.hits, whole.misses},
			[]uint64{merged.sent, merged.succeeded, merged.failed, merged.hits, merged.misses})
		require.True(t, whole.latency.Equals(merged.latency))
		require.True(t, whole.delay.Equals(merged.delay))
		require.Equal(t, kindCounts(whole.errors), kindCounts(merged.errors))
		require.Len(t, merged.answerers, len(whole.answerers))
		for name, s := range whole.answerers {
			require.Equal(t, []uint64{s.count, s.failed}, []uint64{merged.answerers[name].count, merged.answerers[name].failed})
		}
		for i, s := range whole.targets {
			require.Equal(t, s.count, merged.targets[i].count)
		}
	})
}
