package numbers

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNeighboursAreOneRange(t *testing.T) {
	var s Set
	for _, n := range []int64{1, 2, 5, 4, 9} {
		require.True(t, s.Add(n))
	}
	require.False(t, s.Add(5))
	require.Equal(t, []Range{{1, 2}, {4, 5}, {9, 9}}, s.Ranges())
	require.True(t, s.Add(3))
	require.Equal(t, []Range{{1, 5}, {9, 9}}, s.Ranges())
	require.Equal(t, int64(6), s.Len())
	require.Equal(t, int64(2), s.Minus(Of(Range{1, 3}, Range{9, 12}, Range{7, 6})))
}

// Whatever is added in whatever order, a Set is what a map would be.
func TestASetIsWhatAMapWouldBe(t *testing.T) {
	draw := func(t *rapid.T, name string) (*Set, map[int64]bool) {
		s, m := &Set{}, map[int64]bool{}
		for _, n := range rapid.SliceOf(rapid.Int64Range(1, 40)).Draw(t, name) {
			require.Equal(t, !m[n], s.Add(n))
			m[n] = true
		}
		return s, m
	}
	rapid.Check(t, func(t *rapid.T) {
		a, inA := draw(t, "a")
		b, inB := draw(t, "b")
		missing := 0
		for n := range inA {
			require.True(t, a.Has(n))
			if !inB[n] {
				missing++
			}
		}
		require.EqualValues(t, len(inA), a.Len())
		require.EqualValues(t, missing, a.Minus(b))
		again := Of(a.Ranges()...)
		require.Equal(t, a.Ranges(), again.Ranges())
		require.Equal(t, a.Len(), again.Len())
		for i, r := range a.Ranges() {
			require.LessOrEqual(t, r.First, r.Last)
			if i > 0 {
				require.Greater(t, r.First, a.Ranges()[i-1].Last+1)
			}
		}
		require.False(t, a.Has(0) || a.Has(41))
	})
}
