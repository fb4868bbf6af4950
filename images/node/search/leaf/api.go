package leaf

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/search/index"
)

// Header names the leaf that answered.
const Header = "X-Leaf"

// PostingsType is the media type of index.Postings as they encode themselves.
const PostingsType = "application/vnd.ddsctl.postings"

// Status is what a leaf says of itself.
type Status struct {
	Leaf string `json:"leaf"`
	// Holding is nil where the leaf holds nothing yet.
	Holding *index.Holding `json:"holding"`
	Size    index.Size     `json:"size"`
}

const (
	limitDefault = 10
	limitMost    = 100
)

// Handler is the leaf's API.
func (l *Leaf) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(l.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { l.reply(w, l.status(l.index.Load())) })
	mux.HandleFunc("PUT /hold", l.hold)
	mux.HandleFunc("GET /search", l.search)
	mux.HandleFunc("GET /postings", l.word)
	mux.HandleFunc("GET /documents", l.documents)
	return mux
}

func (l *Leaf) status(x *index.Index) Status {
	s := Status{Leaf: l.options.Name}
	if x != nil {
		holding := x.Holding()
		s.Holding, s.Size = &holding, x.Size()
	}
	return s
}

func (l *Leaf) reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(Header, l.options.Name)
	_ = json.NewEncoder(w).Encode(value) // an asker that went away needs no answer
}

func (l *Leaf) refuse(w http.ResponseWriter, code int, err error) {
	w.Header().Set(Header, l.options.Name)
	http.Error(w, err.Error(), code)
}

// codeGone is what is noted where the asker went away; nobody sees it.
const codeGone = 499

// answered refuses with the code that an error deserves, and says whether there was none.
func (l *Leaf) answered(w http.ResponseWriter, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, index.ErrNotHeld):
		l.refuse(w, http.StatusConflict, err)
	default:
		l.refuse(w, codeGone, err)
	}
	return false
}

func (l *Leaf) hold(w http.ResponseWriter, r *http.Request) {
	var holding index.Holding
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&holding); err != nil {
		l.refuse(w, http.StatusBadRequest, fmt.Errorf("what to hold: %w", err))
		return
	}
	x, err := l.Hold(holding)
	if err != nil {
		l.refuse(w, http.StatusInternalServerError, err)
		return
	}
	l.reply(w, l.status(x))
}

// held is the index, and false where there is none yet, which was answered.
func (l *Leaf) held(w http.ResponseWriter, what string) (*index.Index, bool) {
	l.requests.WithLabelValues(what).Inc()
	x := l.index.Load()
	if x == nil {
		l.refuse(w, http.StatusConflict, errors.New("nothing is held here yet: the root says what"))
	}
	return x, x != nil
}

func (l *Leaf) search(w http.ResponseWriter, r *http.Request) {
	x, ok := l.held(w, "search")
	if !ok {
		return
	}
	q := r.URL.Query()
	words, err := index.Question(q.Get("q"))
	if err != nil {
		l.refuse(w, http.StatusBadRequest, err)
		return
	}
	part, err := shard(q)
	if err != nil {
		l.refuse(w, http.StatusBadRequest, err)
		return
	}
	limit, err := Limit(q)
	if err != nil {
		l.refuse(w, http.StatusBadRequest, err)
		return
	}
	done, err := l.work(r.Context(), len(words))
	if err != nil {
		l.answered(w, err)
		return
	}
	defer done()
	found, err := x.Search(words, part, limit)
	if l.answered(w, err) {
		l.reply(w, found)
	}
}

func shard(q url.Values) (index.Shard, error) {
	if q.Get("shard") == "" {
		return index.Whole, nil
	}
	return index.ParseShard(q.Get("shard"))
}

// Limit is how many hits a question wants: ?limit=N, from 0 to 100, and 10 where it does not say.
func Limit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return limitDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > limitMost {
		return 0, fmt.Errorf("limit: a number from 0 to %d, not %q", limitMost, text)
	}
	return n, nil
}

func (l *Leaf) word(w http.ResponseWriter, r *http.Request) {
	x, ok := l.held(w, "postings")
	if !ok {
		return
	}
	words, err := index.Question(r.URL.Query().Get("word"))
	if err != nil || len(words) != 1 {
		l.refuse(w, http.StatusBadRequest, errors.New("one word is looked up at a time: ?word=light"))
		return
	}
	done, err := l.work(r.Context(), 1)
	if err != nil {
		l.answered(w, err)
		return
	}
	defer done()
	list, err := x.Word(words[0])
	if !l.answered(w, err) {
		return
	}
	w.Header().Set("Content-Type", PostingsType)
	w.Header().Set(Header, l.options.Name)
	_, _ = w.Write(list.Encode())
}

func (l *Leaf) documents(w http.ResponseWriter, r *http.Request) {
	x, ok := l.held(w, "documents")
	if !ok {
		return
	}
	texts := r.URL.Query()["number"]
	if len(texts) == 0 || len(texts) > limitMost {
		l.refuse(w, http.StatusBadRequest, fmt.Errorf("from 1 to %d documents by their numbers: ?number=1&number=2", limitMost))
		return
	}
	numbers := make([]uint32, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			l.refuse(w, http.StatusBadRequest, fmt.Errorf("number %q is not one", text))
			return
		}
		numbers[i] = uint32(n)
	}
	done, err := l.work(r.Context(), 0)
	if err != nil {
		l.answered(w, err)
		return
	}
	defer done()
	documents, err := x.Documents(numbers)
	if l.answered(w, err) {
		l.reply(w, documents)
	}
}
