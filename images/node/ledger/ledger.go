// Package ledger is a service that writes down what it is told, and counts it: the API, the SMS gateway, the mailing list of a lab. What was written twice is
// counted as well, so that "exactly once" is a number. It takes its time, refuses, and loses answers as it is told.
//
//	l := ledger.New(ledger.Options{Same: "event", Lose: 0.3})
//	err := l.Serve(ctx, listener)
//
// README.md is its API.
package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	remembered = 10_000  // records that can be asked for
	keys       = 200_000 // idempotency keys and identities that are known
	mostBody   = 64 << 10
)

// Behaviour is what a ledger does besides writing down. The zero value answers at once and well.
type Behaviour struct {
	// Latency is how long an answer takes.
	Latency time.Duration
	// Errors is the share of requests that get 503, and are not written down; from 0 to 1.
	Errors float64
	// Lose is the share of requests that are written down, and get no answer: the connection is closed.
	Lose float64
}

// Options say what a ledger is. The zero value writes everything down.
type Options struct {
	Behaviour
	// Require are the fields that a record must have; one without is answered with 422.
	Require []string
	// Same is the field that says which records are about the same thing; further ones are duplicates. Empty counts none.
	Same string
	// Idempotent answers a request whose Idempotency-Key is known as if it were the first, and writes nothing down.
	Idempotent bool
	// Notify is where each new record is posted to, in order, once, whatever the answer. Empty is nowhere.
	Notify string
	// Seed fixes what is drawn.
	Seed uint64
}

// Record is one that was written down.
type Record struct {
	Number     int            `json:"number"`
	Collection string         `json:"collection"`
	Time       time.Time      `json:"time"`
	Data       map[string]any `json:"data"`
}

// Counts are what came of all requests.
type Counts struct {
	Records    int `json:"records"`
	Distinct   int `json:"distinct"`   // of the records, by the field Same; all of them without one
	Duplicates int `json:"duplicates"` // the others
	Replayed   int `json:"replayed"`   // answered again, by their Idempotency-Key
	Refused    int `json:"refused"`    // 422
	Failed     int `json:"failed"`     // 503
	Lost       int `json:"lost"`       // answers that nobody got
	// DuplicatesShare is duplicates as a part of records, in percent.
	DuplicatesShare float64 `json:"duplicates_percent"`
}

// Ledger is one such service.
type Ledger struct {
	options  Options
	registry *prometheus.Registry
	notices  chan Record

	mu        sync.Mutex
	behaviour Behaviour
	draw      *rand.Rand
	records   []Record
	counts    Counts
	same      memory[string, struct{}]
	answered  memory[string, int]
}

// New returns a Ledger with nothing in it.
func New(o Options) *Ledger {
	l := &Ledger{options: o, behaviour: o.Behaviour, draw: rand.New(rand.NewPCG(o.Seed, 1)), registry: prometheus.NewRegistry(), notices: make(chan Record, 1000)}
	count := func(name, help string, value func(Counts) int) {
		l.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(l.Counts())) }))
	}
	count("ledger_records", "Records written down.", func(c Counts) int { return c.Records })
	count("ledger_distinct", "Records of which none was about the same thing before.", func(c Counts) int { return c.Distinct })
	count("ledger_duplicates", "Records about something that was written down before.", func(c Counts) int { return c.Duplicates })
	count("ledger_replayed", "Requests answered again, by their idempotency key.", func(c Counts) int { return c.Replayed })
	count("ledger_refused", "Requests that lacked a field.", func(c Counts) int { return c.Refused })
	count("ledger_failed", "Requests that failed.", func(c Counts) int { return c.Failed })
	count("ledger_lost", "Answers that nobody got.", func(c Counts) int { return c.Lost })
	return l
}

// Counts tells what came of all requests.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	if c.Records > 0 {
		c.DuplicatesShare = 100 * float64(c.Duplicates) / float64(c.Records)
	}
	return c
}

// Behave makes it behave otherwise from now on.
func (l *Ledger) Behave(b Behaviour) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behaviour = b
}

// Forget makes it as it was in the beginning, but for its behaviour.
func (l *Ledger) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records, l.counts, l.same, l.answered = nil, Counts{}, memory[string, struct{}]{}, memory[string, int]{}
}

// fate draws what becomes of a request.
func (l *Ledger) fate() (latency time.Duration, fails, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fails, lost = l.draw.Float64() < l.behaviour.Errors, l.draw.Float64() < l.behaviour.Lose
	if fails {
		l.counts.Failed++
	}
	return l.behaviour.Latency, fails, lost && !fails
}

// write writes a record down, or finds that it is known by its key; fresh says which.
func (l *Ledger) write(collection, key string, data map[string]any) (number int, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key = collection + "\x00" + key
	if number, known := l.answered.get(key); known {
		l.counts.Replayed++
		return number, false
	}
	l.counts.Records++
	r := Record{l.counts.Records, collection, time.Now(), data}
	l.records = append(l.records, r)
	if len(l.records) > remembered {
		l.records = slices.Delete(l.records, 0, len(l.records)-remembered)
	}
	if key != collection+"\x00" {
		l.answered.put(key, r.Number)
	}
	value, there := data[l.options.Same]
	about := collection + "\x00" + fmt.Sprint(value)
	if _, known := l.same.get(about); there && known {
		l.counts.Duplicates++
	} else {
		l.counts.Distinct++
		if there {
			l.same.put(about, struct{}{})
		}
	}
	if l.options.Notify != "" {
		select {
		case l.notices <- r:
		default: // whoever is told is too slow, and misses one
		}
	}
	return r.Number, true
}

// find gives the last records of a collection whose fields have these values.
func (l *Ledger) find(collection string, fields map[string]string, limit int) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Record{}
	for _, r := range slices.Backward(l.records) {
		fits := r.Collection == collection
		for name, value := range fields {
			fits = fits && fmt.Sprint(r.Data[name]) == value
		}
		if fits {
			if found = append(found, r); len(found) == limit {
				break
			}
		}
	}
	slices.Reverse(found)
	return found
}

// Handler is the ledger's API.
func (l *Ledger) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(l.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, l.Counts()) })
	mux.HandleFunc("POST /behave", l.serveBehave)
	mux.HandleFunc("POST /forget", func(w http.ResponseWriter, _ *http.Request) { l.Forget(); say(w, http.StatusOK, l.Counts()) })
	mux.HandleFunc("POST /{collection}", l.servePost)
	mux.HandleFunc("GET /{collection}", l.serveGet)
	return mux
}

func say(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(value)
}

type problem struct {
	Error   string   `json:"error"`
	Missing []string `json:"missing,omitempty"`
}

func (l *Ledger) servePost(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		say(w, http.StatusRequestEntityTooLarge, problem{Error: err.Error()})
		return
	}
	var data map[string]any
	if err := json.Unmarshal(text, &data); err != nil || data == nil {
		say(w, http.StatusBadRequest, problem{Error: "the body is not a JSON object"})
		return
	}
	latency, fails, lost := l.fate()
	time.Sleep(latency) // whether anybody waits any longer or not: what was asked for is done
	if fails {
		say(w, http.StatusServiceUnavailable, problem{Error: "not now"})
		return
	}
	var missing []string
	for _, name := range l.options.Require {
		if data[name] == nil {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		l.mu.Lock()
		l.counts.Refused++
		l.mu.Unlock()
		say(w, http.StatusUnprocessableEntity, problem{Error: "fields are missing", Missing: missing})
		return
	}
	key := ""
	if l.options.Idempotent {
		key = r.Header.Get("Idempotency-Key")
	}
	number, fresh := l.write(r.PathValue("collection"), key, data)
	if lost {
		l.mu.Lock()
		l.counts.Lost++
		l.mu.Unlock()
		panic(http.ErrAbortHandler) // closes the connection
	}
	code := http.StatusCreated
	if !fresh {
		w.Header().Set("Idempotent-Replayed", "true")
		code = http.StatusOK
	}
	say(w, code, map[string]int{"number": number})
}

func (l *Ledger) serveGet(w http.ResponseWriter, r *http.Request) {
	fields, limit := map[string]string{}, 20
	for name, values := range r.URL.Query() {
		if name != "limit" {
			fields[name] = values[0]
			continue
		}
		n, err := strconv.Atoi(values[0])
		if err != nil || n < 1 {
			say(w, http.StatusBadRequest, problem{Error: "limit: a number from 1"})
			return
		}
		limit = n
	}
	say(w, http.StatusOK, l.find(r.PathValue("collection"), fields, limit))
}

// serveBehave changes what its parameters name, and leaves the rest.
func (l *Ledger) serveBehave(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	b := l.behaviour
	l.mu.Unlock()
	for name, values := range r.URL.Query() {
		var err error
		switch name {
		case "latency":
			b.Latency, err = time.ParseDuration(values[0])
			if err == nil && (b.Latency < 0 || b.Latency > time.Minute) {
				err = errors.New("from 0s to 1m")
			}
		case "errors":
			b.Errors, err = share(values[0])
		case "lose":
			b.Lose, err = share(values[0])
		default:
			err = errors.New("there are latency, errors and lose")
		}
		if err != nil {
			say(w, http.StatusBadRequest, problem{Error: fmt.Sprintf("%s: %v", name, err)})
			return
		}
	}
	l.Behave(b)
	say(w, http.StatusOK, map[string]any{"latency": b.Latency.String(), "errors": b.Errors, "lose": b.Lose})
}

func share(text string) (float64, error) {
	part, err := strconv.ParseFloat(text, 64)
	if err == nil && !(part >= 0 && part <= 1) {
		err = errors.New("from 0 to 1")
	}
	return part, err
}
