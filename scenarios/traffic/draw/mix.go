package draw

import (
	"math/rand/v2"
	"sort"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// Mix draws which operation comes next. It is used by one goroutine.
type Mix struct {
	upTo   []float64 // cumulated weights
	random *rand.Rand
}

// NewMix makes the draws of a valid mix.
func NewMix(mix []workload.Operation, seed uint64, part int) *Mix {
	m := &Mix{random: rand.New(rand.NewPCG(seed, streamMix+uint64(part)<<32))}
	total := 0.0
	for _, op := range mix {
		total += op.Weight
		m.upTo = append(m.upTo, total)
	}
	return m
}

// Next draws an index into the mix.
func (m *Mix) Next() int {
	last := len(m.upTo) - 1
	if last == 0 {
		return 0
	}
	at := m.random.Float64() * m.upTo[last]
	// The first whose cumulated weight lies above the draw, so that weight 0 is never drawn.
	return min(sort.Search(last, func(i int) bool { return m.upTo[i] > at }), last)
}
