package chart_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/chart"
	"github.com/ddsctl/ddsctl/tui/figure"
)

func draw(w, h int, f func(cell.Region)) string {
	c := cell.New(w, h)
	f(c.All())
	return c.Encode(&cell.Palette{Plain: true})
}

func TestASparklineScalesToItsHighestAndLeavesGaps(t *testing.T) {
	got := draw(6, 1, func(r cell.Region) {
		chart.Spark(r, 0, 0, 6, []float64{0, 5, math.NaN(), 10, 0}, cell.Style{})
	})
	require.Equal(t, " ▁▅ █▁", got)
}

func TestALineHasNoGapsBetweenNeighbours(t *testing.T) {
	got := draw(4, 2, func(r cell.Region) {
		chart.Plot{Lines: []chart.Line{{Values: []float64{0, 0, 0, 0, 10, 10, 10, 10}}}, Max: 10, Braille: true}.Draw(r)
	})
	require.Equal(t, "  ⡏⠉\n⣀⣀⠇", got)
}

func TestBandsAreMarkedByMoreThanColour(t *testing.T) {
	got := draw(20, 3, func(r cell.Region) {
		chart.Plot{Lines: []chart.Line{{Values: make([]float64, 20)}}, Max: 1, Samples: 20, Bands: []chart.Band{{From: 5, To: 12, Text: "kill"}}}.Draw(r)
	})
	lines := strings.Split(got, "\n")
	require.Equal(t, "     kill  ┊", lines[0])
	require.Equal(t, "     ┊     ┊", lines[1])
}

func TestAHeatMapIsDarkestWhereMostRequestsAre(t *testing.T) {
	column := []telemetry.Bucket{{UpTo: 0.001, Count: 1}, {UpTo: 0.01, Count: 100}, {UpTo: 0.1, Count: 10}}
	got := draw(10, 3, func(r cell.Region) {
		chart.Heat{Columns: [][]telemetry.Bucket{column, nil, column}, Format: figure.Seconds}.Draw(r)
	})
	require.Equal(t, " 100ms┤▒ ▒\n      │█ █\n 100µs┤░ ░", got)
}

func TestChartsStandWhateverTheFiguresAre(t *testing.T) {
	values := rapid.SliceOfN(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1e300, 1e-300})), 0, 50)
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(0, 40).Draw(t, "w"), rapid.IntRange(0, 12).Draw(t, "h")
		v := values.Draw(t, "values")
		draw(w, h, func(r cell.Region) {
			p := chart.Plot{Lines: []chart.Line{{Values: v, Area: rapid.Bool().Draw(t, "area")}}, Log: rapid.Bool().Draw(t, "log"), Samples: len(v),
				Bands: []chart.Band{{From: -3, To: 5}, {From: 4, To: 400}}, Braille: rapid.Bool().Draw(t, "braille"), Format: figure.Count}
			p.Draw(r)
			chart.Spark(r, 0, 0, w, v, cell.Style{})
			var buckets []telemetry.Bucket
			for _, f := range v {
				buckets = append(buckets, telemetry.Bucket{UpTo: f, Count: 3})
			}
			chart.Heat{Columns: [][]telemetry.Bucket{buckets, nil}, Per: 2, Format: figure.Seconds}.Draw(r)
		})
	})
}

func TestScalesAreRoundedUpToNiceFigures(t *testing.T) {
	for _, c := range []struct{ v, want float64 }{{0, 1}, {1, 1}, {1.2, 1.5}, {480, 500}, {760, 1000}, {0.021, 0.03}} {
		require.InDelta(t, c.want, chart.Nice(c.v), 1e-9, fmt.Sprint(c.v))
	}
}
