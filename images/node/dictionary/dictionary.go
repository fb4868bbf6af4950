// Package dictionary is the book's replicated service: it looks words up. Its words are the numbers from 0 to 999,999, so that the
// dictionary is large and every entry can be checked.
//
//	server := dictionary.New(dictionary.Options{Name: "dictionary-1", Latency: 20 * time.Millisecond, Workers: 4})
//	err := server.Serve(ctx, listener)
//
// All replicas answer alike, except that each remembers sessions of its own where it is told to. README.md is its API.
package dictionary

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say how a replica behaves. The zero value answers at once.
type Options struct {
	// Name is in each answer, and in its header X-Served-By.
	Name string
	// Load is how long it takes to load the dictionary. Until then the replica listens, but answers 503.
	Load time.Duration
	// Latency is how long a lookup takes. Workers is how many are done at a time, the others wait; 0 is no bound. Together they are
	// the replica's capacity: Workers/Latency lookups a second.
	Latency time.Duration
	Workers int
	// Drain is how long the replica goes on answering, not ready, after it was asked to end.
	Drain time.Duration
	// MaxAge is how long caches may keep an answer; below 0 they must not keep it, and at 0 nothing is said of it.
	MaxAge time.Duration
	// SessionCookie names the cookie that says whose lookup it is; "" keeps no sessions. SessionIdle is how long a session lives
	// without a lookup, at most 10 minutes where it is 0.
	SessionCookie string
	SessionIdle   time.Duration
	Log           *slog.Logger // nil discards
}

const (
	mostSessions = 100_000
	defaultIdle  = 10 * time.Minute
	// drainMost bounds how long answers under way may take at the end.
	drainMost = 10 * time.Second
)

// Server is one replica.
type Server struct {
	options  Options
	ready    atomic.Bool
	ending   atomic.Bool
	workers  chan struct{}
	sessions *sessions // nil where none are kept

	registry *prometheus.Registry
	lookups  *prometheus.CounterVec
	seconds  prometheus.Histogram
	busy     prometheus.Gauge
}

// New returns a replica. It is not ready before Serve.
func New(options Options) *Server {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.SessionIdle <= 0 {
		options.SessionIdle = defaultIdle
	}
	s := &Server{options: options, registry: prometheus.NewRegistry(),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dictionary_lookups_total", Help: "Lookups, by status."}, []string{"code"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "dictionary_lookup_seconds", Help: "How long lookups took, with the wait for a worker.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		busy: prometheus.NewGauge(prometheus.GaugeOpts{Name: "dictionary_lookups_in_flight", Help: "Lookups under way."}),
	}
	s.registry.MustRegister(s.lookups, s.seconds, s.busy)
	if options.Workers > 0 {
		s.workers = make(chan struct{}, options.Workers)
	}
	if options.SessionCookie != "" {
		s.sessions = newSessions(mostSessions, options.SessionIdle)
		s.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "dictionary_sessions", Help: "Sessions in memory."}, s.sessions.size),
			prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "dictionary_sessions_started_total", Help: "Sessions that this replica had not known."}, s.sessions.begun))
	}
	return s
}

// Serve answers on listener until ctx ends: then it says that it is not ready for the time of Drain, answers what is under way, and
// returns nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, s.Handler(), serving.Options{Drain: s.options.Drain + drainMost, Ending: s.end}, s.load)
}

func (s *Server) load(ctx context.Context) {
	if pause(ctx, s.options.Load) != nil {
		return
	}
	s.ready.Store(true)
	s.options.Log.Info("the dictionary is loaded", "name", s.options.Name, "entries", Most+1)
}

func (s *Server) end(ctx context.Context) {
	s.ending.Store(true)
	_ = pause(ctx, s.options.Drain)
}

// pause waits for d, or for the end of ctx, which is the error.
func pause(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Handler is the replica's API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.readiness)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("DELETE /sessions", s.forget)
	mux.HandleFunc("GET /{word...}", s.answer)
	return mux
}

func (s *Server) readiness(w http.ResponseWriter, _ *http.Request) {
	switch {
	case s.ending.Load():
		http.Error(w, "ending", http.StatusServiceUnavailable)
	case !s.ready.Load():
		http.Error(w, "loading", http.StatusServiceUnavailable)
	default:
		_, _ = fmt.Fprintln(w, "ready")
	}
}

func (s *Server) forget(w http.ResponseWriter, _ *http.Request) {
	if s.sessions == nil {
		http.Error(w, "this replica keeps no sessions", http.StatusNotFound)
		return
	}
	_, _ = fmt.Fprintln(w, s.sessions.forget())
}

// Entry is an answer.
type Entry struct {
	Number  int    `json:"number"`
	Name    string `json:"name"`
	Roman   string `json:"roman,omitempty"`
	Factors string `json:"factors"`
	// By is the replica that answered.
	By string `json:"by"`
	// Lookups are those of the session so far, as far as this replica knows.
	Lookups int `json:"lookups,omitempty"`
}

// clientClosed is nginx' word for a client that went away before its answer.
const clientClosed = 499

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s.busy.Inc()
	defer s.busy.Dec()
	w.Header().Set("X-Served-By", s.options.Name)
	code := s.lookUp(w, r)
	s.lookups.WithLabelValues(strconv.Itoa(code)).Inc()
	s.seconds.Observe(time.Since(start).Seconds())
}

// lookUp answers, and says with which status.
func (s *Server) lookUp(w http.ResponseWriter, r *http.Request) int {
	if !s.ready.Load() {
		http.Error(w, "the dictionary is being loaded", http.StatusServiceUnavailable)
		return http.StatusServiceUnavailable
	}
	number, err := strconv.Atoi(strings.Trim(r.PathValue("word"), "/"))
	if err != nil || number < 0 || number > Most {
		http.Error(w, fmt.Sprintf("the dictionary knows the numbers from 0 to %d", Most), http.StatusNotFound)
		return http.StatusNotFound
	}
	if !s.work(r.Context()) {
		return clientClosed
	}
	entry := Entry{Number: number, Name: Name(number), Roman: Roman(number), Factors: Factors(number), By: s.options.Name}
	s.remember(w, r, &entry)
	switch {
	case s.options.MaxAge > 0:
		w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(s.options.MaxAge.Seconds())))
	case s.options.MaxAge < 0:
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(entry)
	return http.StatusOK
}

// work takes a worker for the time of a lookup; false where the client went away.
func (s *Server) work(ctx context.Context) bool {
	if s.workers != nil {
		select {
		case s.workers <- struct{}{}:
			defer func() { <-s.workers }()
		case <-ctx.Done():
			return false
		}
	}
	return pause(ctx, s.options.Latency) == nil
}

// remember counts the lookup in the reader's session.
func (s *Server) remember(w http.ResponseWriter, r *http.Request, entry *Entry) {
	if s.sessions == nil {
		return
	}
	cookie, err := r.Cookie(s.options.SessionCookie)
	if err != nil || cookie.Value == "" {
		return
	}
	lookups, fresh, kept := s.sessions.look(cookie.Value, time.Now())
	entry.Lookups = lookups
	state := "kept"
	switch {
	case !kept:
		state = "full"
	case fresh:
		state = "new"
	}
	w.Header().Set("X-Session", state)
}
