package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Posting says that a document has a word, and how often.
type Posting struct {
	Document uint32
	Count    uint32
}

// Postings are the documents that have a word, by their numbers, each once.
type Postings []Posting

// Within are those in a range.
func (p Postings) Within(r Range) Postings {
	from := sort.Search(len(p), func(i int) bool { return p[i].Document >= r.From })
	to := from + sort.Search(len(p)-from, func(i int) bool { return p[from+i].Document >= r.To })
	return p[from:to]
}

// Intersect are the documents that are in all lists, with their counts added up. Of no lists it is nothing.
func Intersect(lists ...Postings) Postings {
	if len(lists) == 0 {
		return nil
	}
	lists = slices.Clone(lists)
	slices.SortStableFunc(lists, func(a, b Postings) int { return len(a) - len(b) })
	common := slices.Clone(lists[0])
	for _, list := range lists[1:] {
		kept := common[:0]
		for _, have := range common {
			list = list[after(list, have.Document):]
			if len(list) == 0 {
				break
			}
			if list[0].Document == have.Document {
				kept = append(kept, Posting{have.Document, have.Count + list[0].Count})
			}
		}
		common = kept
	}
	return common
}

// after is the index of the first posting at or behind a document. It doubles its steps before it searches between the last two, so that a
// long list beside a short one costs little.
func after(list Postings, document uint32) int {
	step := 1
	for step < len(list) && list[step-1].Document < document {
		step *= 2
	}
	from, to := step/2, min(step, len(list))
	return from + sort.Search(to-from, func(i int) bool { return list[from+i].Document >= document })
}

// Encode writes postings as what lies between them, in numbers of changing length: about a byte and a half for a document of a common word.
func (p Postings) Encode() []byte {
	out := binary.AppendUvarint(make([]byte, 0, 2*len(p)+5), uint64(len(p)))
	last := uint32(0)
	for _, one := range p {
		out = binary.AppendUvarint(out, uint64(one.Document-last))
		out = binary.AppendUvarint(out, uint64(one.Count))
		last = one.Document
	}
	return out
}

// Decode reads what Encode wrote. What it did not write is an error: numbers that do not grow, a count of 0, bytes left over.
func Decode(data []byte) (Postings, error) {
	next := func(most uint64) (uint32, error) {
		v, n := binary.Uvarint(data)
		if n <= 0 || v > most {
			return 0, errors.New("postings: broken off, or a number that cannot be")
		}
		data = data[n:]
		return uint32(v), nil //nolint:gosec // at most most
	}
	const largest = 1<<32 - 1
	count, err := next(uint64(len(data))) // each takes two bytes, and one of them is here
	if err != nil {
		return nil, err
	}
	list := make(Postings, 0, count)
	last := uint64(0)
	for i := range count {
		gap, err := next(largest - last)
		if err != nil {
			return nil, err
		}
		if gap == 0 && i > 0 {
			return nil, fmt.Errorf("postings: document %d twice", last)
		}
		often, err := next(largest)
		if err != nil {
			return nil, err
		}
		if often == 0 {
			return nil, errors.New("postings: a document that does not have the word")
		}
		last += uint64(gap)
		list = append(list, Posting{uint32(last), often}) //nolint:gosec // the gap was bounded
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("postings: %d bytes too many", len(data))
	}
	return list, nil
}
