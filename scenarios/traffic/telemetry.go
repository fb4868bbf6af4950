package traffic

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// emptyTraffic is what is known before the first window.
func (e *engine) emptyTraffic() telemetry.Traffic {
	spec := e.options.Workload
	target := spec.Target[0]
	protocol := ""
	if parsed, err := workload.ParseTarget(target); err == nil {
		target, protocol = parsed.Redacted(), string(parsed.Protocol)
	}
	return telemetry.Traffic{Workload: spec.Name, Client: e.options.Client, Target: target, Protocol: protocol, Loop: string(spec.Loop)}
}

// describe turns the window into telemetry; the collector's lock is held.
func (c *collector) describe(took time.Duration, so totals) telemetry.Traffic {
	t := c.engine.emptyTraffic()
	seconds := math.Max(took.Seconds(), 1e-9)
	rate := func(n uint64) float64 { return float64(n) / seconds }
	w := c.window
	if c.engine.open {
		t.Asked = rate(so.scheduled - c.seen.scheduled)
	}
	t.Achieved, t.Succeeded = rate(w.succeeded+w.failed), rate(w.succeeded)
	t.InFlight = int(c.engine.inFlight.Load())
	t.Dropped = rate(so.dropped - c.seen.dropped)
	t.Latency, t.Service = latencyOf(w.latency), latencyOf(w.service)
	for kind, f := range w.errors {
		if f.count == 0 {
			continue
		}
		if t.Errors == nil {
			t.Errors = map[string]float64{}
		}
		t.Errors[kind] = rate(f.count)
	}
	for _, part := range w.splits(c.engine.targets) {
		t.Targets = append(t.Targets, telemetry.TargetTraffic{
			Target: part.name, Rate: rate(part.count), ErrorRate: share(part.failed, part.count), P99: quantile(part.latency, 99),
		})
	}
	t.Histogram = buckets(w.latency)
	if c.engine.options.Exact {
		t.Histogram = bars(w.latency)
	}
	if found := w.hits + w.misses; found > 0 {
		t.Stats = map[string]float64{"hit_rate": share(w.hits, found)}
	}
	t.TotalSent, t.TotalSucceeded, t.TotalFailed = c.whole.sent, c.whole.succeeded, c.whole.failed
	return t
}

// namedSplit is a split with its name.
type namedSplit struct {
	name string
	*split
}

// splits are the parts by answering server where that is asked for, else by target, without those that saw nothing, sorted by name.
func (t *tally) splits(targets []*target) []namedSplit {
	var parts []namedSplit
	for name, s := range t.answerers {
		if s.count > 0 {
			parts = append(parts, namedSplit{name, s})
		}
	}
	if t.answerers == nil {
		for i, s := range t.targets {
			if s.count > 0 {
				parts = append(parts, namedSplit{targets[i].name, s})
			}
		}
	}
	slices.SortFunc(parts, func(a, b namedSplit) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return parts
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// quantile is a percentile in seconds.
func quantile(h *hdrhistogram.Histogram, percent float64) float64 {
	return inSeconds(h.ValueAtQuantile(percent))
}

func inSeconds(nanoseconds int64) float64 { return float64(nanoseconds) / 1e9 }

// latencyOf sums a histogram up; nil gives zeros.
func latencyOf(h *hdrhistogram.Histogram) telemetry.Latency {
	if h == nil || h.TotalCount() == 0 {
		return telemetry.Latency{}
	}
	at := h.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	return telemetry.Latency{
		Count: uint64(h.TotalCount()), Mean: h.Mean() / 1e9,
		P50: inSeconds(at[0]), P90: inSeconds(at[1]), P99: inSeconds(at[2]), P999: inSeconds(at[3]), Max: inSeconds(h.Max()),
	}
}

// The bounds of buckets are the same for every window, so that those of many windows can be added up: 40 to each power of ten, so
// that a percentile read from them is at most 6 % high (and by the 512 ns to which latencies are measured).
const (
	bucketsPerDecade = 40
	firstBucket      = 1e-6 // seconds
	bucketDecades    = 10   // up to 10,000 s
)

// bucketBound is the upper bound of bucket i in seconds, with four significant digits.
func bucketBound(i int) float64 {
	bound := firstBucket * math.Pow(10, float64(i)/bucketsPerDecade)
	unit := math.Pow(10, math.Floor(math.Log10(bound))-3)
	return math.Round(bound/unit) * unit
}

var bucketBounds = func() []float64 {
	bounds := make([]float64, bucketsPerDecade*bucketDecades+1)
	for i := range bounds {
		bounds[i] = bucketBound(i)
	}
	return bounds
}()

// bars are the histogram's counts as they are.
func bars(h *hdrhistogram.Histogram) []telemetry.Bucket {
	var all []telemetry.Bucket
	for _, bar := range h.Distribution() {
		if bar.Count > 0 {
			all = append(all, telemetry.Bucket{UpTo: inSeconds(bar.To), Count: uint64(bar.Count)})
		}
	}
	return all
}

// buckets are the histogram's counts by those bounds, without empty ones.
func buckets(h *hdrhistogram.Histogram) []telemetry.Bucket {
	if h.TotalCount() == 0 {
		return nil
	}
	var all []telemetry.Bucket
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		i := min(sort.SearchFloat64s(bucketBounds, inSeconds(bar.To)), len(bucketBounds)-1)
		if last := len(all) - 1; last >= 0 && all[last].UpTo == bucketBounds[i] {
			all[last].Count += uint64(bar.Count)
			continue
		}
		all = append(all, telemetry.Bucket{UpTo: bucketBounds[i], Count: uint64(bar.Count)})
	}
	return all
}
