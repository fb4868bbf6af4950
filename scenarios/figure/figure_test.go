package figure

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
)

func TestFormulas(t *testing.T) {
	for text, want := range map[string]float64{
		"x": 2, " 1 - 0.99^x ": 1 - 0.99*0.99, "2^3^x": 512, "-x^2": -4, "(-x)^2": 4, "2^-1": 0.5, "1 - 2 - 3": -4, "12 / 3 / x": 2, "2*x+1": 5, "2*(x+1)": 6,
		"exp(ln(x))": 2, "sqrt(2*x)": 2, "min(x, 1)": 1, "max(x,1)+1": 3, "--x": 2, ".5*x": 1,
		"0.25 - 0.1*ln(1 - 0.99^(1/x))": 0.25 - 0.1*math.Log(1-math.Sqrt(0.99)),
	} {
		f, err := Compile(text)
		require.NoError(t, err, text)
		require.InDelta(t, want, f.At(2), 1e-12, text)
		require.Equal(t, text, f.String())
	}
	for _, text := range []string{"", "1 +", "(x", "x)", "y", "exp x", "exp(x", "min(x)", "min(1,2,3)", "1..2", "x x", "2 ** 3", "$", "1e9e9",
		strings.Repeat("(", 200) + "x" + strings.Repeat(")", 200), strings.Repeat("-", 200) + "x", strings.Repeat("x+", 300) + "x"} {
		_, err := Compile(text)
		require.Error(t, err, text)
	}
}

// What a formula says is what Go says of the same terms.
func TestAFormulaIsWhatItSays(t *testing.T) {
	type term struct {
		text string
		of   func(float64) float64
	}
	var grow func(t *rapid.T, depth int) term
	grow = func(t *rapid.T, depth int) term {
		if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
			if rapid.Bool().Draw(t, "x") {
				return term{"x", func(x float64) float64 { return x }}
			}
			n := rapid.IntRange(0, 9).Draw(t, "n")
			return term{fmt.Sprint(n), func(float64) float64 { return float64(n) }}
		}
		a, b := grow(t, depth-1), grow(t, depth-1)
		switch op := rapid.SampledFrom([]string{"+", "-", "*", "max"}).Draw(t, "op"); op {
		case "+":
			return term{"(" + a.text + " + " + b.text + ")", func(x float64) float64 { return a.of(x) + b.of(x) }}
		case "-":
			return term{"(" + a.text + "-" + b.text + ")", func(x float64) float64 { return a.of(x) - b.of(x) }}
		case "max":
			return term{"max(" + a.text + ", " + b.text + ")", func(x float64) float64 { return math.Max(a.of(x), b.of(x)) }}
		default:
			return term{a.text + "*(" + b.text + ")", func(x float64) float64 { return a.of(x) * b.of(x) }}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := grow(t, 4)
		if len(want.text) > maxFormula {
			return
		}
		f, err := Compile(want.text)
		require.NoError(t, err)
		require.Equal(t, want.of(3), f.At(3), want.text)
	})
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{"1 - 0.99^x", "min(x, 2)/ln(x)", "((x"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if formula, err := Compile(text); err == nil {
			formula.At(1)
		}
	})
}

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// phases is a run of one-second phases, each with 100 requests, of which so many were slow. Of a phase with -1 there is no measurement.
func phases(slow map[string]int, order ...string) expect.Run {
	run := expect.Run{Start: start, Phases: map[string]expect.Span{}}
	for i, name := range order {
		from := start.Add(time.Duration(i) * time.Second)
		run.Phases[name] = expect.Span{Start: from, End: from.Add(time.Second)}
		run.End = from.Add(time.Second)
		if n := slow[name]; n >= 0 {
			run.Snapshots = append(run.Snapshots, telemetry.Snapshot{Time: run.End, Window: time.Second, Traffic: []telemetry.Traffic{{Workload: "w",
				Histogram: []telemetry.Bucket{{UpTo: 0.01, Count: uint64(100 - n)}, {UpTo: 0.3, Count: uint64(n)}}}}}) //nolint:gosec // from 0 to 100
		}
	}
	return run
}

func TestAValueIsMeasuredInEachPhaseAndTheFormulaStandsBesideIt(t *testing.T) {
	spec := Spec{Title: "Slow requests", Parameter: "leaves", Scale: Log, Lines: []Line{
		{Name: "measured", Value: "slower{than=100ms}", At: map[string]float64{"ten": 10, "one": 1, "lost": 5}},
		{Name: "theory", Formula: "1 - 0.99^x"},
	}}
	run := phases(map[string]int{"one": 1, "ten": 10, "lost": -1}, "one", "lost", "ten")
	require.Empty(t, spec.Check(func(name string) bool { _, ok := run.Phases[name]; return ok }))
	f, err := Of(spec, run)
	require.NoError(t, err)
	require.Equal(t, expect.Ratio, f.Dimension)
	require.Equal(t, []Point{{1, 0.01, "one"}, {10, 0.10, "ten"}}, f.Lines[0].Points)
	theory := f.Lines[1].Points
	require.Len(t, theory, curve)
	require.InDelta(t, 1, theory[0].X, 1e-9)
	require.InDelta(t, 10, theory[curve-1].X, 1e-9)
	require.InDelta(t, 1-math.Pow(0.99, 10), theory[curve-1].Y, 1e-9)
	require.InDelta(t, math.Sqrt(theory[0].X*theory[2].X), theory[1].X, 1e-9, "evenly spaced as they are drawn")

	text, err := json.Marshal(f)
	require.NoError(t, err)
	var again Figure
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, f, again)
}

func TestAFormulaWithoutAValueHasNoPointThere(t *testing.T) {
	spec := Spec{Lines: []Line{{Value: "p50", At: map[string]float64{"a": 0, "b": 4}}, {Formula: "1/x"}, {Formula: "sqrt(x - 2)"}}}
	f, err := Of(spec, phases(nil, "a", "b"))
	require.NoError(t, err)
	require.Len(t, f.Lines[1].Points, curve-1, "1/0")
	require.Len(t, f.Lines[2].Points, curve/2, "roots of what is below 0")
}

func TestWhatIsWrongWithAFigureIsSaidWithItsPlace(t *testing.T) {
	measured := Line{Name: "m", Value: "p99", At: map[string]float64{"one": 1}}
	for place, spec := range map[string]Spec{
		"scale":            {Scale: "cubic", Lines: []Line{measured}},
		"lines":            {Lines: []Line{{Name: "f", Formula: "x"}}},
		"lines[0]":         {Lines: []Line{{Name: "m", Value: "p99"}, measured}},
		"lines[1]":         {Lines: []Line{measured, {Name: "n"}}},
		"lines[1].formula": {Lines: []Line{measured, {Name: "f", Formula: "y"}}},
		"lines[1].at":      {Lines: []Line{measured, {Name: "f", Formula: "x", At: map[string]float64{"one": 1}}}},
		"lines[0].value":   {Lines: []Line{{Name: "m", Value: "p99 during one", At: map[string]float64{"one": 1}}}},
		"lines[1].value":   {Lines: []Line{measured, {Name: "e", Value: "errors", At: map[string]float64{"one": 1}}}},
		"lines[0].at":      {Lines: []Line{{Name: "m", Value: "p99", At: map[string]float64{"two": 1}}}},
		"lines[1].at ":     {Scale: Log, Lines: []Line{measured, {Name: "m", Value: "p99", At: map[string]float64{"one": 0}}}},
	} {
		problems := spec.Check(func(name string) bool { return name == "one" })
		require.Len(t, problems, 1, place)
		require.Equal(t, strings.TrimSpace(place), problems[0].Path)
		require.Error(t, problems[0].Err)
	}
}
