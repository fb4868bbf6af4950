package synth

import (
	"math"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// load makes a workload's figures up: a share of the requests fails with each replica behind the entry that is gone, and
// faults on links that slow them show in the tail.
func (l *Lab) load(w Workload) telemetry.Traffic {
	asked := l.rates[w.Name]
	t := l.traffic[w.Name]
	t.Workload, t.Client, t.Target, t.Protocol, t.Loop, t.Asked = w.Name, w.Client, w.Target, w.Protocol, "open", asked
	failing, slow := l.broken(w), l.slowness()
	achieved := math.Round(asked * l.wobble(0.015))
	failed := math.Round(achieved * failing)
	t.Achieved, t.Succeeded, t.InFlight, t.Dropped = achieved, achieved-failed, int(asked*w.Latency*2), 0
	t.Errors = nil
	if failed > 0 {
		t.Errors = map[string]float64{"refused": math.Round(failed * 0.7), "timeout": failed - math.Round(failed*0.7)}
	}
	median := w.Latency * l.wobble(0.1)
	spread := 0.45 + failing*0.5
	n := int(achieved * Interval.Seconds())
	samples := make([]float64, max(n, 1))
	for i := range samples {
		samples[i] = median * math.Exp(l.rnd.NormFloat64()*spread)
		if l.rnd.Float64() < slow {
			samples[i] += 0.1
		}
		if l.rnd.Float64() < failing*0.1 {
			samples[i] += 0.4
		}
	}
	t.Histogram = buckets(samples)
	slices.Sort(samples)
	at := func(q float64) float64 { return samples[min(int(q*float64(len(samples))), len(samples)-1)] }
	t.Latency = telemetry.Latency{Count: uint64(n), Mean: median * 1.1, P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: samples[len(samples)-1]}
	t.Service = t.Latency
	t.TotalSent += uint64(achieved * Interval.Seconds())
	t.TotalFailed += uint64(failed * Interval.Seconds())
	t.TotalSucceeded = t.TotalSent - t.TotalFailed
	l.traffic[w.Name] = t
	return t
}

// buckets counts samples in buckets that grow by a fifth of a decade.
func buckets(samples []float64) []telemetry.Bucket {
	const perDecade = 5
	counts := map[int]uint64{}
	low, high := math.MaxInt, math.MinInt
	for _, s := range samples {
		b := int(math.Ceil(math.Log10(s) * perDecade))
		counts[b]++
		low, high = min(low, b), max(high, b)
	}
	var out []telemetry.Bucket
	for b := low; b <= high; b++ {
		out = append(out, telemetry.Bucket{UpTo: math.Pow(10, float64(b)/perDecade), Count: counts[b]})
	}
	return out
}

// broken is the share of requests that ends at a replica which is gone, over all services behind the entry.
func (l *Lab) broken(w Workload) float64 {
	worst := 0.0
	for _, s := range l.shape.Services {
		if s.Name == w.Client {
			continue
		}
		gone := 0
		for _, n := range l.names(s.Name) {
			if l.gone[n] {
				gone++
			}
		}
		worst = max(worst, float64(gone)/float64(max(s.Replicas, 1)))
	}
	for _, f := range l.faults {
		if f.Kind == "cut" {
			worst = max(worst, 0.3)
		}
	}
	return worst
}

func (l *Lab) slowness() float64 {
	share := 0.0
	for _, f := range l.faults {
		if f.Kind == "delay" || strings.HasPrefix(f.Kind, "limit") {
			share += 0.33
		}
	}
	return min(share, 1)
}
