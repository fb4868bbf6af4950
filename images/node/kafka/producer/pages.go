package producer

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/kafka"
)

// Handler tells how it stands, and lets it be changed.
func (p *Producer) Handler() http.Handler {
	mux := kafka.Pages(p.collect)
	status := func(do func()) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			do()
			kafka.Say(w, p.Status())
		}
	}
	mux.HandleFunc("GET /status", status(func() {}))
	mux.HandleFunc("POST /pause", status(func() { p.Pause(true) }))
	mux.HandleFunc("POST /resume", status(func() { p.Pause(false) }))
	mux.HandleFunc("POST /begin", status(p.Begin))
	mux.HandleFunc("POST /rate", func(w http.ResponseWriter, r *http.Request) {
		rate, err := strconv.ParseFloat(r.URL.Query().Get("per_second"), 64)
		if err == nil {
			err = p.SetRate(rate)
		}
		if err != nil {
			http.Error(w, "per_second: "+err.Error(), http.StatusBadRequest)
			return
		}
		kafka.Say(w, p.Status())
	})
	mux.HandleFunc("GET /acked", func(w http.ResponseWriter, _ *http.Request) { kafka.Say(w, p.Acked()) })
	return mux
}

var (
	sent    = prometheus.NewDesc("producer_sent", "Records of the present source.", nil, nil)
	acked   = prometheus.NewDesc("producer_acked", "Of them, those that were acknowledged.", nil, nil)
	waits   = prometheus.NewDesc("producer_waiting", "Of them, those that wait.", nil, nil)
	givenUp = prometheus.NewDesc("producer_given_up", "Of them, those that were given up.", nil, nil)
	oldest  = prometheus.NewDesc("producer_waiting_seconds", "How long the oldest has been waiting.", nil, nil)
	longest = prometheus.NewDesc("producer_longest_seconds", "The longest that one has waited.", nil, nil)
)

// collect gives the figures to Prometheus.
func (p *Producer) collect(to chan<- prometheus.Metric) {
	s := p.Status()
	for d, value := range map[*prometheus.Desc]float64{sent: float64(s.Sent), acked: float64(s.Acked), waits: float64(s.Waiting), givenUp: float64(s.GivenUp),
		oldest: s.WaitingSeconds, longest: s.LongestSeconds} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
