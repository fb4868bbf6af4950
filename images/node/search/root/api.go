package root

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/search/index"
	"github.com/ddsctl/ddsctl/images/node/search/leaf"
)

// Headers of an answer.
const (
	AnswerHeader = "X-Answer" // complete, partial or none
	LeavesHeader = "X-Leaves" // parts that answered, of those asked: 3/4
	HedgedHeader = "X-Hedged" // requests made besides
)

// What AnswerHeader says.
const (
	AnswerComplete = "complete"
	AnswerPartial  = "partial"
	AnswerNone     = "none"
)

// Handler is the root's API.
func (r *Root) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if r.tree.Load() == nil {
			http.Error(w, "the leaves do not hold their parts yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /leaves", r.showLeaves)
	mux.HandleFunc("GET /search", r.search)
	return mux
}

// asked is what a question wants.
type asked struct {
	words  []string
	limit  int
	leaves int
	hedge  time.Duration
	ask    string
}

func (r *Root) parse(q url.Values) (asked, error) {
	a := asked{hedge: r.config.Hedge.After, ask: r.config.Ask}
	var err error
	if a.words, err = index.Question(q.Get("q")); err != nil {
		return a, err
	}
	if a.limit, err = leaf.Limit(q); err != nil {
		return a, err
	}
	if text := q.Get("leaves"); text != "" {
		if a.leaves, err = strconv.Atoi(text); err != nil || a.leaves < 1 {
			return a, fmt.Errorf("leaves: a number from 1, not %q", text)
		}
		if r.config.Distribution != Documents {
			return a, errors.New("leaves: only where documents are divided")
		}
	}
	if text := q.Get("hedge"); text == "off" {
		a.hedge = 0
	} else if text != "" {
		if a.hedge, err = time.ParseDuration(text); err != nil || a.hedge < 0 || a.hedge > mostTime {
			return a, fmt.Errorf("hedge: off, or a duration such as 50ms, not %q", text)
		}
	}
	if text := q.Get("ask"); text != "" {
		if a.ask = text; text != AskWords && text != AskQuestion {
			return a, fmt.Errorf("ask: %s or %s, not %q", AskWords, AskQuestion, text)
		}
	}
	return a, nil
}

func (r *Root) search(w http.ResponseWriter, req *http.Request) {
	begin := time.Now()
	a, err := r.parse(req.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t := r.tree.Load()
	if t == nil {
		r.none(w, errors.New("the leaves do not hold their parts yet"))
		return
	}
	of, ok := t.division(a.leaves)
	if !ok {
		http.Error(w, fmt.Sprintf("leaves: the corpus is divided among %v leaves, not among %d", t.divisions, a.leaves), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), r.config.Deadline)
	defer cancel()
	q := &question{root: r, tree: t, hedge: a.hedge}
	var answer Answer
	switch {
	case r.config.Distribution == Documents:
		answer, err = q.byDocument(ctx, a.words, of, a.limit)
	case r.config.Distribution == Copies && a.ask == AskQuestion:
		answer, err = q.whole(ctx, a.words, a.limit)
	default:
		answer, err = q.byWord(ctx, a.words, a.limit)
	}
	r.metrics.seconds.Observe(time.Since(begin).Seconds())
	q.mu.Lock()
	answer.Asked, answer.Answered, answer.Hedged, answer.Repeated = q.asked, q.got, q.hedged, q.again
	q.mu.Unlock()
	answer.Complete = len(answer.Missing) == 0
	w.Header().Set(LeavesHeader, fmt.Sprintf("%d/%d", answer.Answered, answer.Asked))
	w.Header().Set(HedgedHeader, strconv.Itoa(answer.Hedged))
	switch {
	case err != nil:
		r.none(w, err)
	case !answer.Complete && r.config.Partial == PartialRefuse:
		r.none(w, fmt.Errorf("%d of %d parts did not answer in time", answer.Asked-answer.Answered, answer.Asked))
	case answer.Complete:
		r.reply(w, AnswerComplete, answer)
	default:
		r.reply(w, AnswerPartial, answer)
	}
}

func (r *Root) none(w http.ResponseWriter, err error) {
	r.metrics.answers.WithLabelValues(AnswerNone).Inc()
	w.Header().Set(AnswerHeader, AnswerNone)
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

func (r *Root) reply(w http.ResponseWriter, what string, a Answer) {
	r.metrics.answers.WithLabelValues(what).Inc()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(AnswerHeader, what)
	_ = json.NewEncoder(w).Encode(a) // an asker that went away needs no answer
}

// branchStatus is a leaf at /leaves.
type branchStatus struct {
	Leaf      string        `json:"leaf"`
	Address   string        `json:"address"`
	Suspended bool          `json:"suspended"`
	Requests  int           `json:"requests"`
	Failures  int           `json:"failures"`
	Holding   index.Holding `json:"holding"`
}

func (r *Root) showLeaves(w http.ResponseWriter, _ *http.Request) {
	all := []branchStatus{}
	if t := r.tree.Load(); t != nil {
		for place, b := range t.branches {
			b.mu.Lock()
			all = append(all, branchStatus{b.name, b.address, b.suspended, b.asked, b.failed, t.holding(place)})
			b.mu.Unlock()
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
}
