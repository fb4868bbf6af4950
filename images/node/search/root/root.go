// Package root is the root of a search tree: it divides a corpus among leaves, asks them, and makes one answer of what they say.
//
//	r, err := root.New(root.Options{Config: root.Config{Leaves: []string{"leaf-1:8080", "leaf-2:8080"}, Distribution: root.Documents}})
//	err = r.Serve(ctx, listener)
//
// images/node/search/README.md is its API.
package root

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say how a root works.
type Options struct {
	Config Config
	// Resolver looks a name up; nil asks as the system does.
	Resolver func(ctx context.Context, host string) ([]string, error)
	// Now is the clock; nil is the system's.
	Now func() time.Time
	Log *slog.Logger // nil discards
}

// Root is the root of a tree.
type Root struct {
	config   Config
	resolver func(ctx context.Context, host string) ([]string, error)
	now      func() time.Time
	log      *slog.Logger
	client   *http.Client

	tree   atomic.Pointer[tree] // nil until leaves are found
	corpus atomic.Int64         // documents in all
	turns  atomic.Uint32
	load   *load
	asks   sync.WaitGroup // requests to leaves under way

	registry *prometheus.Registry
	metrics  metrics
}

type metrics struct {
	answers                                      *prometheus.CounterVec
	seconds                                      prometheus.Histogram
	requests, failures, hedges, denied, received prometheus.Counter
}

// connectMost is how long a connection to a leaf may take to come about, before the next leaf is tried: one whose container is gone does not
// even refuse.
const connectMost = 500 * time.Millisecond

// connectionsKept is how many idle connections to each leaf are kept.
const connectionsKept = 64

// New returns a Root. It has no leaves before Serve.
func New(options Options) (*Root, error) {
	config, err := options.Config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("the root's configuration: %w", err)
	}
	r := &Root{config: config, resolver: options.Resolver, now: options.Now, log: options.Log, registry: prometheus.NewRegistry()}
	if r.resolver == nil {
		r.resolver = net.DefaultResolver.LookupHost
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.load = &load{now: r.now, tokens: math.MaxFloat64}
	r.client = &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: connectMost}).DialContext,
		MaxIdleConnsPerHost: connectionsKept, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		r.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, read func() float64) {
		r.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	r.metrics = metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "search_answers_total", Help: "Answers: complete, partial or none."}, []string{"answer"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "search_seconds", Help: "How long answers took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		requests: counter("search_leaf_requests_total", "Requests to leaves."),
		failures: counter("search_leaf_failures_total", "Requests to leaves that failed."),
		hedges:   counter("search_hedges_total", "Requests made besides, because a leaf took long."),
		denied:   counter("search_hedges_denied_total", "Requests that would have been made besides, and were beyond the budget."),
		received: counter("search_leaf_bytes_total", "Bytes of answers of leaves."),
	}
	r.registry.MustRegister(r.metrics.answers, r.metrics.seconds)
	gauge("search_extra_load", "Requests to leaves made besides, for each that is needed, over the last seconds.", r.load.share)
	gauge("search_leaves", "Leaves of the tree.", func() float64 { n, _ := r.leaves(); return float64(n) })
	gauge("search_leaves_usable", "Leaves that are not suspended.", func() float64 { _, n := r.leaves(); return float64(n) })
	return r, nil
}

func (r *Root) leaves() (all, usable int) {
	t := r.tree.Load()
	if t == nil {
		return 0, 0
	}
	return len(t.branches), len(r.usable(t.branches))
}

// Serve looks after the leaves, and answers on listener, until ctx ends.
func (r *Root) Serve(ctx context.Context, listener net.Listener) error {
	defer r.client.CloseIdleConnections()
	defer r.asks.Wait()
	return serving.HTTP(ctx, listener, r.Handler(), serving.Options{}, (&keeper{root: r}).run)
}
