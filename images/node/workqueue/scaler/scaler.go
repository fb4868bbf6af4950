// Package scaler gives the workers of a queue as many slots as its arrivals and their processing time ask for.
//
//	config, err := scaler.ParseConfig(text)
//	err = scaler.New(config, log).Serve(ctx, listener)
package scaler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// Scaler scales.
type Scaler struct {
	config   Config
	log      *slog.Logger
	client   *http.Client
	registry *prometheus.Registry
	changes  prometheus.Counter

	mu    sync.Mutex
	state State
}

// State is how a scaler sees things.
type State struct {
	Slots int `json:"slots"`
	// Need is how many the rule asks for at this instant.
	Need int `json:"need"`
	// Turns is how often it has changed its mind.
	Turns int    `json:"turns"`
	Seen  Seen   `json:"seen"`
	Error string `json:"error,omitempty"`
}

// New returns a Scaler.
func New(c Config, log *slog.Logger) *Scaler {
	s := &Scaler{config: c, log: log, client: &http.Client{Timeout: 3 * time.Second}, registry: prometheus.NewRegistry(),
		changes: prometheus.NewCounter(prometheus.CounterOpts{Name: "scaler_changes_total", Help: "Times that the number of slots was changed."})}
	gauge := func(name, help string, value func(State) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(s.State())) })
	}
	s.registry.MustRegister(s.changes, gauge("scaler_slots", "Slots that there should be.", func(s State) int { return s.Slots }),
		gauge("scaler_need", "Slots that the rule asks for at this instant.", func(s State) int { return s.Need }),
		gauge("scaler_turns", "Times that there were fewer after more, or more after fewer.", func(s State) int { return s.Turns }))
	return s
}

// State tells how the scaler sees things.
func (s *Scaler) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Handler is the scaler's API.
func (s *Scaler) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", api.Healthy)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { api.Say(w, http.StatusOK, s.State()) })
	return mux
}

// Serve scales, and answers on listener, until ctx ends.
func (s *Scaler) Serve(ctx context.Context, listener net.Listener) error {
	return api.Serve(ctx, listener, s.Handler(), s.run)
}

func (s *Scaler) run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	d := NewDecider(s.config, s.config.Least, time.Now())
	tick := time.NewTicker(s.config.Every)
	defer tick.Stop()
	for {
		s.look(ctx, d)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look asks the queue, decides, and tells the workers.
func (s *Scaler) look(ctx context.Context, d *Decider) {
	var seen Seen
	text, err := s.ask(ctx, http.MethodGet, s.config.Queue+"/stats")
	if err == nil {
		err = json.Unmarshal(text, &seen)
	}
	if err != nil {
		s.failed(ctx, err)
		return
	}
	slots := d.Decide(time.Now(), seen)
	s.mu.Lock()
	before := s.state.Slots
	s.state = State{Slots: slots, Need: d.Need(seen), Turns: d.Turns(), Seen: seen}
	s.mu.Unlock()
	if before != slots && before != 0 {
		s.changes.Inc()
		s.log.Info("slots", "before", before, "now", slots, "waiting", seen.Waiting, "arrivals_per_second", seen.ArrivalRate, "processing_seconds", seen.Processing)
	}
	// They are told again each time, since one that was started anew knows nothing.
	for i, w := range s.config.Workers {
		n := (slots + i) / len(s.config.Workers)
		if _, err := s.ask(ctx, http.MethodPut, fmt.Sprintf("%s/slots?n=%d", w, n)); err != nil {
			s.failed(ctx, err)
			return
		}
	}
}

func (s *Scaler) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.log.Warn("not scaled", "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Error = err.Error()
}

func (s *Scaler) ask(ctx context.Context, method, address string) ([]byte, error) {
	return api.Ask(ctx, s.client, method, address, 1<<20)
}
