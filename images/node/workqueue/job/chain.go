package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// Chain does jobs by having other containers do a part each, one after another. What fails in one of them fails as a whole.
type Chain struct {
	stages []*url.URL
	client *http.Client
}

// NewChain returns the chain of the stages at these addresses. A stage's name is its host's.
func NewChain(stages ...string) (*Chain, error) {
	c := &Chain{client: &http.Client{}}
	for _, s := range stages {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			return nil, fmt.Errorf("stage: not a URL: %q", s)
		}
		c.stages = append(c.stages, u.JoinPath("work"))
	}
	if len(c.stages) == 0 {
		return nil, errors.New("a chain has at least one stage")
	}
	return c, nil
}

// Do has all stages do their part. The result is a JSON object with that of each stage.
func (c *Chain) Do(ctx context.Context, j Job) (string, error) {
	j.Results = map[string]string{}
	for _, stage := range c.stages {
		result, err := c.ask(ctx, stage, j)
		if err != nil {
			return "", Failure{Reason: fmt.Sprintf("stage %s: %v", stage.Hostname(), err), Final: Final(err)}
		}
		j.Results[stage.Hostname()] = result
	}
	text, err := json.Marshal(j.Results)
	return string(text), err
}

func (c *Chain) ask(ctx context.Context, stage *url.URL, j Job) (string, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, stage.String(), bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(answer.Body, api.MostData))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", Failure{Reason: fmt.Sprintf("%s: %s", answer.Status, bytes.TrimSpace(said)), Final: answer.StatusCode == http.StatusUnprocessableEntity}
	}
	return string(said), nil
}

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
	seen map[string]bool
	redo prometheus.Counter
}

// NewStage returns a Stage that does so many jobs at a time; others wait.
func NewStage(do Doer, slots int) *Stage {
	s := &Stage{do: do, registry: prometheus.NewRegistry(), turns: make(chan struct{}, max(slots, 1)), seen: map[string]bool{},
		jobs:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stage_jobs_total", Help: "Jobs that were asked for, by how they ended."}, []string{"outcome"}),
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "stage_seconds_total", Help: "Time spent on jobs."}),
		busy:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "stage_busy", Help: "Jobs that are worked on."}),
		redo:    prometheus.NewCounter(prometheus.CounterOpts{Name: "stage_redone_total", Help: "Jobs of items that this stage had done already."})}
	s.registry.MustRegister(s.jobs, s.seconds, s.busy, s.redo)
	return s
}

// done says that an item's part was done, and counts it where that is not the first time.
func (s *Stage) done(item string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[item] {
		s.redo.Inc()
	}
	s.seen[item] = true
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
		s.done(j.Item)
		_, _ = fmt.Fprint(w, result)
	case Final(err):
		s.jobs.WithLabelValues("final").Inc()
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	default:
		s.jobs.WithLabelValues("failed").Inc()
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
