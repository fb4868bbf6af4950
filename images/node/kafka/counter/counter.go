// Package counter is where readers say what they have read. It keeps how often each record was read, so that "at least once" and "exactly once" are numbers.
//
//	c := counter.New()
//	err := c.Serve(ctx, listener)
//	result, err := counter.Audit(ctx, counter.AuditOptions{Producer: "http://orders:8080", Counter: "http://counter:8080"})
package counter

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/kafka"
	"github.com/ddsctl/ddsctl/images/node/kafka/numbers"
)

// Entry is a record that somebody has read.
type Entry struct {
	Source string `json:"source"`
	Number int64  `json:"number"`
	// Sent is when it was made, by the producer's clock.
	Sent time.Time `json:"sent"`
}

// Counts are what was read in all.
type Counts struct {
	Records  int64 `json:"records"`  // reads
	Distinct int64 `json:"distinct"` // records that were read
	Repeated int64 `json:"repeated"` // reads of what had been read
	// DelaySeconds is the longest time between sending and the first reading, of what was first read in the last seconds.
	DelaySeconds float64 `json:"delay_seconds"`
}

// Seen is what was read of one source.
type Seen struct {
	Counts
	Numbers []numbers.Range `json:"numbers"`
}

// Bounds of what is taken in and kept.
const (
	mostBody    = 4 << 20
	mostSources = 10_000
)

// Counter counts. It is safe for concurrent use.
type Counter struct {
	mu      sync.Mutex
	sources map[string]*source
	total   Counts
	delays  [2]float64 // the longest of this window and of the one before, in seconds
	window  time.Time  // when this one began
}

// window is how long delays are remembered, once or twice.
const window = 3 * time.Second

type source struct {
	seen     numbers.Set
	repeated int64
}

// New returns a Counter that has counted nothing.
func New() *Counter { return &Counter{sources: map[string]*source{}} }

// Add counts what was read. All of it counts, or none.
func (c *Counter) Add(entries []Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := map[string]bool{}
	for _, e := range entries {
		if e.Source == "" || e.Number < 1 {
			return fmt.Errorf("%+v: a source, and a number from 1 on", e)
		}
		if c.sources[e.Source] == nil {
			fresh[e.Source] = true
		}
	}
	if len(c.sources)+len(fresh) > mostSources {
		return fmt.Errorf("more than %d sources", mostSources)
	}
	for _, e := range entries {
		s := c.sources[e.Source]
		if s == nil {
			s = &source{}
			c.sources[e.Source] = s
		}
		c.total.Records++
		if s.seen.Add(e.Number) {
			c.total.Distinct++
			c.delay(e)
		} else {
			s.repeated++
			c.total.Repeated++
		}
	}
	return nil
}

// delay remembers how long a record was on its way.
func (c *Counter) delay(e Entry) {
	if e.Sent.IsZero() {
		return
	}
	c.turn()
	c.delays[0] = max(c.delays[0], time.Since(e.Sent).Seconds())
}

// turn begins a window where the last one is over.
func (c *Counter) turn() {
	switch over := time.Since(c.window); {
	case over >= 2*window:
		c.delays = [2]float64{}
	case over >= window:
		c.delays = [2]float64{0, c.delays[0]}
	default:
		return
	}
	c.window = time.Now()
}

// Counts are what was read until now.
func (c *Counter) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn()
	total := c.total
	total.DelaySeconds = max(c.delays[0], c.delays[1])
	return total
}

// Seen is what was read of a source.
func (c *Counter) Seen(name string) Seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sources[name]
	if s == nil {
		return Seen{Numbers: []numbers.Range{}}
	}
	return Seen{Counts: Counts{Records: s.seen.Len() + s.repeated, Distinct: s.seen.Len(), Repeated: s.repeated}, Numbers: s.seen.Ranges()}
}

// Handler is the counter's API.
func (c *Counter) Handler() http.Handler {
	mux := kafka.Pages(c.collect)
	mux.HandleFunc("POST /seen", func(w http.ResponseWriter, r *http.Request) {
		var entries []Entry
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody)).Decode(&entries)
		if err == nil {
			err = c.Add(entries)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /seen", func(w http.ResponseWriter, r *http.Request) { kafka.Say(w, c.Seen(r.URL.Query().Get("source"))) })
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { kafka.Say(w, c.Counts()) })
	return mux
}

// Serve answers on listener until ctx ends.
func (c *Counter) Serve(ctx context.Context, listener net.Listener) error {
	return kafka.Serve(ctx, listener, c.Handler(), func(ctx context.Context) error { <-ctx.Done(); return nil })
}

var (
	records  = prometheus.NewDesc("counter_records_total", "Reads of a record.", nil, nil)
	distinct = prometheus.NewDesc("counter_distinct", "Records that were read.", nil, nil)
	delay    = prometheus.NewDesc("counter_delay_seconds", "The longest time between sending and the first reading, in the last seconds.", nil, nil)
	repeated = prometheus.NewDesc("counter_repeated", "Reads of what had been read.", nil, nil)
)

// collect gives the counts to Prometheus.
func (c *Counter) collect(to chan<- prometheus.Metric) {
	t := c.Counts()
	to <- prometheus.MustNewConstMetric(records, prometheus.CounterValue, float64(t.Records))
	to <- prometheus.MustNewConstMetric(distinct, prometheus.GaugeValue, float64(t.Distinct))
	to <- prometheus.MustNewConstMetric(delay, prometheus.GaugeValue, t.DelaySeconds)
	to <- prometheus.MustNewConstMetric(repeated, prometheus.GaugeValue, float64(t.Repeated))
}
