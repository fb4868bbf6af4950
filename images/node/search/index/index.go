// Package index is an inverted index: for each word the documents that have it.
//
//	corpus, err := index.Read("/corpus/kjv.txt")
//	all := index.Build(corpus, index.Holding{Documents: []index.Shard{index.Whole}})
//	found, err := all.Search([]string{"light", "darkness"}, index.Whole, 10)
//
// It can hold a part of the whole, in two ways that can be had together: some of the documents, with all of their words; or some of the
// words, with all documents that have them.
package index

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Holding says which part of the whole an index holds.
type Holding struct {
	// Documents are held with their texts and all of their words.
	Documents []Shard `json:"documents,omitempty"`
	// Words are held with all documents that have them, whosever those are.
	Words []Shard `json:"words,omitempty"`
}

// Equal says whether two Holdings are the same, in whatever order.
func (h Holding) Equal(other Holding) bool {
	return same(h.Documents, other.Documents) && same(h.Words, other.Words)
}

func same(a, b []Shard) bool {
	in := func(list []Shard) func(Shard) bool {
		return func(s Shard) bool { return !slices.Contains(list, s) }
	}
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

// Join is what either of two Holdings has.
func (h Holding) Join(other Holding) Holding {
	join := func(a, b []Shard) []Shard {
		all := slices.Concat(a, b)
		slices.SortFunc(all, func(a, b Shard) int { return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.Number, b.Number)) })
		return slices.Compact(all)
	}
	return Holding{Documents: join(h.Documents, other.Documents), Words: join(h.Words, other.Words)}
}

// ErrNotHeld says that an index was asked for a part that it does not hold.
var ErrNotHeld = errors.New("this part is not held here")

// Index is an inverted index. It does not change once it is built, and may be asked by many at a time.
type Index struct {
	holding   Holding
	all       int // documents of the corpus
	documents ranges
	texts     []Document // those held, by number
	held      map[string]Postings
	words     map[string]Postings
	postings  int
}

// Build makes the index of a part of the corpus. Nothing of the corpus stays in memory that is not of that part.
func Build(corpus Corpus, holding Holding) *Index {
	x := &Index{holding: holding, all: corpus.Len(), held: map[string]Postings{}, words: map[string]Postings{}}
	var parts []Range
	for _, s := range holding.Documents {
		parts = append(parts, s.Documents(x.all))
	}
	x.documents = union(parts)
	for number := range uint32(corpus.Len()) { //nolint:gosec // a corpus that fits into memory
		document := x.documents.has(number)
		if !document && len(holding.Words) == 0 {
			continue
		}
		d := corpus.Document(number)
		if document {
			x.texts = append(x.texts, Document{number, strings.Clone(d.Title), strings.Clone(d.Text)})
		}
		for w := range Words(d.Text) {
			if document {
				x.add(x.held, w, number)
			}
			if slices.ContainsFunc(holding.Words, func(s Shard) bool { return s.Word(w) }) {
				x.add(x.words, w, number)
			}
		}
	}
	return x
}

func (x *Index) add(to map[string]Postings, w string, number uint32) {
	list, known := to[w]
	if n := len(list); n > 0 && list[n-1].Document == number {
		list[n-1].Count++
		return
	}
	if !known {
		w = strings.Clone(w) // it may be a piece of the whole corpus' text
	}
	to[w] = append(list, Posting{number, 1})
	x.postings++
}

// Holding is what the index holds.
func (x *Index) Holding() Holding { return x.holding }

// Size says how large the index is.
type Size struct {
	Corpus    int `json:"corpus"`    // documents there are in all
	Documents int `json:"documents"` // whose texts are held
	Words     int `json:"words"`
	Postings  int `json:"postings"`
}

// Size says how large the index is.
func (x *Index) Size() Size { return Size{x.all, len(x.texts), len(x.held) + len(x.words), x.postings} }

// Hit is a document that was found. The more often it has the words of the question, the higher its score.
type Hit struct {
	Document
	Score uint32 `json:"score"`
}

// Found is the answer to a question.
type Found struct {
	// Total is how many documents have all words.
	Total int `json:"total"`
	// Hits are the best of them.
	Hits []Hit `json:"hits"`
}

// Search finds the documents of a shard that have all words, the best first; limit bounds the hits, not the total.
func (x *Index) Search(words []string, part Shard, limit int) (Found, error) {
	within := part.Documents(x.all)
	if !x.documents.cover(within) {
		return Found{}, fmt.Errorf("documents %s: %w", part, ErrNotHeld)
	}
	lists := make([]Postings, len(words))
	for i, w := range words {
		lists[i] = x.held[w].Within(within)
	}
	all := Intersect(lists...)
	found := Found{Total: len(all), Hits: []Hit{}}
	for _, p := range Best(all, limit) {
		text, _ := x.text(p.Document)
		found.Hits = append(found.Hits, Hit{text, p.Count})
	}
	return found, nil
}

// Best are the postings with the highest counts, and of equal ones those with the lowest numbers, in that order.
func Best(all Postings, limit int) Postings {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Posting) int {
		return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Document, b.Document))
	})
	return all[:min(len(all), max(0, limit))]
}

// Merge joins what was found in parts that have no document in common.
func Merge(parts []Found, limit int) Found {
	all := Found{Hits: []Hit{}}
	for _, p := range parts {
		all.Total += p.Total
		all.Hits = append(all.Hits, p.Hits...)
	}
	slices.SortFunc(all.Hits, func(a, b Hit) int { return cmp.Or(-cmp.Compare(a.Score, b.Score), cmp.Compare(a.Number, b.Number)) })
	all.Hits = all.Hits[:min(len(all.Hits), max(0, limit))]
	return all
}

// Word are all documents of the corpus that have a word: of a word of a part that is held, or where all documents are.
func (x *Index) Word(w string) (Postings, error) {
	if slices.ContainsFunc(x.holding.Words, func(s Shard) bool { return s.Word(w) }) {
		return x.words[w], nil
	}
	if x.documents.cover(Whole.Documents(x.all)) {
		return x.held[w], nil
	}
	return nil, fmt.Errorf("word %q: %w", w, ErrNotHeld)
}

// Documents are those with these numbers, in that order.
func (x *Index) Documents(numbers []uint32) ([]Document, error) {
	all := make([]Document, 0, len(numbers))
	for _, n := range numbers {
		d, ok := x.text(n)
		if !ok {
			return nil, fmt.Errorf("document %d: %w", n, ErrNotHeld)
		}
		all = append(all, d)
	}
	return all, nil
}

func (x *Index) text(number uint32) (Document, bool) {
	i, ok := slices.BinarySearchFunc(x.texts, number, func(d Document, n uint32) int { return cmp.Compare(d.Number, n) })
	if !ok {
		return Document{}, false
	}
	return x.texts[i], true
}
