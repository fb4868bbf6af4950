package dispatch

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/workqueue/flow"
	"github.com/ddsctl/ddsctl/images/node/workqueue/queue"
)

// metrics is what a manager counts since it began; what is in the journal is told by the collector.
type metrics struct {
	registry                                         *prometheus.Registry
	arrivals, attempts, failed, replayed, busy, idle prometheus.Counter
	polls                                            *prometheus.CounterVec
	processing, waited                               prometheus.Histogram

	answers        atomic.Int64 // of the source
	expired, stale atomic.Int64 // leases that ran out, and answers that came too late
}

// polled is how often the source has answered.
func (s *metrics) polled() int64 { return s.answers.Load() }

func newMetrics(m *Manager) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.01, 2, 14)})
	}
	s := &metrics{registry: prometheus.NewRegistry(),
		arrivals:   counter("workqueue_arrivals_total", "Items taken on."),
		attempts:   counter("workqueue_attempts_total", "Items handed to workers."),
		failed:     counter("workqueue_failed_attempts_total", "Attempts that failed, leases that ran out included."),
		replayed:   counter("workqueue_replayed_total", "Results that were told again, and not counted again."),
		busy:       counter("workqueue_processing_seconds_total", "Time that workers had items: its rate is how many are busy."),
		idle:       counter("workqueue_empty_answers_total", "Times that a worker asked, waited, and got nothing."),
		processing: histogram("workqueue_processing_duration_seconds", "How long attempts took."),
		waited:     histogram("workqueue_wait_duration_seconds", "How long items that were due waited for a worker."),
		polls:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "workqueue_polls_total", Help: "Times that the source was asked."}, []string{"outcome"}),
	}
	told := func(name, help string, value *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value.Load()) })
	}
	s.registry.MustRegister(told("workqueue_expired_total", "Leases that ran out.", &s.expired), told("workqueue_stale_total", "Answers of workers whose lease was over, which were refused.", &s.stale),
		s.arrivals, s.attempts, s.failed, s.replayed, s.busy, s.idle, s.processing, s.waited, s.polls, collector{m})
	return s
}

// Stats are how things are.
type Stats struct {
	queue.Counts
	// Backlog is what waits and what is in flight.
	Backlog int `json:"backlog"`
	// Unaccounted is 0, or the manager is wrong.
	Unaccounted int `json:"unaccounted"`
	// Expired are the leases that ran out since the manager began, and Stale the answers that came after that, and were refused.
	Expired int64 `json:"expired"`
	Stale   int64 `json:"stale"`
	Workers int   `json:"workers"`
	// SlotsNow is how many items can be worked on at a time at this instant.
	SlotsNow int `json:"slots_now"`
	flow.Stats
}

// Stats tells how things are.
func (m *Manager) Stats() Stats {
	c := m.queue.Counts()
	slots, workers := m.capacity()
	return Stats{Counts: c, Backlog: c.Waiting + c.InFlight, Unaccounted: c.Unaccounted(), Expired: m.metrics.expired.Load(), Stale: m.metrics.stale.Load(), Workers: workers, SlotsNow: slots, Stats: m.flow.Stats(time.Now())}
}

// collector tells them to Prometheus.
type collector struct{ manager *Manager }

// gauge is one of the figures that the collector tells.
type gauge struct {
	what  *prometheus.Desc
	value func(Stats) float64
}

func count(name, help string, value func(Stats) int) gauge {
	return gauge{prometheus.NewDesc(name, help, nil, nil), func(s Stats) float64 { return float64(value(s)) }}
}

func number(name, help string, value func(Stats) float64) gauge {
	return gauge{prometheus.NewDesc(name, help, nil, nil), value}
}

var gauges = []gauge{
	count("workqueue_items", "Items taken on, in the whole life of the journal.", func(s Stats) int { return s.Items }),
	count("workqueue_waiting", "Items that wait for a worker, or for another attempt.", func(s Stats) int { return s.Waiting }),
	count("workqueue_in_flight", "Items that workers have.", func(s Stats) int { return s.InFlight }),
	count("workqueue_backlog", "Items that wait, and those that workers have.", func(s Stats) int { return s.Backlog }),
	count("workqueue_done", "Items that are done.", func(s Stats) int { return s.Done }),
	count("workqueue_dead", "Items that were set aside.", func(s Stats) int { return s.Dead }),
	count("workqueue_redone", "Items that are done and took more than one attempt.", func(s Stats) int { return s.Redone }),
	count("workqueue_unaccounted", "Items that are in none of these states, or in two.", func(s Stats) int { return s.Unaccounted }),
	count("workqueue_workers", "Workers that were heard of lately.", func(s Stats) int { return s.Workers }),
	count("workqueue_slots", "Items that they can work on at a time.", func(s Stats) int { return s.SlotsNow }),
	number("workqueue_arrival_rate", "Arrivals per second, over the window.", func(s Stats) float64 { return s.ArrivalRate }),
	number("workqueue_interarrival_seconds", "Mean time between two arrivals, over the window.", func(s Stats) float64 { return s.Interarrival }),
	number("workqueue_processing_seconds", "Mean time of an attempt, over the window.", func(s Stats) float64 { return s.Processing }),
	number("workqueue_time_in_system_seconds", "Mean time from an item's arrival to its end, over the window.", func(s Stats) float64 { return s.TimeInSystem }),
	number("workqueue_in_system", "Mean number of items that wait or are worked on, over the window.", func(s Stats) float64 { return s.InSystem }),
	number("workqueue_in_system_by_little", "The same by Little's law: arrivals per second times the time in the system.", func(s Stats) float64 { return s.ByLittle }),
	number("workqueue_little_ratio", "The one by the other: 1 in a system at rest.", func(s Stats) float64 { return s.LittleRatio }),
	number("workqueue_failed_share", "Part of the attempts that failed, over the window.", func(s Stats) float64 { return s.FailedShare }),
	number("workqueue_utilisation", "Part of the workers' time in which they had something to do, over the window.", func(s Stats) float64 { return s.Utilisation }),
}

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, g := range gauges {
		to <- g.what
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	s := c.manager.Stats()
	for _, g := range gauges {
		to <- prometheus.MustNewConstMetric(g.what, prometheus.GaugeValue, g.value(s))
	}
}
