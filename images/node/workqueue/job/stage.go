package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// Doer does a job.
type Doer interface {
	Do(ctx context.Context, j Job) (string, error)
}

// Stage answers for a Doer: POST /work with a Job gets 200 and the result, 500 where the work failed, 422 where it would fail again.
type Stage struct {
	do       Doer
	registry *prometheus.Registry
	jobs     *prometheus.CounterVec
	seconds  prometheus.Counter
	busy     prometheus.Gauge
	turns    chan struct{}

	mu   sync.Mutex
	seen map[string]bool // items whose part was done
	done int             // how often a part was
	redo prometheus.Counter
}

// NewStage returns a Stage that does so many jobs at a time; others wait.
func NewStage(do Doer, slots int) *Stage {
	s := &Stage{do: do, registry: prometheus.NewRegistry(), turns: make(chan struct{}, max(slots, 1)), seen: map[string]bool{},
		jobs:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stage_jobs_total", Help: "Jobs that were asked for, by how they ended."}, []string{"outcome"}),
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "stage_seconds_total", Help: "Time spent on jobs."}),
		busy:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "stage_busy", Help: "Jobs that are worked on."}),
		redo:    prometheus.NewCounter(prometheus.CounterOpts{Name: "stage_redone_total", Help: "Jobs of items that this stage had done already."})}
	s.registry.MustRegister(s.jobs, s.seconds, s.busy, s.redo, prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "stage_jobs_per_item", Help: "How often a part was done for each item whose part was done."}, s.perItem))
	return s
}

// did says that an item's part was done, and counts it where that is not the first time.
func (s *Stage) did(item string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[item] {
		s.redo.Inc()
	}
	s.seen[item] = true
	s.done++
}

func (s *Stage) perItem() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(s.done) / float64(max(len(s.seen), 1))
}

// Handler is the stage's API.
func (s *Stage) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", api.Healthy)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("POST /work", s.serveWork)
	return mux
}

func (s *Stage) serveWork(w http.ResponseWriter, r *http.Request) {
	var j Job
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16*api.MostData)).Decode(&j); err != nil || j.Item == "" {
		api.Refuse(w, http.StatusBadRequest, errors.New("the body is a job: a JSON object with item, data, attempt and results"))
		return
	}
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-r.Context().Done():
		return
	}
	s.busy.Inc()
	defer s.busy.Dec()
	began := time.Now()
	result, err := s.do.Do(r.Context(), j)
	s.seconds.Add(time.Since(began).Seconds())
	switch {
	case err == nil:
		s.jobs.WithLabelValues("done").Inc()
		s.did(j.Item)
		_, _ = fmt.Fprint(w, result)
	case Final(err):
		s.jobs.WithLabelValues("final").Inc()
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	default:
		s.jobs.WithLabelValues("failed").Inc()
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
