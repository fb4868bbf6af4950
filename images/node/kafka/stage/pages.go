package stage

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/kafka"
)

// Handler tells what it has done.
func (s *Stage) Handler() http.Handler {
	mux := kafka.Pages(s.collect)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { kafka.Say(w, s.Figures()) })
	return mux
}

var (
	in      = prometheus.NewDesc("stage_in_total", "Records that were read.", nil, nil)
	out     = prometheus.NewDesc("stage_out_total", "Records that were sent on.", nil, nil)
	dropped = prometheus.NewDesc("stage_dropped_total", "Records that were sent nowhere.", nil, nil)
	undone  = prometheus.NewDesc("stage_undone_total", "Batches that are begun again.", nil, nil)
)

// collect gives the figures to Prometheus.
func (s *Stage) collect(to chan<- prometheus.Metric) {
	f := s.Figures()
	for d, value := range map[*prometheus.Desc]int64{in: f.In, out: f.Out, dropped: f.Dropped, undone: f.Undone} {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value))
	}
}
