package index

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"slices"
	"strings"
	"unicode"
)

// Document is one text that can be found.
type Document struct {
	Number uint32 `json:"number"`
	Title  string `json:"title"`
	Text   string `json:"text"`
}

// Corpus is all the documents there are. Its order, and so each document's number, follows from the hash of the titles: neighbours in the
// text are far from each other in it, so that any part of the numbers is a fair sample of the whole.
type Corpus struct {
	text  string
	lines []line
}

type line struct {
	start, title, end int // the title ends at title, and the text begins after the space there
	hash              uint64
}

// Read reads a corpus from a file: one document a line, its title, a space, and its text.
func Read(file string) (Corpus, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Corpus{}, fmt.Errorf("read the corpus: %w", err)
	}
	c, err := Parse(string(data))
	if err != nil {
		return Corpus{}, fmt.Errorf("read the corpus %s: %w", file, err)
	}
	return c, nil
}

// Parse reads a corpus from its text. Empty lines are left out.
func Parse(text string) (Corpus, error) {
	c := Corpus{text: text}
	number, at := 0, 0
	for l := range strings.Lines(text) {
		number++
		end := at + len(strings.TrimRight(l, "\r\n"))
		if end > at {
			title := strings.IndexByte(text[at:end], ' ')
			if title <= 0 {
				return Corpus{}, fmt.Errorf("line %d has no title before a space", number)
			}
			h := fnv.New64a()
			_, _ = h.Write([]byte(text[at : at+title]))
			c.lines = append(c.lines, line{at, at + title, end, mix(h.Sum64())})
		}
		at += len(l)
	}
	if len(c.lines) == 0 {
		return Corpus{}, errors.New("it has no documents")
	}
	slices.SortStableFunc(c.lines, func(a, b line) int { return cmp.Compare(a.hash, b.hash) })
	return c, nil
}

// Len is how many documents there are.
func (c Corpus) Len() int { return len(c.lines) }

// Document is the one with that number, from 0 to Len-1.
func (c Corpus) Document(number uint32) Document {
	l := c.lines[number]
	return Document{Number: number, Title: c.text[l.start:l.title], Text: c.text[l.title+1 : l.end]}
}

// Words are the words of a text: letters, digits and apostrophes within them, in lower case.
func Words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start := -1
		for i, r := range text {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || (start >= 0 && (r == '\'' || r == '’')) {
				if start < 0 {
					start = i
				}
				continue
			}
			if start >= 0 && !yield(word(text[start:i])) {
				return
			}
			start = -1
		}
		if start >= 0 {
			yield(word(text[start:]))
		}
	}
}

func word(text string) string { return strings.ToLower(strings.TrimRight(text, "'’")) }

// maxWords bounds a question.
const maxWords = 8

// Question are the words of a question, each once, in its order. One without a word, or with more than eight, is an error.
func Question(text string) ([]string, error) {
	var words []string
	for w := range Words(text) {
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	switch {
	case len(words) == 0:
		return nil, errors.New("there is no word in the question: ask with ?q=light+darkness")
	case len(words) > maxWords:
		return nil, fmt.Errorf("a question has at most %d words, and this one has %d", maxWords, len(words))
	}
	return words, nil
}
