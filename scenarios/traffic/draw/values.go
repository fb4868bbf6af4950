package draw

import (
	"math/rand/v2"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// Block holds the bytes that values are cut from. It may be shared.
type Block struct{ bytes []byte }

// slack is by how many bytes the block is longer than the largest value, so that values differ.
const slack = 4096

// NewBlock makes a block for values: printable bytes that do not compress well.
func NewBlock(values workload.Values, seed uint64) *Block {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(seed, streamSize))
	bytes := make([]byte, values.WithDefaults().MaxSize+slack)
	for i := 0; i < len(bytes); {
		for bits := random.Uint64(); bits > 0xf && i < len(bytes); bits >>= 6 {
			bytes[i] = letters[bits&63]
			i++
		}
	}
	return &Block{bytes: bytes}
}

// Values draws values. It is used by one goroutine.
type Values struct {
	block  *Block
	values workload.Values
	random *rand.Rand
}

// NewValues makes the draws of valid values out of a block that was made for them.
func NewValues(values workload.Values, block *Block, seed uint64, part int) *Values {
	return &Values{block: block, values: values.WithDefaults(), random: rand.New(rand.NewPCG(seed, streamSize+uint64(part+1)<<32))}
}

// Next draws a value. It is good until the block is; do not change it.
func (v *Values) Next() []byte {
	size := v.values.Size
	switch v.values.Distribution {
	case workload.SizeUniform:
		size += v.random.IntN(v.values.MaxSize - v.values.Size + 1)
	case workload.SizeExponential:
		size = min(int(v.random.ExpFloat64()*float64(size)), v.values.MaxSize)
	}
	from := v.random.IntN(slack)
	return v.block.bytes[from : from+size : from+size]
}
