// Package draw draws what requests are about: keys, values, and which operation of a mix. Every draw follows from a seed.
package draw

import (
	"math/rand/v2"
	"strconv"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// Keys draws key numbers from 0 to Count-1. It is used by one goroutine.
type Keys struct {
	prefix string
	next   func() uint64
}

// Streams of the generator, so that keys, values and operations share no draws.
const (
	streamKeys = 0x6b65_7973
	streamMix  = 0x6d69_7865
	streamSize = 0x7369_7a65
)

// NewKeys makes the draws of valid keys. Several drawers that share the work are told apart by part, from 0 to parts-1: together they
// walk sequential keys once, and their random draws are independent.
func NewKeys(keys workload.Keys, seed uint64, part, parts int) *Keys {
	keys = keys.WithDefaults()
	random := rand.New(rand.NewPCG(seed, streamKeys+uint64(part)<<32))
	count := uint64(keys.Count)
	k := &Keys{prefix: keys.Prefix}
	switch keys.Distribution {
	case workload.KeysSequential:
		at, step := uint64(part)%count, uint64(parts)%count
		k.next = func() uint64 {
			drawn := at
			at = (at + step) % count
			return drawn
		}
	case workload.KeysZipfian:
		z := NewZipf(count, keys.S)
		k.next = func() uint64 { return z.Draw(random) - 1 }
	case workload.KeysHotset:
		hot := uint64(float64(count)*keys.HotFraction + 0.5)
		hot = min(max(hot, 1), count)
		k.next = func() uint64 {
			if hot == count || random.Float64() < keys.HotShare {
				return random.Uint64N(hot)
			}
			return hot + random.Uint64N(count-hot)
		}
	default:
		k.next = func() uint64 { return random.Uint64N(count) }
	}
	return k
}

// Next draws a key's number.
func (k *Keys) Next() uint64 { return k.next() }

// Append appends the key with a number to b.
func (k *Keys) Append(b []byte, number uint64) []byte {
	return strconv.AppendUint(append(b, k.prefix...), number, 10)
}
