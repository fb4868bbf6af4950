//go:build linux

package netlab

import (
	"math"
	"testing"
)

// Within holds that a figure can be measured to be what it should, within a share of it. A machine that is busy for moments makes packets
// late that were not asked to be; so a measurement that fails is made again, a few times.
func Within(t testing.TB, want, share float64, measure func() float64) {
	t.Helper()
	const attempts = 5
	var got []float64
	for range attempts {
		figure := measure()
		if math.Abs(figure-want) <= share*want {
			return
		}
		got = append(got, figure)
	}
	t.Fatalf("measured %v, which should be %v within %v of it", got, want, share)
}
