package root

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"

	"github.com/ddsctl/ddsctl/images/node/search/index"
)

// Answer is what the root makes of what the leaves said.
type Answer struct {
	Words []string `json:"words"`
	index.Found
	// Complete says that every part of the index that the question needs has answered.
	Complete bool `json:"complete"`
	// Asked and Answered are how many parts were asked, and how many answered in time.
	Asked    int `json:"asked"`
	Answered int `json:"answered"`
	// Missing names the parts that did not answer.
	Missing []string `json:"missing,omitempty"`
	// Hedged and Repeated are the requests made besides, because a leaf took long, and because one failed.
	Hedged   int `json:"hedged"`
	Repeated int `json:"repeated"`
}

// ErrNothing says that no part of the index answered.
var ErrNothing = errors.New("no leaf answered")

// missing collects what did not answer.
type missing struct {
	mu    sync.Mutex
	parts []string
	err   error
}

func (m *missing) add(part string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts, m.err = append(m.parts, part), err
}

// byDocument asks every part the whole question, and merges what they found.
func (q *question) byDocument(ctx context.Context, words []string, of, limit int) (Answer, error) {
	found := make([]index.Found, of)
	var lost missing
	var wait sync.WaitGroup
	for number := range of {
		wait.Go(func() {
			part := index.Shard{Number: number, Of: of}
			body, err := q.ask(ctx, q.tree.holders(number), searchPath(words, part, limit))
			if err == nil {
				err = json.Unmarshal(body, &found[number])
			}
			if err != nil {
				lost.add("documents "+part.String(), err)
			}
		})
	}
	wait.Wait()
	if len(lost.parts) == of {
		return Answer{}, fmt.Errorf("%w: %w", ErrNothing, lost.err)
	}
	return Answer{Words: words, Found: index.Merge(found, limit), Missing: lost.parts}, nil
}

// whole asks one leaf the whole question, where each leaf holds everything.
func (q *question) whole(ctx context.Context, words []string, limit int) (Answer, error) {
	a := Answer{Words: words}
	body, err := q.ask(ctx, q.root.turn(q.tree.branches, 0), searchPath(words, index.Whole, limit))
	if err == nil {
		err = json.Unmarshal(body, &a.Found)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNothing, err)
	}
	return a, nil
}

func searchPath(words []string, part index.Shard, limit int) string {
	text := words[0]
	for _, w := range words[1:] {
		text += " " + w
	}
	return "/search?" + url.Values{"q": {text}, "shard": {part.String()}, "limit": {strconv.Itoa(limit)}}.Encode()
}

// byWord looks each word up at a leaf that has it, intersects the lists, and gets the texts of the best.
func (q *question) byWord(ctx context.Context, words []string, limit int) (Answer, error) {
	lists := make([]index.Postings, len(words))
	known := make([]bool, len(words))
	var lost missing
	var wait sync.WaitGroup
	turn := q.root.next()
	for i, w := range words {
		wait.Go(func() {
			body, err := q.ask(ctx, q.holdersOfWord(w, turn+i), "/postings?"+url.Values{"word": {w}}.Encode())
			if err == nil {
				lists[i], err = index.Decode(body)
			}
			if err != nil {
				lost.add(fmt.Sprintf("word %s", w), err)
				return
			}
			known[i] = true
		})
	}
	wait.Wait()
	var have []index.Postings
	for i, list := range lists {
		if known[i] {
			have = append(have, list)
		}
	}
	if len(have) == 0 {
		return Answer{}, fmt.Errorf("%w: %w", ErrNothing, lost.err)
	}
	all := index.Intersect(have...)
	a := Answer{Words: words, Found: index.Found{Total: len(all)}}
	a.Hits = q.texts(ctx, index.Best(all, limit), turn+len(words), &lost)
	a.Missing = lost.parts
	return a, nil
}

func (q *question) holdersOfWord(w string, turn int) []*branch {
	if q.tree.config.Distribution == Copies {
		return q.root.rotated(q.tree.branches, turn)
	}
	return q.tree.holders(index.ShardOfWord(w, len(q.tree.branches)))
}

// texts gets the texts of documents from the leaves that have them: a second round, which leaves that hold documents do not need.
func (q *question) texts(ctx context.Context, best index.Postings, turn int, lost *missing) []index.Hit {
	hits := make([]index.Hit, len(best))
	groups := map[int][]int{} // places in best, by the part that has the documents
	for i, p := range best {
		hits[i] = index.Hit{Document: index.Document{Number: p.Document}, Score: p.Count}
		part := 0
		if q.tree.config.Distribution == Words {
			part = index.ShardOfDocument(p.Document, int(q.root.corpus.Load()), len(q.tree.branches))
		}
		groups[part] = append(groups[part], i)
	}
	var wait sync.WaitGroup
	for part, places := range groups {
		wait.Go(func() {
			from := q.tree.holders(part)
			if q.tree.config.Distribution == Copies {
				from = q.root.rotated(q.tree.branches, turn)
			}
			numbers := url.Values{}
			for _, i := range places {
				numbers.Add("number", strconv.FormatUint(uint64(best[i].Document), 10))
			}
			var documents []index.Document
			body, err := q.ask(ctx, from, "/documents?"+numbers.Encode())
			if err == nil {
				err = json.Unmarshal(body, &documents)
			}
			if err == nil && len(documents) != len(places) {
				err = fmt.Errorf("asked for %d documents, and got %d", len(places), len(documents))
			}
			if err != nil {
				lost.add(fmt.Sprintf("texts %d/%d", part, len(q.tree.branches)), err)
				return
			}
			for n, i := range places {
				hits[i].Document = documents[n]
			}
		})
	}
	wait.Wait()
	return hits
}

// next is a number that grows with each question, so that leaves take turns.
func (r *Root) next() int { return int(r.turns.Add(1)) }

func (r *Root) turn(all []*branch, more int) []*branch { return r.rotated(all, r.next()+more) }

// rotated are the leaves beginning with another one, as many as there may be tries.
func (r *Root) rotated(all []*branch, turn int) []*branch {
	const tries = 3
	some := r.usable(all)
	if len(some) == 0 {
		return nil
	}
	out := make([]*branch, 0, tries)
	for k := range min(tries, len(some)) {
		out = append(out, some[(turn+k)%len(some)])
	}
	return out
}
