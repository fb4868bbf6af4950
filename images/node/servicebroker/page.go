package servicebroker

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler shows the broker's state: /status as JSON, /healthz (200 where a server is current, else 503), /metrics.
func (b *Broker) Handler(environment string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "broker_switches_total", Help: "How often the broker turned to another server."},
			func() float64 { return float64(b.State().Switches) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "broker_gap_seconds", Help: "At the last switch, how long the server before had not been seen well."},
			func() float64 { return b.State().Gap }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "broker_connections", Help: "Open connections of the application."},
			func() float64 { return float64(b.State().Connections) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "broker_servers_well", Help: "Servers that are well."}, func() float64 {
			well := 0.0
			for _, s := range b.State().Servers {
				if s.Well {
					well++
				}
			}
			return well
		}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct {
			Environment string `json:"environment"`
			State
		}{environment, b.State()})
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if b.State().Current == "" {
			http.Error(w, "no server is well", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}
