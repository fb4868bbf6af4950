package tally

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

const (
	askMost  = 5 * time.Second
	bodyMost = 64 // bytes of a number
)

// Handler is the replica's API.
func (t *Tally) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister((*collector)(t))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /numbers/{name}", t.serveRead)
	mux.HandleFunc("PUT /numbers/{name}", t.serveWrite)
	mux.HandleFunc("POST /numbers/{name}/add", t.serveAdd)
	mux.HandleFunc("GET /figures", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(t.Figures())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askMost)
		defer cancel()
		w.Header().Set("X-Served-By", t.options.Name)
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
}

func answer(w http.ResponseWriter, v Value, err error) {
	switch {
	case errors.Is(err, ErrNone):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, ErrConflict):
		http.Error(w, err.Error(), http.StatusPreconditionFailed)
	case errors.Is(err, errNothing):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	default:
		w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(v.Version, 10)))
		_, _ = fmt.Fprintln(w, v.Number)
	}
}

func (t *Tally) serveRead(w http.ResponseWriter, r *http.Request) {
	v, err := t.Read(r.Context(), r.PathValue("name"))
	answer(w, v, err)
}

func (t *Tally) serveWrite(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMost))
	n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || bad != nil {
		http.Error(w, "the body is a whole number", http.StatusBadRequest)
		return
	}
	name, match := r.PathValue("name"), r.Header.Get("If-Match")
	switch {
	case match != "":
		version, bad := strconv.ParseInt(strings.Trim(match, `"`), 10, 64)
		if bad != nil || version < 1 {
			http.Error(w, `If-Match is the version that was read, such as "12"`, http.StatusBadRequest)
			return
		}
		v, err := t.WriteOver(r.Context(), name, version, n)
		answer(w, v, err)
	case r.Header.Get("If-None-Match") == "*":
		v, err := t.WriteOver(r.Context(), name, 0, n)
		answer(w, v, err)
	default:
		v, err := t.Write(r.Context(), name, n)
		answer(w, v, err)
	}
}

func (t *Tally) serveAdd(w http.ResponseWriter, r *http.Request) {
	by := int64(1)
	if text := r.URL.Query().Get("by"); text != "" {
		var err error
		if by, err = strconv.ParseInt(text, 10, 64); err != nil {
			http.Error(w, "by is a whole number", http.StatusBadRequest)
			return
		}
	}
	v, tries, err := t.Add(r.Context(), r.PathValue("name"), by)
	w.Header().Set("X-Tries", strconv.Itoa(tries))
	answer(w, v, err)
}

// Serve answers on listener until ctx ends.
func (t *Tally) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, t.Handler(), serving.Options{Drain: askMost})
}

// collector gives the figures to Prometheus.
type collector Tally

var (
	added     = prometheus.NewDesc("tally_added_total", "Additions that were acknowledged.", nil, nil)
	conflicts = prometheus.NewDesc("tally_conflicts_total", "Tries that found that somebody had written meanwhile.", nil, nil)
	refused   = prometheus.NewDesc("tally_refused_total", "Writes over a version that was not there any more.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	to <- added
	to <- conflicts
	to <- refused
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	f := (*Tally)(c).Figures()
	to <- prometheus.MustNewConstMetric(added, prometheus.CounterValue, float64(f.Added))
	to <- prometheus.MustNewConstMetric(conflicts, prometheus.CounterValue, float64(f.Conflicts))
	to <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(f.Refused))
}
