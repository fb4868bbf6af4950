package contender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler tells what the contender has done.
func (c *Contender) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister((*collector)(c))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.Figures())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// Serve contends, and answers on listener, until ctx ends.
func (c *Contender) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(listener)
	cancel()
	if running := <-ended; running != nil {
		return running
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// collector gives the figures to Prometheus.
type collector Contender

var (
	holds    = prometheus.NewDesc("contender_holds", "1 while it believes that it owns the lock.", nil, nil)
	token    = prometheus.NewDesc("contender_token", "The token of the lock that it owns, or owned last.", nil, nil)
	lost     = prometheus.NewDesc("contender_lost", "Locks that it lost without giving them back.", nil, nil)
	uses     = prometheus.NewDesc("contender_uses_total", "Uses of the resource.", nil, nil)
	refused  = prometheus.NewDesc("contender_refused", "Uses that the resource refused.", nil, nil)
	renewals = prometheus.NewDesc("contender_renewals_total", "Renewals of the lease that were answered.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{holds, token, lost, uses, refused, renewals} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	f := (*Contender)(c).Figures()
	for d, value := range map[*prometheus.Desc]float64{holds: truth(f.Holds), token: float64(f.Token), lost: float64(f.Lost), refused: float64(f.Refused)} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	to <- prometheus.MustNewConstMetric(uses, prometheus.CounterValue, float64(f.Uses))
	to <- prometheus.MustNewConstMetric(renewals, prometheus.CounterValue, float64(f.Renewals))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
