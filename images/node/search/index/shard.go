package index

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Shard is one of several equal parts of something: of all documents, by their numbers, or of all words, by their hash.
type Shard struct {
	Number int // from 0
	Of     int // at least 1
}

// Whole is everything in one part.
var Whole = Shard{Number: 0, Of: 1}

// maxShards bounds what a text may ask for.
const maxShards = 10_000

// ParseShard reads a Shard as String writes it: 3/20.
func ParseShard(text string) (Shard, error) {
	number, of, found := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	m, err2 := strconv.Atoi(of)
	if !found || err != nil || err2 != nil || m < 1 || m > maxShards || n < 0 || n >= m {
		return Shard{}, fmt.Errorf("shard %q: it is written NUMBER/OF, and NUMBER is from 0 to OF-1, as in 3/20", text)
	}
	return Shard{Number: n, Of: m}, nil
}

// String is the shard as ParseShard reads it.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Number, s.Of) }

// MarshalText is String.
func (s Shard) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseShard.
func (s *Shard) UnmarshalText(text []byte) error {
	parsed, err := ParseShard(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// Documents are the numbers of the shard's documents, of so many in all. The shards of one division share all documents among them, and
// differ by one document at most.
func (s Shard) Documents(all int) Range {
	return Range{From: uint32(uint64(s.Number) * uint64(all) / uint64(s.Of)), To: uint32(uint64(s.Number+1) * uint64(all) / uint64(s.Of))} //nolint:gosec // below all
}

// ShardOfDocument is the number of the shard that a document belongs to, where so many documents are divided into so many shards.
func ShardOfDocument(document uint32, all, of int) int {
	return sort.Search(of-1, func(n int) bool { return document < Shard{n, of}.Documents(all).To })
}

// Word says whether the word is one of the shard's.
func (s Shard) Word(word string) bool { return s.Of == 1 || ShardOfWord(word, s.Of) == s.Number }

// ShardOfWord is the number of the shard that a word belongs to, where words are divided into so many.
func ShardOfWord(word string, of int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(word))
	return int(mix(h.Sum64()) % uint64(of)) //nolint:gosec // below of
}

// mix spreads what a hash of short words leaves together (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Range are the numbers from From up to, and without, To.
type Range struct{ From, To uint32 }

// Has says whether a number is in the range.
func (r Range) Has(n uint32) bool { return r.From <= n && n < r.To }

// ranges are several of them, in order, none touching another.
type ranges []Range

// union joins ranges.
func union(all []Range) ranges {
	all = slices.DeleteFunc(slices.Clone(all), func(r Range) bool { return r.From >= r.To })
	slices.SortFunc(all, func(a, b Range) int { return int(a.From) - int(b.From) })
	var joined ranges
	for _, r := range all {
		if n := len(joined); n > 0 && r.From <= joined[n-1].To {
			joined[n-1].To = max(joined[n-1].To, r.To)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// has says whether a number is in one of the ranges.
func (all ranges) has(n uint32) bool {
	for _, r := range all {
		if r.Has(n) {
			return true
		}
	}
	return false
}

// cover says whether all of a range is held.
func (all ranges) cover(want Range) bool {
	if want.From >= want.To {
		return true
	}
	for _, r := range all {
		if r.From <= want.From && want.To <= r.To {
			return true
		}
	}
	return false
}
