package draw_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic/draw"
)

// probability is the chi-squared test's probability of counts at least as far from what is expected.
func probability(seen, expected []float64) float64 {
	return distuv.ChiSquared{K: float64(len(seen) - 1)}.Survival(stat.ChiSquare(seen, expected))
}

func zipfExpected(n int, s, draws float64) []float64 {
	law, sum := make([]float64, n), 0.0
	for k := range law {
		law[k] = math.Pow(float64(k+1), -s)
		sum += law[k]
	}
	for k := range law {
		law[k] *= draws / sum
	}
	return law
}

func TestZipfianDrawsFollowTheLaw(t *testing.T) {
	const n, draws = 200, 400_000
	for _, s := range []float64{0.2, 0.7, 0.99, 1, 1.0000001, 1.2, 2} {
		z, random := draw.NewZipf(n, s), rand.New(rand.NewPCG(7, uint64(s*1000)))
		seen := make([]float64, n)
		for range draws {
			seen[z.Draw(random)-1]++
		}
		require.Greater(t, probability(seen, zipfExpected(n, s, draws)), 0.01, "s = %g", s)
		require.Less(t, probability(seen, zipfExpected(n, s+0.1, draws)), 1e-6, "the test tells s = %g from s = %g", s, s+0.1)
	}
}

func TestZipfStaysInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 1<<40).Draw(t, "n")
		z := draw.NewZipf(n, rapid.Float64Range(0.01, 20).Draw(t, "s"))
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 100 {
			if k := z.Draw(random); k < 1 || k > n {
				t.Fatalf("%d is not in 1..%d", k, n)
			}
		}
	})
}

func TestUniformKeysAreAllAlike(t *testing.T) {
	const n, draws = 100, 100_000
	keys := draw.NewKeys(workload.Keys{Count: n}, 5, 0, 1)
	seen, expected := make([]float64, n), make([]float64, n)
	for range draws {
		seen[keys.Next()]++
	}
	for i := range expected {
		expected[i] = draws / n
	}
	require.Greater(t, probability(seen, expected), 0.01)
}

func TestAHotsetGetsItsShare(t *testing.T) {
	const draws = 100_000
	keys := draw.NewKeys(workload.Keys{Distribution: workload.KeysHotset, Count: 1000, HotFraction: 0.02, HotShare: 0.8}, 5, 0, 1)
	hot := 0.0
	for range draws {
		if keys.Next() < 20 {
			hot++
		}
	}
	require.Greater(t, probability([]float64{hot, draws - hot}, []float64{0.8 * draws, 0.2 * draws}), 0.01)
}

func TestSequentialKeysAreWalkedOnceByAllPartsTogether(t *testing.T) {
	const count, parts = 12, 3
	seen := map[uint64]int{}
	for part := range parts {
		keys := draw.NewKeys(workload.Keys{Distribution: workload.KeysSequential, Count: count}, 1, part, parts)
		for range count / parts {
			seen[keys.Next()]++
		}
	}
	require.Len(t, seen, count)
	keys := draw.NewKeys(workload.Keys{Distribution: workload.KeysSequential, Count: 2, Prefix: "user:"}, 1, 0, 1)
	var names []string
	for range 3 {
		names = append(names, string(keys.Append(nil, keys.Next())))
	}
	require.Equal(t, []string{"user:0", "user:1", "user:0"}, names)
}

func TestKeysFollowFromTheSeedAndStayInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := workload.Keys{
			Distribution: rapid.SampledFrom([]workload.KeyDistribution{workload.KeysUniform, workload.KeysZipfian, workload.KeysSequential,
				workload.KeysHotset}).Draw(t, "distribution"),
			Count: rapid.IntRange(1, 1000).Draw(t, "count"),
		}
		seed, part := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 20).Draw(t, "part")
		a, b := draw.NewKeys(keys, seed, part, 21), draw.NewKeys(keys, seed, part, 21)
		for range 200 {
			x, y := a.Next(), b.Next()
			if x != y || x >= uint64(keys.Count) {
				t.Fatalf("%d and %d of %d", x, y, keys.Count)
			}
		}
	})
}

func TestValuesHaveTheSizesAskedFor(t *testing.T) {
	mean := func(v workload.Values) (least, most int, average float64) {
		values := draw.NewValues(v, draw.NewBlock(v, 1), 1, 0)
		least = math.MaxInt
		const draws = 20_000
		for range draws {
			value := values.Next()
			require.False(t, strings.ContainsFunc(string(value), func(r rune) bool { return r <= ' ' || r > '~' }))
			least, most, average = min(least, len(value)), max(most, len(value)), average+float64(len(value))/draws
		}
		return
	}
	least, most, _ := mean(workload.Values{Size: 64})
	require.Equal(t, []int{64, 64}, []int{least, most})
	least, most, average := mean(workload.Values{Size: 10, MaxSize: 30, Distribution: workload.SizeUniform})
	require.Equal(t, []int{10, 30}, []int{least, most})
	require.InDelta(t, 20, average, 0.2)
	_, most, average = mean(workload.Values{Size: 100, Distribution: workload.SizeExponential})
	require.LessOrEqual(t, most, 1000)
	require.InDelta(t, 100, average, 3)
}

func TestTheMixIsDrawnByWeight(t *testing.T) {
	mix := draw.NewMix([]workload.Operation{{Weight: 6}, {Weight: 0}, {Weight: 3}, {Weight: 1}}, 9, 0)
	const draws = 100_000
	seen := make([]float64, 4)
	for range draws {
		seen[mix.Next()]++
	}
	require.Zero(t, seen[1])
	require.Greater(t, probability([]float64{seen[0], seen[2], seen[3]}, []float64{0.6 * draws, 0.3 * draws, 0.1 * draws}), 0.01)
}

func BenchmarkZipf(b *testing.B) {
	z, random := draw.NewZipf(1e6, 0.99), rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		z.Draw(random)
	}
}
