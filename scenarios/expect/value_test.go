package expect

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFigureIsMeasuredOverItsWindow(t *testing.T) {
	for text, want := range map[string]float64{
		"errors between cut and heal": 1.0 / 3, "errors during steady": 0, "max(p99)": 0.4, "last(stat:keys{node=redis-1})": 100,
		"increase(sent) during steady": 9000,
	} {
		v, err := CompileValue(text)
		require.NoError(t, err, text)
		got, ok := v.Measure(story())
		require.True(t, ok, text)
		require.InDelta(t, want, got, 0.01, text)
	}
}

func TestAFigureThatWasNotMeasuredIsNone(t *testing.T) {
	for _, text := range []string{"cpu", "errors during nonsense", "errors{workload=other}"} {
		v, err := CompileValue(text)
		require.NoError(t, err)
		_, ok := v.Measure(story())
		require.False(t, ok, text)
	}
}

func TestAFigureHasNoComparison(t *testing.T) {
	for _, text := range []string{"errors < 1%", "", "nonsense", "max(", "errors for 3s"} {
		_, err := CompileValue(text)
		require.Error(t, err, text)
	}
}
