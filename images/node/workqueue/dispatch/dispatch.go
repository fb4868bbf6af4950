// Package dispatch is the manager of a work queue: it asks a source for items, gives them to workers who ask for work, and takes down what came of it. It knows nothing of what
// the work is.
//
//	m, err := dispatch.New(dispatch.Options{Source: "http://source:8080", Journal: "/data/queue.db", Lease: 6 * time.Second, Attempts: 3})
//	err = m.Serve(ctx, listener)
package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
	"github.com/ddsctl/ddsctl/images/node/workqueue/flow"
	"github.com/ddsctl/ddsctl/images/node/workqueue/queue"
)

// Options say how a queue is run.
type Options struct {
	// Source is the base of the source's API, such as http://source:8080.
	Source string
	// Journal is the queue's file.
	Journal string
	// Lease is how long a worker has an item without a sign of life.
	Lease time.Duration
	// Attempts is how often an item is begun at most.
	Attempts int
	// Wait is how long an item that failed waits; longer each time.
	Wait time.Duration
	// Poll is how often the source is asked. Default: 250ms.
	Poll time.Duration
	// Window is how far back the rates and means look. Default: 15s.
	Window time.Duration
	Log    *slog.Logger // nil discards
}

// Manager runs one queue.
type Manager struct {
	options Options
	queue   *queue.Queue
	flow    *flow.Flow
	metrics *metrics
	client  *http.Client

	mu    sync.Mutex
	slots map[string]offer
}

// offer is how many items a worker works on at a time, as it said when it asked last.
type offer struct {
	slots int
	asked time.Time
}

// New opens the journal. Serve closes it.
func New(o Options) (*Manager, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Poll <= 0 {
		o.Poll = 250 * time.Millisecond
	}
	if o.Window <= 0 {
		o.Window = 15 * time.Second
	}
	if o.Lease <= 0 || o.Attempts < 1 {
		return nil, errors.New("a lease, and at least one attempt, are needed")
	}
	if u, err := url.Parse(o.Source); err != nil || u.Host == "" {
		return nil, fmt.Errorf("source: not a URL: %q", o.Source)
	}
	m := &Manager{options: o, flow: flow.New(o.Window, time.Now()), slots: map[string]offer{}, client: &http.Client{Timeout: 5 * time.Second}}
	m.metrics = newMetrics(m)
	var err error
	m.queue, err = queue.Open(queue.Options{Path: o.Journal, Lease: o.Lease, Attempts: o.Attempts, Wait: o.Wait, Changed: m.changed})
	return m, err
}

// Serve runs the queue, and answers on listener, until ctx ends.
func (m *Manager) Serve(ctx context.Context, listener net.Listener) error {
	defer m.client.CloseIdleConnections()
	m.level()
	err := api.Serve(ctx, listener, m.Handler(),
		func(ctx context.Context) { every(ctx, m.options.Poll, m.poll) },
		func(ctx context.Context) { every(ctx, min(m.options.Lease/10, 250*time.Millisecond), m.look) })
	return errors.Join(err, m.queue.Close())
}

// every does something now and again.
func every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		do(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// poll asks the source for its items, and takes on those that are new.
func (m *Manager) poll(ctx context.Context) {
	var list api.ItemList
	text, err := m.get(ctx, "/api/v1/items", 64<<20)
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err == nil {
		_, err = m.queue.Add(list.Items...)
	}
	m.level()
	switch {
	case err == nil:
		m.metrics.polls.WithLabelValues("ok").Inc()
		m.metrics.answers.Add(1)
	case ctx.Err() == nil:
		m.metrics.polls.WithLabelValues("failed").Inc()
		m.options.Log.Warn("the source has no answer", "error", err)
	}
}

// get asks the source.
func (m *Manager) get(ctx context.Context, path string, most int64) ([]byte, error) {
	return api.Ask(ctx, m.client, http.MethodGet, m.options.Source+path, most)
}

// look ends leases that ran out, and forgets workers that are away.
func (m *Manager) look(context.Context) {
	if n, err := m.queue.Expire(); err != nil {
		m.options.Log.Error("leases", "error", err)
	} else if n > 0 {
		m.metrics.expired.Add(int64(n))
		m.options.Log.Warn("leases ran out", "items", n)
		m.level()
	}
	m.offered("", 0)
}

// away is how long a worker may say nothing until its slots are not counted any more. Workers ask at least every 5 s, and renew more often than a lease.
func (m *Manager) away() time.Duration { return max(m.options.Lease, 6*time.Second) + 2*time.Second }

// offered says that a worker was heard of, which works on so many items at a time; a number below 1 is not known.
func (m *Manager) offered(worker string, slots int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if worker != "" {
		before := m.slots[worker]
		if slots < 1 {
			slots = max(before.slots, 1)
		}
		m.slots[worker] = offer{slots, now}
	}
	sum := 0
	for name, o := range m.slots {
		if now.Sub(o.asked) > m.away() {
			delete(m.slots, name)
			continue
		}
		sum += o.slots
	}
	m.flow.Can(now, sum)
}

// capacity is how many items can be worked on at a time, and how many workers there are.
func (m *Manager) capacity() (slots, workers int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.slots {
		slots += o.slots
	}
	return slots, len(m.slots)
}

// changed counts what became of an item. The queue calls it, and is not to be called.
func (m *Manager) changed(before, after queue.Item) {
	now := time.Now()
	switch {
	case before.Name == "":
		m.metrics.arrivals.Inc()
		m.flow.Arrived(now)
	case after.State == queue.InFlight:
		m.metrics.attempts.Inc()
		m.metrics.waited.Observe(after.Began.Sub(before.Due).Seconds())
	case before.State == queue.InFlight && after.Attempts == before.Attempts: // neither given back nor begun
		took := now.Sub(after.Began)
		m.flow.Attempted(now, took, after.State != queue.Done)
		m.metrics.processing.Observe(took.Seconds())
		m.metrics.busy.Add(took.Seconds())
		if after.State != queue.Done {
			m.metrics.failed.Inc()
		}
	}
	if after.State == queue.Done || after.State == queue.Dead {
		m.flow.Left(now, after.Ended.Sub(after.Added))
	}
}

// level tells the flow how many items there are now.
func (m *Manager) level() {
	c := m.queue.Counts()
	m.flow.Is(time.Now(), c.Waiting+c.InFlight, c.InFlight)
}
