package expect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Run is what an expectation is judged over.
type Run struct {
	Start     time.Time
	End       time.Time
	Snapshots []telemetry.Snapshot // in order of time
	// Phases and Steps are the named parts and instants. A step that happened is at its Start.
	Phases map[string]Span
	Steps  map[string]time.Time
}

// Judge decides whether the expectation holds over the run.
func (e Expectation) Judge(run Run) Result {
	result := Result{Text: e.text, Verdict: Unknown, Expected: e.op + " " + e.Dimension().format(e.bound)}
	from, to, err := e.window.bounds(run)
	if err != nil {
		result.Why = err.Error()
		return result
	}
	result.From, result.To = from.Sub(run.Start), to.Sub(run.Start)
	samples := within(run.Snapshots, from, to)
	if e.window.kind == after && e.window.within > 0 {
		return e.judgeRecovery(result, run, samples, from)
	}
	value, at, ok := e.call.sumUp(samples)
	if !ok {
		result.Why = "no measurement of " + e.call.metric.name + " in this part of the run"
		return result
	}
	return e.decide(result, run, value, at)
}

func (e Expectation) decide(result Result, run Run, value float64, at time.Time) Result {
	result.Verdict = Fails
	if compare(value, e.op, e.bound) {
		result.Verdict = Holds
	}
	result.Value, result.Measured = &value, e.Dimension().format(value)
	if !at.IsZero() {
		when := at.Sub(run.Start)
		result.When = &when
	}
	return result
}

// judgeRecovery asks from when on every sample complied, and whether that was in time.
func (e Expectation) judgeRecovery(result Result, run Run, samples []telemetry.Snapshot, from time.Time) Result {
	var recovered time.Time
	var last float64
	var lastAt time.Time
	seen := false
	for _, s := range samples {
		v, ok := e.call.metric.read(s, e.call.labels)
		if !ok {
			continue
		}
		seen, last, lastAt = true, v, s.Time
		switch complies := compare(v, e.op, e.bound); {
		case !complies:
			recovered = time.Time{}
		case recovered.IsZero():
			recovered = s.Time
		}
	}
	deadline := from.Add(e.window.within)
	switch {
	case !seen:
		result.Why = "no measurement of " + e.call.metric.name + " in this part of the run"
		return result
	case lastAt.Before(deadline) && recovered.IsZero():
		result.Why = fmt.Sprintf("the run ended before the %v were over", e.window.within)
		return result
	}
	result = e.decide(result, run, last, lastAt)
	if recovered.IsZero() {
		result.Verdict, result.Why = Fails, "never came true for good"
		return result
	}
	took := recovered.Sub(from)
	when := recovered.Sub(run.Start)
	result.When = &when
	result.Why = fmt.Sprintf("true for good %v after %s", took.Round(10*time.Millisecond), e.window.from)
	result.Verdict = Holds
	if took > e.window.within {
		result.Verdict = Fails
	}
	return result
}

// bounds are the instants between which the window lies.
func (w window) bounds(run Run) (from, to time.Time, err error) {
	step := func(name string) (time.Time, error) {
		at, ok := run.Steps[name]
		if !ok {
			return time.Time{}, fmt.Errorf("step %q did not happen", name)
		}
		return at, nil
	}
	from, to = run.Start, run.End
	switch w.kind {
	case during:
		phase, ok := run.Phases[w.from]
		if !ok {
			return from, to, fmt.Errorf("phase %q did not happen", w.from)
		}
		from = phase.Start
		if !phase.End.IsZero() {
			to = phase.End
		}
	case after:
		from, err = step(w.from)
	case between:
		if from, err = step(w.from); err != nil {
			return from, to, err
		}
		to, err = step(w.to)
	case sustained:
		if w.within > 0 {
			from = to.Add(-w.within)
		}
	case wholeRun:
	}
	return from, to, err
}

// within are the Snapshots of (from, to]: a Snapshot speaks of the time before it.
func within(snapshots []telemetry.Snapshot, from, to time.Time) []telemetry.Snapshot {
	first, _ := slices.BinarySearchFunc(snapshots, from, func(s telemetry.Snapshot, t time.Time) int {
		if s.Time.After(t) {
			return 1
		}
		return -1
	})
	end := first
	for end < len(snapshots) && !snapshots[end].Time.After(to) {
		end++
	}
	return snapshots[first:end]
}

// sumUp brings the samples to one value; at is the deciding sample's time, where one decided.
func (c call) sumUp(samples []telemetry.Snapshot) (value float64, at time.Time, ok bool) {
	if c.function == "" {
		switch c.metric.fold {
		case foldRequests:
			return c.metric.of.overWindow(samples, c.labels)
		case foldHistogram:
			if v, ok := c.mergedPercentile(samples); ok {
				return v, time.Time{}, true
			}
			return c.fold("max", samples)
		default:
			return c.fold(string(c.metric.fold), samples)
		}
	}
	return c.fold(c.function, samples)
}

func (c call) fold(function string, samples []telemetry.Snapshot) (value float64, at time.Time, ok bool) {
	var values []float64
	var times []time.Time
	for _, s := range samples {
		if v, ok := c.metric.read(s, c.labels); ok {
			values, times = append(values, v), append(times, s.Time)
		}
	}
	if function == "count" {
		return float64(len(values)), time.Time{}, true
	}
	if len(values) == 0 {
		return 0, time.Time{}, false
	}
	switch function {
	case "max", "min":
		best := 0
		for i, v := range values {
			if (function == "max" && v > values[best]) || (function == "min" && v < values[best]) {
				best = i
			}
		}
		return values[best], times[best], true
	case "first":
		return values[0], times[0], true
	case "last":
		return values[len(values)-1], times[len(times)-1], true
	case "increase":
		// A figure that fell was reset: what it grew to since then counts.
		sum := 0.0
		for i := 1; i < len(values); i++ {
			if d := values[i] - values[i-1]; d >= 0 {
				sum += d
			} else {
				sum += values[i]
			}
		}
		return sum, time.Time{}, true
	default: // avg
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		return sum / float64(len(values)), time.Time{}, true
	}
}

// mergedPercentile merges the histograms of the window; false where there are none.
func (c call) mergedPercentile(samples []telemetry.Snapshot) (float64, bool) {
	q, ok := percentiles[c.metric.name]
	if !ok {
		return 0, false
	}
	counts := map[float64]uint64{}
	var total uint64
	for _, s := range samples {
		for _, t := range selected(s, c.labels) {
			for _, b := range t.Histogram {
				counts[b.UpTo] += b.Count
				total += b.Count
			}
		}
	}
	if total == 0 {
		return 0, false
	}
	bounds := make([]float64, 0, len(counts))
	for b := range counts {
		bounds = append(bounds, b)
	}
	slices.Sort(bounds)
	rank := uint64(math.Ceil(q * float64(total)))
	var seen uint64
	for _, b := range bounds {
		if seen += counts[b]; seen >= rank {
			return b, true
		}
	}
	return bounds[len(bounds)-1], true
}

// Met says whether a condition is true now: over every sample of its duration, and the samples reach back that far.
func (e Expectation) Met(snapshots []telemetry.Snapshot, now time.Time) bool {
	if len(snapshots) == 0 {
		return false
	}
	start := now.Add(-e.window.within)
	samples := within(snapshots, start, now)
	if e.window.within == 0 {
		samples = snapshots[len(snapshots)-1:]
	} else if first := snapshots[0]; first.Time.Add(-first.Window).After(start) {
		return false
	}
	met := false
	for _, s := range samples {
		v, ok := e.call.metric.read(s, e.call.labels)
		if !ok || !compare(v, e.op, e.bound) {
			return false
		}
		met = true
	}
	return met
}
