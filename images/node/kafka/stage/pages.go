package stage

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/kafka"
)

// Handler tells what it has done.
func (s *Stage) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister((*collector)(s))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { kafka.Say(w, s.Figures()) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// collector gives the figures to Prometheus.
type collector Stage

var (
	in      = prometheus.NewDesc("stage_in_total", "Records that were read.", nil, nil)
	out     = prometheus.NewDesc("stage_out_total", "Records that were sent on.", nil, nil)
	dropped = prometheus.NewDesc("stage_dropped_total", "Records that were sent nowhere.", nil, nil)
	undone  = prometheus.NewDesc("stage_undone_total", "Batches that are begun again.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{in, out, dropped, undone} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	f := (*Stage)(c).Figures()
	for d, value := range map[*prometheus.Desc]int64{in: f.In, out: f.Out, dropped: f.Dropped, undone: f.Undone} {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value))
	}
}
