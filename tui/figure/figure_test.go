package figure_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/tui/figure"
)

func TestFiguresTakeLittleRoom(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{figure.Count(0), "0"}, {figure.Count(7), "7"}, {figure.Count(0.25), "0.25"}, {figure.Count(999.9), "1.0k"}, {figure.Count(1234), "1.2k"}, {figure.Count(34.4e6), "34M"},
		{figure.Bytes(0), "0 B"}, {figure.Bytes(13.4e6), "13 MB"}, {figure.ByteRate(132000), "132kB/s"}, {figure.Rate(498), "498/s"},
		{figure.Seconds(0.00085), "850µs"}, {figure.Seconds(0.0021), "2.1ms"}, {figure.Seconds(0.1), "100ms"}, {figure.Seconds(1.44), "1.4s"}, {figure.Seconds(190), "3m10s"},
		{figure.Percent(0), "0 %"}, {figure.Percent(0.0001), "<0.1 %"}, {figure.Percent(0.004), "0.4 %"}, {figure.Percent(0.3333), "33 %"}, {figure.Percent(0.9999), ">99.9 %"}, {figure.Percent(1), "100 %"},
		{figure.Duration(42 * time.Second), "42s"}, {figure.Duration(2*time.Hour + 5*time.Minute), "2h05m"},
		{figure.Count(math.NaN()), "?"}, {figure.Seconds(math.Inf(1)), "?"},
	} {
		require.Equal(t, c.want, c.got)
	}
}

func TestNoFigureIsLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e18, 1e18).Draw(t, "v")
		for _, text := range []string{figure.Count(v), figure.ByteRate(v), figure.Bytes(v), figure.Seconds(v), figure.Duration(time.Duration(v))} {
			require.LessOrEqual(t, len([]rune(text)), 12, "%v is %q", v, text)
		}
	})
}
