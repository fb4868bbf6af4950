// Package numbers is a set of numbers from 1 on that are mostly neighbours, such as those of the records that a producer has sent: it is held, and told, as ranges.
//
//	var s numbers.Set
//	first := s.Add(7) // true
//	lost := acked.Minus(&seen)
package numbers

import "sort"

// Range is all numbers from First to Last.
type Range struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Set is a set of numbers. The zero value is empty. It is not safe for concurrent use.
type Set struct {
	ranges []Range // sorted, with a gap between each two
	size   int64
}

// Of is the set of all numbers of the ranges. A range whose first is behind its last has none.
func Of(ranges ...Range) *Set {
	s := &Set{}
	for _, r := range ranges {
		s.addRange(r)
	}
	return s
}

// Add adds a number, and says whether it was not there.
func (s *Set) Add(n int64) bool {
	if s.Has(n) {
		return false
	}
	s.addRange(Range{First: n, Last: n})
	return true
}

// Has says whether a number is there.
func (s *Set) Has(n int64) bool {
	i := s.at(n)
	return i < len(s.ranges) && s.ranges[i].First <= n
}

// at is the first range that ends at n or behind it.
func (s *Set) at(n int64) int {
	if k := len(s.ranges); k > 0 && s.ranges[k-1].Last < n { // the usual one: the next number
		return k
	}
	return sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].Last >= n })
}

// addRange puts a range in, and makes one of all that it touches.
func (s *Set) addRange(r Range) {
	if r.First > r.Last {
		return
	}
	from := s.at(r.First - 1)
	to := from
	for ; to < len(s.ranges) && s.ranges[to].First <= r.Last+1; to++ {
		touched := s.ranges[to]
		s.size -= touched.Last - touched.First + 1
		r.First, r.Last = min(r.First, touched.First), max(r.Last, touched.Last)
	}
	s.size += r.Last - r.First + 1
	switch {
	case from == to:
		s.ranges = append(s.ranges, Range{})
		copy(s.ranges[from+1:], s.ranges[from:])
		s.ranges[from] = r
	default:
		s.ranges[from] = r
		s.ranges = append(s.ranges[:from+1], s.ranges[to:]...)
	}
}

// Len is how many numbers there are.
func (s *Set) Len() int64 { return s.size }

// Ranges are the numbers, in order.
func (s *Set) Ranges() []Range { return append([]Range{}, s.ranges...) }

// Minus is how many numbers of s are not in other.
func (s *Set) Minus(other *Set) int64 {
	missing := s.size
	j := 0
	for _, r := range s.ranges {
		for ; j < len(other.ranges) && other.ranges[j].Last < r.First; j++ {
		}
		for k := j; k < len(other.ranges) && other.ranges[k].First <= r.Last; k++ {
			missing -= min(r.Last, other.ranges[k].Last) - max(r.First, other.ranges[k].First) + 1
		}
	}
	return missing
}
