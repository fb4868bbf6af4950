package main

import (
	"crypto/md5"
	"fmt"
	"hash/crc32"
	"math"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
)

// ketama is twemproxy's ring (src/hashkit/nc_ketama.c, nc_md5.c, nc_fnv.c, nc_murmur.c of twemproxy 0.5), written anew from its definition so
// that a lab's placement of keys can be checked without asking the proxy: each server has 160 points a unit of its share, four from each
// MD5 sum of "NAME-i", and a key belongs to the first point at or after its hash.
type ketama struct {
	hash   func([]byte) uint32
	points []ketamaPoint
}

type ketamaPoint struct {
	value  uint32
	server string
}

const ketamaPoints = 160

func newKetama(hash string, weights map[string]int) (*ketama, error) {
	k := &ketama{hash: ketamaHashes[hash]}
	if k.hash == nil {
		return nil, fmt.Errorf("hash %q is not known here", hash)
	}
	total := 0
	for _, w := range weights {
		total += w
	}
	for server, w := range weights {
		share := float32(w) / float32(total)
		sums := int(math.Floor(float64(share*ketamaPoints/4*float32(len(weights)) + 0.0000000001)))
		for i := range sums {
			sum := md5.Sum(fmt.Appendf(nil, "%s-%d", server, i))
			for x := range 4 {
				value := uint32(sum[3+x*4])<<24 | uint32(sum[2+x*4])<<16 | uint32(sum[1+x*4])<<8 | uint32(sum[x*4])
				k.points = append(k.points, ketamaPoint{value, server})
			}
		}
	}
	sort.Slice(k.points, func(i, j int) bool { return k.points[i].value < k.points[j].value })
	return k, nil
}

func (k *ketama) server(key string) string {
	h := k.hash([]byte(key))
	i := sort.Search(len(k.points), func(i int) bool { return k.points[i].value >= h })
	if i == len(k.points) {
		i = 0
	}
	return k.points[i].server
}

var ketamaHashes = map[string]func([]byte) uint32{
	"md5": func(key []byte) uint32 {
		sum := md5.Sum(key)
		return uint32(sum[3])<<24 | uint32(sum[2])<<16 | uint32(sum[1])<<8 | uint32(sum[0])
	},
	// twemproxy keeps FNV's 64-bit constants and 32-bit arithmetic.
	"fnv1a_64": func(key []byte) uint32 {
		const offset, prime = uint64(0xcbf29ce484222325), uint64(0x100000001b3)
		h := uint32(offset & math.MaxUint32)
		for _, c := range key {
			h ^= uint32(c)
			h *= uint32(prime & math.MaxUint32)
		}
		return h
	},
	"fnv1a_32": func(key []byte) uint32 {
		h := uint32(2166136261)
		for _, c := range key {
			h ^= uint32(c)
			h *= 16777619
		}
		return h
	},
	"crc32a": crc32.ChecksumIEEE,
	"murmur": murmur2,
}

// murmur2 is MurmurHash2 with twemproxy's seed, which grows with the key's length.
func murmur2(key []byte) uint32 {
	const m, r = uint32(0x5bd1e995), 24
	n := uint32(len(key))
	h := 0xdeadbeef*n ^ n
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h = h*m ^ k
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(key[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}

func TestTheRingGivesEachServerItsShare(t *testing.T) {
	k, err := newKetama("murmur", map[string]int{"a": 1, "b": 1, "c": 2})
	require.NoError(t, err)
	require.Len(t, k.points, 3*ketamaPoints)
	counts := map[string]int{}
	for i := range 10000 {
		counts[k.server(fmt.Sprint("key:", i))]++
	}
	require.InDelta(t, 5000, counts["c"], 900)
	require.InDelta(t, 2500, counts["a"], 700)
}
