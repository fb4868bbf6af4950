// Package web is a small HTTP service for labs: it takes its time, fails, is slow to start, reads a configuration file, burns a processor,
// all as it is told, so that what surrounds it (a balancer, a sidecar, an adapter) has something to do.
//
//	server := web.New(web.Options{Name: "web-1", Version: "v1", Latency: 5 * time.Millisecond})
//	err := server.Serve(ctx, listener)
//
// README.md is its API.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say how the service behaves. The zero value answers at once, and always well.
type Options struct {
	// Name and Version are in each answer's headers, X-Served-By and X-Version.
	Name, Version string
	// StartDelay is how long after its start the service is not ready: it answers 503.
	StartDelay time.Duration
	// Latency is how long an answer takes, drawn from an exponential distribution with that mean where Exponential, else exactly.
	Latency     time.Duration
	Exponential bool
	// Workers is how many requests are worked on at a time; the others wait. 0 is no bound.
	Workers int
	// Errors is the share of answers that are 500, from 0 to 1.
	Errors float64
	// Drain is how long the service goes on answering, not ready, after it was asked to end.
	Drain time.Duration
	// ConfigFile is answered at /config. It is read at the start and at each Reload.
	ConfigFile string
	// Seed fixes what is drawn.
	Seed uint64
	Log  *slog.Logger // nil discards
}

// Server is one service.
type Server struct {
	options Options
	ready   atomic.Bool
	ending  atomic.Bool
	workers chan struct{}
	config  atomic.Pointer[config]

	mu   sync.Mutex
	draw *rand.Rand

	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	busy     prometheus.Gauge
}

type config struct {
	text  string
	loads int
	err   error
}

// New returns a Server. It is not ready before Serve.
func New(options Options) *Server {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: options, draw: rand.New(rand.NewPCG(options.Seed, 1)), registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Answers, by code."}, []string{"code"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "How long answers took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		busy: prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests under way."}),
	}
	s.registry.MustRegister(s.requests, s.seconds, s.busy)
	if options.Workers > 0 {
		s.workers = make(chan struct{}, options.Workers)
	}
	s.config.Store(&config{})
	s.Reload()
	return s
}

// Reload reads the configuration file anew. One that cannot be read leaves the one before in force.
func (s *Server) Reload() {
	if s.options.ConfigFile == "" {
		return
	}
	before := s.config.Load()
	text, err := os.ReadFile(s.options.ConfigFile)
	if err != nil {
		s.options.Log.Error("the configuration cannot be read; the one before stays", "error", err)
		s.config.Store(&config{before.text, before.loads, err})
		return
	}
	s.config.Store(&config{string(text), before.loads + 1, nil})
	s.options.Log.Info("configuration loaded", "loads", before.loads+1, "bytes", len(text))
}

// drainMost bounds how long answers under way may take at the end.
const drainMost = 10 * time.Second

// Serve answers on listener until ctx ends: then it says that it is not ready for the time of Drain, answers what is under way, and
// returns nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ending := func(ctx context.Context) {
		s.ending.Store(true)
		_ = pause(ctx, s.options.Drain)
	}
	return serving.HTTP(ctx, listener, s.Handler(), serving.Options{Drain: drainMost + s.options.Drain, Ending: ending}, func(ctx context.Context) {
		if pause(ctx, s.options.StartDelay) == nil {
			s.ready.Store(true)
			s.options.Log.Info("ready", "name", s.options.Name, "version", s.options.Version)
		}
	})
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Handler is the service's API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case s.ending.Load():
			http.Error(w, "ending", http.StatusServiceUnavailable)
		case !s.ready.Load():
			http.Error(w, "starting", http.StatusServiceUnavailable)
		default:
			_, _ = fmt.Fprintln(w, "ready")
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /config", s.showConfig)
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) { s.Reload(); s.showConfig(w, r) })
	mux.HandleFunc("POST /hog", s.hog)
	mux.HandleFunc("/", s.answer)
	return mux
}

func (s *Server) showConfig(w http.ResponseWriter, _ *http.Request) {
	c := s.config.Load()
	w.Header().Set("X-Config-Loads", strconv.Itoa(c.loads))
	if c.err != nil {
		w.Header().Set("X-Config-Error", strings.ReplaceAll(c.err.Error(), "\n", " "))
	}
	s.sign(w)
	_, _ = fmt.Fprint(w, c.text)
}

func (s *Server) sign(w http.ResponseWriter) {
	w.Header().Set("X-Served-By", s.options.Name)
	w.Header().Set("X-Version", s.options.Version)
}

// answer is every other path: it takes its time, and fails as often as it is told to.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s.busy.Inc()
	defer s.busy.Dec()
	s.sign(w)
	code := http.StatusOK
	defer func() {
		s.requests.WithLabelValues(strconv.Itoa(code)).Inc()
		s.seconds.Observe(time.Since(start).Seconds())
	}()
	if !s.ready.Load() {
		code = http.StatusServiceUnavailable
		http.Error(w, "starting", code)
		return
	}
	if s.workers != nil {
		select {
		case s.workers <- struct{}{}:
			defer func() { <-s.workers }()
		case <-r.Context().Done():
			code = 499 // the client went away
			return
		}
	}
	delay, fails := s.fate()
	if text := r.URL.Query().Get("sleep"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > time.Minute {
			code = http.StatusBadRequest
			http.Error(w, "sleep: a duration up to 1m, such as 200ms", code)
			return
		}
		delay += d
	}
	if err := pause(r.Context(), delay); err != nil {
		code = 499
		return
	}
	if fails {
		code = http.StatusInternalServerError
		http.Error(w, "this answer was to fail", code)
		return
	}
	_, _ = fmt.Fprintf(w, "%s %s %s\n", s.options.Name, s.options.Version, r.URL.Path)
}

// fate draws what becomes of a request.
func (s *Server) fate() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delay := s.options.Latency
	if s.options.Exponential {
		delay = time.Duration(float64(delay) * s.draw.ExpFloat64())
	}
	return delay, s.draw.Float64() < s.options.Errors
}

// hog keeps one processor busy for a while, in the background of nothing: the answer comes at the end.
func (s *Server) hog(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || d <= 0 || d > time.Minute {
		http.Error(w, "for: a duration up to 1m, such as 10s", http.StatusBadRequest)
		return
	}
	end := time.Now().Add(d)
	rounds := 0
	for time.Now().Before(end) && r.Context().Err() == nil {
		for range 100_000 {
			rounds++
		}
	}
	s.sign(w)
	_, _ = fmt.Fprintf(w, "%d rounds\n", rounds)
}
