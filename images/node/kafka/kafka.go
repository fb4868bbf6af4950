// Package kafka holds what the programs around a Kafka cluster have in common: the record that they pass on, how they reach the brokers, and how they serve their pages. The
// programs are the packages below: topics makes topics, producer sends, consumer reads as one of a group, and counter holds what was read against what was acknowledged.
//
// README.md is their interface.
package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Record is what a producer sends, as JSON. Source and Number together are its identity.
type Record struct {
	// Source names a producer in one of its lives: NAME-1700000000000.
	Source string `json:"source"`
	// Number counts a source's records from 1.
	Number int64 `json:"number"`
	// Sent is when it was made.
	Sent time.Time `json:"sent"`
}

// mostNumber bounds numbers that are believed.
const mostNumber = 1 << 40

// Read reads a record; false is for what is none, such as what others write to the same topic.
func Read(value []byte) (Record, bool) {
	var r Record
	if json.Unmarshal(value, &r) != nil || r.Source == "" || len(r.Source) > 200 || r.Number < 1 || r.Number > mostNumber {
		return Record{}, false
	}
	return r, true
}

// Bounds of single steps.
const (
	pollMost = time.Second
	again    = 200 * time.Millisecond
)

// ClientOptions are those of all clients of the brokers, of which some are named, and then options. A new leader is looked for more often than Kafka's clients do by default: those are
// made for programs that run for weeks.
func ClientOptions(brokers []string, options ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(200 * time.Millisecond),
		kgo.MetadataMaxAge(10 * time.Second),
		kgo.DialTimeout(2 * time.Second),
		kgo.RequestTimeoutOverhead(3 * time.Second),
		kgo.RetryBackoffFn(func(failures int) time.Duration {
			return min(50*time.Millisecond<<min(failures, 4), 400*time.Millisecond)
		}),
	}, options...)
}

// Client connects to the brokers with ClientOptions, without waiting for one.
func Client(brokers []string, options ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(ClientOptions(brokers, options...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return client, nil
}

// Serve answers on listener until ctx ends, and runs run meanwhile, with a context that ends at the same time. All of it is over when it returns; an error of run ends it.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, run func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	err := serving.HTTP(ctx, listener, handler, serving.Options{Cancel: true}, func(ctx context.Context) {
		defer stop()
		failed = run(ctx)
	})
	return errors.Join(failed, err)
}

// Poll takes what is next with poll, such as kgo.Client.PollRecords: most records at most, and none where none comes in a second. What cannot be read is told, and tried again the next time.
func Poll(ctx context.Context, poll func(context.Context, int) kgo.Fetches, most int, log *slog.Logger) kgo.Fetches {
	patient, cancel := context.WithTimeout(ctx, pollMost)
	fetches := poll(patient, most)
	cancel()
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
			log.Warn("cannot read", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
			Wait(ctx, again)
		}
	}
	return fetches
}

// MemberOptions are those of a client that reads topics as one of a group: from the beginning where the group has no place yet, what is committed only, and so that partitions go to others
// only between two polls. It keeps the place by itself.
func MemberOptions(name, group string, topics []string, session time.Duration) []kgo.Opt {
	return []kgo.Opt{
		kgo.ClientID(name), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(session), kgo.HeartbeatInterval(min(session/6, time.Second)),
	}
}

// Pages are those that all programs have, to which others can be added: /healthz, and /metrics with what collect gives.
func Pages(collect func(chan<- prometheus.Metric)) *http.ServeMux {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector(collect))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

type collector func(chan<- prometheus.Metric)

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) { c(to) }

// Wait waits, unless ctx ends before: then it says so with false.
func Wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Say answers with a value as JSON.
func Say(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
