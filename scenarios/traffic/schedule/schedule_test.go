package schedule_test

import (
	"math"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic/schedule"
)

const second = workload.Duration(time.Second)

// take gives the arrivals before an end.
func take(a workload.Arrival, seed uint64, end time.Duration) []time.Duration {
	s := schedule.New(a, seed)
	var all []time.Duration
	for at, ok := s.Next(); ok && at < end; at, ok = s.Next() {
		all = append(all, at)
	}
	return all
}

func TestConstantArrivalsAreEvenlySpacedFromTheStart(t *testing.T) {
	require.Equal(t, []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond},
		take(workload.Arrival{Rate: 4}, 1, time.Second))
}

func TestARampAsksForTheAreaUnderIt(t *testing.T) {
	ramp := workload.Arrival{Process: workload.ProcessRamp, Rate: 100, To: 300, Over: 10 * second}
	require.Len(t, take(ramp, 1, 10*time.Second), 2000)
	require.Len(t, take(ramp, 1, 20*time.Second), 2000+3000, "the rate stays at the end of the ramp")
	require.Len(t, take(ramp, 1, 5*time.Second), 750)
	down := workload.Arrival{Process: workload.ProcessRamp, Rate: 100, To: 0, Over: 10 * second}
	require.Len(t, take(down, 1, time.Hour), 500, "a ramp down to nothing ends")
	saw := ramp
	saw.Repeat = true
	require.Len(t, take(saw, 1, 30*time.Second), 6000)
}

func TestStepsFollowOneAnotherAndPausesAreSilent(t *testing.T) {
	steps := workload.Arrival{Process: workload.ProcessStep, Steps: []workload.Step{{Rate: 10, For: second}, {Rate: 0, For: second}, {Rate: 20, For: second}}}
	all := take(steps, 1, 4*time.Second)
	require.Len(t, all, 10+20+20)
	for _, at := range all {
		require.False(t, at >= time.Second && at < 2*time.Second, "%s lies in the pause", at)
	}
	steps.Repeat = true
	require.Len(t, take(steps, 1, 6*time.Second), 60)
}

func TestATraceIsReplayed(t *testing.T) {
	ms := workload.Duration(time.Millisecond)
	trace := workload.Arrival{Process: workload.ProcessTrace, At: []workload.Duration{0, 5 * ms, 5 * ms, 20 * ms}}
	require.Equal(t, []time.Duration{0, 5e6, 5e6, 20e6}, take(trace, 1, time.Hour))
	trace.Repeat = true
	require.Equal(t, []time.Duration{0, 5e6, 5e6, 20e6, 20e6, 25e6, 25e6}, take(trace, 1, 40*time.Millisecond))

	rates := workload.Arrival{Process: workload.ProcessTrace, Rates: []float64{2, 0, 4}}
	require.Equal(t, []time.Duration{0, 5e8, 2e9, 225e7, 25e8, 275e7}, take(rates, 1, time.Hour), "a recorded traffic ends")
}

// TestSchedulesHoldForEveryProcess: arrivals never go back, one seed gives one schedule, and evenly spaced arrivals number the
// area under the rate, rounded up.
func TestSchedulesHoldForEveryProcess(t *testing.T) {
	rates := rapid.Float64Range(0, 500)
	rapid.Check(t, func(t *rapid.T) {
		a := workload.Arrival{Process: rapid.SampledFrom([]workload.Process{workload.ProcessConstant, workload.ProcessPoisson, workload.ProcessRamp,
			workload.ProcessStep, workload.ProcessTrace}).Draw(t, "process")}
		length := workload.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(5*time.Second)).Draw(t, "length"))
		area := func(end float64) float64 { return 0 }
		switch a.Process {
		case workload.ProcessConstant, workload.ProcessPoisson:
			a.Rate = rapid.Float64Range(0.5, 500).Draw(t, "rate")
			area = func(end float64) float64 { return a.Rate * end }
		case workload.ProcessRamp:
			a.Rate, a.To, a.Over = rates.Draw(t, "from"), 1+rates.Draw(t, "to"), length
			area = func(end float64) float64 {
				on := min(end, length.Seconds())
				return a.Rate*on + (a.To-a.Rate)/length.Seconds()*on*on/2 + a.To*(end-on)
			}
		case workload.ProcessStep:
			for range rapid.IntRange(1, 4).Draw(t, "steps") {
				a.Steps = append(a.Steps, workload.Step{Rate: 1 + rates.Draw(t, "rate"), For: length})
			}
			area = func(end float64) (sum float64) {
				for i, step := range a.Steps {
					on := min(end, length.Seconds())
					if i == len(a.Steps)-1 {
						on = end
					}
					sum, end = sum+step.Rate*on, end-on
				}
				return sum
			}
		case workload.ProcessTrace:
			a.Interval = length
			a.Rates = []float64{1 + rates.Draw(t, "rate"), rates.Draw(t, "rate")}
			area = func(end float64) float64 {
				on := min(end, length.Seconds())
				return a.Rates[0]*on + a.Rates[1]*min(end-on, length.Seconds())
			}
		}
		if rapid.Bool().Draw(t, "random") && a.Process != workload.ProcessConstant && a.Process != workload.ProcessPoisson {
			a.Random = true
		}
		if err := (workload.Spec{Target: workload.Targets{"tcp://a:1"}, Arrival: a}).Validate(); err != nil {
			t.Fatalf("%+v: %v", a, err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		const end = 4 * time.Second
		all := take(a, seed, end)
		if !sort.SliceIsSorted(all, func(i, j int) bool { return all[i] < all[j] }) {
			t.Fatal("arrivals go back")
		}
		again := take(a, seed, end)
		if len(again) != len(all) {
			t.Fatalf("one seed, two schedules: %d and %d", len(all), len(again))
		}
		for i := range all {
			if all[i] != again[i] {
				t.Fatalf("one seed, two schedules at %d", i)
			}
		}
		want := area(end.Seconds())
		if a.Random || a.Process == workload.ProcessPoisson {
			if math.Abs(float64(len(all))-want) > 6*math.Sqrt(want)+6 {
				t.Fatalf("%d arrivals, about %g expected", len(all), want)
			}
		} else if math.Abs(float64(len(all))-math.Ceil(want)) > 1e-6*want+1 {
			t.Fatalf("%d arrivals, %g expected", len(all), want)
		}
	})
}

// kolmogorov is the one-sample Kolmogorov-Smirnov statistic times √n; above 1.63 the sample is rejected at 1 %.
func kolmogorov(sample []float64, cdf func(float64) float64) float64 {
	sorted := append([]float64(nil), sample...)
	sort.Float64s(sorted)
	n, worst := float64(len(sorted)), 0.0
	for i, x := range sorted {
		p := cdf(x)
		worst = max(worst, p-float64(i)/n, float64(i+1)/n-p)
	}
	return worst * math.Sqrt(n)
}

func gaps(all []time.Duration) []float64 {
	var g []float64
	for i := 1; i < len(all); i++ {
		g = append(g, (all[i] - all[i-1]).Seconds())
	}
	return g
}

func TestPoissonGapsAreExponential(t *testing.T) {
	exponential := distuv.Exponential{Rate: 1000}
	poisson := workload.Arrival{Process: workload.ProcessPoisson, Rate: 1000}
	for seed := range uint64(5) {
		require.Less(t, kolmogorov(gaps(take(poisson, seed, 20*time.Second)), exponential.CDF), 1.63, "seed %d", seed)
	}
	constant := workload.Arrival{Rate: 1000}
	require.Greater(t, kolmogorov(gaps(take(constant, 1, 20*time.Second)), exponential.CDF), 10.0, "the test tells them apart")
}

// TestPoissonCountsArePoisson: independent windows hold Poisson counts, so that bursts are as frequent as they ought to be.
func TestPoissonCountsArePoisson(t *testing.T) {
	const mean, windows = 5.0, 20_000
	counts := make([]int, windows)
	for _, at := range take(workload.Arrival{Process: workload.ProcessPoisson, Rate: 1000}, 3, windows*5*time.Millisecond) {
		counts[at/(5*time.Millisecond)]++
	}
	const cells = 12 // 0 to 10, and more
	seen := make([]float64, cells)
	for _, c := range counts {
		seen[min(c, cells-1)]++
	}
	law, chi, rest := distuv.Poisson{Lambda: mean}, 0.0, float64(windows)
	for k := range cells {
		want := rest
		if k < cells-1 {
			want = windows * law.Prob(float64(k))
			rest -= want
		}
		chi += (seen[k] - want) * (seen[k] - want) / want
	}
	require.Greater(t, distuv.ChiSquared{K: cells - 1}.Survival(chi), 0.01, "chi-squared %g", chi)
}

// TestARandomRampIsPoissonUnderTimeChange: mapped through the demand, its arrivals are those of rate 1.
func TestARandomRampIsPoissonUnderTimeChange(t *testing.T) {
	ramp := workload.Arrival{Process: workload.ProcessRamp, Rate: 100, To: 1900, Over: 20 * second, Random: true}
	var demand []float64
	last := 0.0
	for _, at := range take(ramp, 4, 20*time.Second) {
		x := at.Seconds()
		d := 100*x + 90*x*x/2
		demand = append(demand, d-last)
		last = d
	}
	require.Less(t, kolmogorov(demand, distuv.Exponential{Rate: 1}.CDF), 1.63)
}

func BenchmarkPoisson(b *testing.B) {
	s := schedule.New(workload.Arrival{Process: workload.ProcessPoisson, Rate: 1e5}, 1)
	b.ReportAllocs()
	for b.Loop() {
		s.Next()
	}
}
