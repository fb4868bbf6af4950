package functions

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/functions/pool"
)

// metrics is what a host counts.
type metrics struct {
	registry   *prometheus.Registry
	calls      *prometheus.CounterVec
	cold       *prometheus.CounterVec
	starts     *prometheus.CounterVec
	starting   *prometheus.HistogramVec
	working    *prometheus.HistogramVec
	work       *prometheus.CounterVec
	events     *prometheus.CounterVec
	deliveries *prometheus.CounterVec

	mu   sync.Mutex
	last map[string][]time.Duration // of the last starts
}

// lastStarts are so many as the median of cold starts is of.
const lastStarts = 25

func newMetrics(h *Host) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}, []string{"function"})
	}
	m := &metrics{registry: prometheus.NewRegistry(), last: map[string][]time.Duration{},
		calls:      counter("function_calls_total", "Requests and attempts at events, by how they ended.", "function", "outcome"),
		cold:       counter("function_cold_calls_total", "Those for which a process had to be started.", "function"),
		starts:     counter("function_starts_total", "Processes started.", "function", "outcome"),
		starting:   histogram("function_start_seconds", "How long a process took until it was ready."),
		working:    histogram("function_work_duration_seconds", "How long a process worked on a request."),
		work:       counter("function_work_seconds_total", "The same, added up: its rate is how many processes are busy.", "function"),
		events:     counter("event_taken_total", "Events taken on.", "type"),
		deliveries: counter("event_deliveries_total", "Attempts at deliveries, by what became of them.", "function", "outcome"),
	}
	m.registry.MustRegister(m.calls, m.cold, m.starts, m.starting, m.working, m.work, m.events, m.deliveries, (*collector)(h))
	return m
}

func (m *metrics) started(function string, took time.Duration, err error) {
	if err != nil {
		m.starts.WithLabelValues(function, "failed").Inc()
		return
	}
	m.starts.WithLabelValues(function, "ok").Inc()
	m.starting.WithLabelValues(function).Observe(took.Seconds())
	m.mu.Lock()
	defer m.mu.Unlock()
	last := append(m.last[function], took)
	m.last[function] = last[max(0, len(last)-lastStarts):]
}

// coldStart is the median of the last starts, and false where there was none.
func (m *metrics) coldStart(function string) (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := slices.Sorted(slices.Values(m.last[function]))
	if len(last) == 0 {
		return 0, false
	}
	return last[len(last)/2], true
}

// outcome is how a request ended, in a word.
func outcome(s said, err error) string {
	var start *pool.StartError
	switch {
	case errors.Is(err, pool.ErrBusy):
		return "busy"
	case errors.Is(err, pool.ErrLate):
		return "late"
	case errors.As(err, &start):
		return "not_started"
	case err != nil, s.Error != "", s.Status >= 500:
		return "failed"
	case s.Status >= 400:
		return "refused"
	}
	return "ok"
}

func (m *metrics) called(function string, trip pool.Trip, s said, err error) {
	m.calls.WithLabelValues(function, outcome(s, err)).Inc()
	if trip.Cold {
		m.cold.WithLabelValues(function).Inc()
	}
	if trip.Worked > 0 {
		m.working.WithLabelValues(function).Observe(trip.Worked.Seconds())
		m.work.WithLabelValues(function).Add(trip.Worked.Seconds())
	}
}

// collector tells how things are at the instant.
type collector Host

var (
	processes = prometheus.NewDesc("function_processes", "Processes that run.", []string{"function"}, nil)
	busy      = prometheus.NewDesc("function_busy", "Processes that work on a request.", []string{"function"}, nil)
	waiting   = prometheus.NewDesc("function_waiting", "Requests that wait for a process.", []string{"function"}, nil)
	coldStart = prometheus.NewDesc("function_cold_start_seconds", "The median of the last starts.", []string{"function"}, nil)
	pending   = prometheus.NewDesc("event_pending", "Deliveries that are not done, those under way included.", []string{"function"}, nil)
	dead      = prometheus.NewDesc("event_dead", "Deliveries that were set aside.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{processes, busy, waiting, coldStart, pending, dead} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	h := (*Host)(c)
	for _, s := range h.states() {
		tell := func(d *prometheus.Desc, value float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, s.Name)
		}
		tell(processes, float64(s.Processes))
		tell(busy, float64(s.Busy))
		tell(waiting, float64(s.Waiting))
		if took, known := h.metrics.coldStart(s.Name); known {
			tell(coldStart, took.Seconds())
		}
		if h.queue != nil {
			tell(pending, float64(s.Pending))
		}
	}
	if h.queue != nil {
		to <- prometheus.MustNewConstMetric(dead, prometheus.GaugeValue, float64(h.queue.Counts().Dead))
	}
}

// State is how a function is at an instant.
type State struct {
	Name      string `json:"name"`
	Processes int    `json:"processes"`
	Starting  int    `json:"starting"`
	Busy      int    `json:"busy"`
	Idle      int    `json:"idle"`
	Waiting   int    `json:"waiting"`
	Pending   int    `json:"pending"` // deliveries that are not done
	// ColdStart is the median of the last starts, in milliseconds; 0 where there was none.
	ColdStart float64 `json:"cold_start_ms"`
}

func (h *Host) states() []State {
	var undone map[string]int
	if h.queue != nil {
		undone = h.queue.Counts().Pending
	}
	all := make([]State, 0, len(h.functions))
	for name, f := range h.functions {
		c := f.pool.Counts()
		took, _ := h.metrics.coldStart(name)
		all = append(all, State{name, c.Workers, c.Starting, c.Busy, c.Idle, c.Waiting, undone[name], float64(took.Microseconds()) / 1000})
	}
	slices.SortFunc(all, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
