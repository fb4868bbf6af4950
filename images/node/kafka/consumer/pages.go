package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/kafka"
	"github.com/ddsctl/ddsctl/images/node/kafka/counter"
)

// HTTP delivers to the counter at that address.
func HTTP(address string) func(context.Context, []kafka.Record) error {
	client := &http.Client{Timeout: 3 * time.Second}
	return func(ctx context.Context, records []kafka.Record) error {
		entries := make([]counter.Entry, len(records))
		for i, r := range records {
			entries[i] = counter.Entry{Source: r.Source, Number: r.Number, Sent: r.Sent}
		}
		body, err := json.Marshal(entries)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/seen", bytes.NewReader(body))
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusNoContent {
			return fmt.Errorf("the counter answers %s", answer.Status)
		}
		return nil
	}
}

// Handler tells what it has done.
func (c *Consumer) Handler() http.Handler {
	mux := kafka.Pages(c.collect)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { kafka.Say(w, c.Figures()) })
	return mux
}

var (
	partitions = prometheus.NewDesc("consumer_partitions", "Partitions that are its own.", nil, nil)
	records    = prometheus.NewDesc("consumer_records_total", "Records that it has worked on.", nil, nil)
	lag        = prometheus.NewDesc("consumer_lag", "Records of its partitions that it has not read.", nil, nil)
	rebalances = prometheus.NewDesc("consumer_rebalances", "How often its partitions changed.", nil, nil)
)

// collect gives the figures to Prometheus.
func (c *Consumer) collect(to chan<- prometheus.Metric) {
	f := c.Figures()
	to <- prometheus.MustNewConstMetric(records, prometheus.CounterValue, float64(f.Records))
	for d, value := range map[*prometheus.Desc]float64{partitions: float64(f.Partitions), lag: float64(f.Lag), rebalances: float64(f.Rebalances)} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
