// Package worker asks a work queue for items, has the work done, and says what came of it. It works on as many at a time as it is told, at any time.
//
//	w, err := worker.New(worker.Options{Queue: "http://queue:8080", Name: "worker-1", Slots: 2, Do: job.Program{Command: command}})
//	err = w.Serve(ctx, listener)
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
	"github.com/ddsctl/ddsctl/images/node/workqueue/job"
)

// MostSlots is how many items a worker works on at a time at most.
const MostSlots = 100

// Options say what a worker does.
type Options struct {
	// Queue is the base of the manager's API, such as http://queue:8080.
	Queue string
	// Name tells workers apart.
	Name string
	// Slots is how many items it works on at a time in the beginning.
	Slots int
	// Do does the work.
	Do job.Doer
	// Silent never renews a lease, which a worker should not do: the item is given to somebody else where the work takes longer.
	Silent bool
	Log    *slog.Logger // nil discards
}

// Worker works.
type Worker struct {
	options  Options
	queue    *queueClient
	log      *slog.Logger
	registry *prometheus.Registry
	jobs     *prometheus.CounterVec
	seconds  prometheus.Counter

	mu      sync.Mutex
	want    int
	running map[int]bool // slots
	busy    int
	again   chan struct{} // the number of slots has changed
}

// New returns a Worker that does not work yet.
func New(o Options) (*Worker, error) {
	if u, err := url.Parse(o.Queue); err != nil || u.Host == "" {
		return nil, fmt.Errorf("queue: not a URL: %q", o.Queue)
	}
	if o.Slots < 0 || o.Slots > MostSlots {
		return nil, fmt.Errorf("slots: from 0 to %d", MostSlots)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Worker{options: o, log: o.Log, queue: &queueClient{base: o.Queue, name: o.Name, client: &http.Client{Timeout: 10 * time.Second}},
		registry: prometheus.NewRegistry(), want: o.Slots, running: map[int]bool{}, again: make(chan struct{}, 1),
		jobs:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "worker_jobs_total", Help: "Attempts, by how they ended."}, []string{"outcome"}),
		seconds: prometheus.NewCounter(prometheus.CounterOpts{Name: "worker_seconds_total", Help: "Time spent on attempts."})}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { w.mu.Lock(); defer w.mu.Unlock(); return float64(value()) })
	}
	w.registry.MustRegister(w.jobs, w.seconds, gauge("worker_slots", "Items that it works on at a time at most.", func() int { return w.want }),
		gauge("worker_busy", "Items that it works on.", func() int { return w.busy }))
	return w, nil
}

// SetSlots has it work on so many items at a time from now on. Work that is under way goes on.
func (w *Worker) SetSlots(n int) error {
	if n < 0 || n > MostSlots {
		return fmt.Errorf("slots: from 0 to %d", MostSlots)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.want = n
	select {
	case w.again <- struct{}{}:
	default:
	}
	return nil
}

// Slots is how many items it works on at a time.
func (w *Worker) Slots() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.want
}

// Serve works, and answers on listener, until ctx ends. Work that is under way then is ended, and its item given back.
func (w *Worker) Serve(ctx context.Context, listener net.Listener) error {
	return api.Serve(ctx, listener, w.Handler(), w.work)
}

// Handler is the worker's API.
func (w *Worker) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", api.Healthy)
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /slots", func(rw http.ResponseWriter, _ *http.Request) { w.saySlots(rw) })
	mux.HandleFunc("PUT /slots", func(rw http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err == nil {
			err = w.SetSlots(n)
		}
		if err != nil {
			api.Refuse(rw, http.StatusBadRequest, fmt.Errorf("n: a number from 0 to %d", MostSlots))
			return
		}
		w.saySlots(rw)
	})
	return mux
}

func (w *Worker) saySlots(rw http.ResponseWriter) {
	w.mu.Lock()
	slots, busy := w.want, w.busy
	w.mu.Unlock()
	api.Say(rw, http.StatusOK, map[string]int{"slots": slots, "busy": busy})
}

// work keeps as many slots at work as there should be. A slot that there should not be ends by itself.
func (w *Worker) work(ctx context.Context) {
	var slots sync.WaitGroup
	defer slots.Wait()
	defer w.queue.client.CloseIdleConnections()
	for {
		w.mu.Lock()
		for n := range w.want {
			if !w.running[n] {
				w.running[n] = true
				slots.Go(func() { w.slot(ctx, n) })
			}
		}
		w.mu.Unlock()
		select {
		case <-w.again:
		case <-ctx.Done():
			return
		}
	}
}

// stays says whether there should be a slot of that number, and ends it where not: there is nothing in between.
func (w *Worker) stays(ctx context.Context, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n < w.want && ctx.Err() == nil {
		return true
	}
	delete(w.running, n)
	return false
}

// pause is how long a slot waits after an answer that is none.
const pause = 200 * time.Millisecond

// slot works on one item after another.
func (w *Worker) slot(ctx context.Context, n int) {
	for w.stays(ctx, n) {
		task, ok, err := w.queue.take(ctx, w.Slots())
		if err != nil {
			w.log.Warn("no work from the queue", "error", err)
			wait(ctx, pause)
			continue
		}
		if ok {
			w.attempt(ctx, task)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *Worker) busier(by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy += by
}

// attempt does the work on an item, with a sign of life now and again, and says how it went.
func (w *Worker) attempt(ctx context.Context, task api.Task) {
	w.busier(1)
	defer w.busier(-1)
	began := time.Now()
	working, stop := context.WithCancelCause(ctx)
	var alive sync.WaitGroup
	if !w.options.Silent {
		alive.Go(func() { w.renew(working, stop, task) })
	}
	result, err := w.options.Do.Do(working, job.Job{Item: task.Item, Data: task.Data, Attempt: task.Attempt})
	lost := errors.Is(context.Cause(working), errGone)
	stop(nil)
	alive.Wait()
	w.seconds.Add(time.Since(began).Seconds())
	outcome := "done"
	switch {
	case lost:
		outcome = "lost" // somebody else has it, and nobody wants to hear of it
	case ctx.Err() != nil && err != nil:
		outcome, err = "given_back", w.queue.say(context.WithoutCancel(ctx), task, "release", "", time.Second)
	case err != nil:
		outcome = "failed"
		verb := "fail"
		if job.Final(err) {
			verb, outcome = "fail?final=true", "final"
		}
		w.log.Warn("failed", "item", task.Item, "attempt", task.Attempt, "error", err)
		err = w.queue.say(context.WithoutCancel(ctx), task, verb, err.Error(), patience(ctx, task))
	default:
		err = w.queue.say(context.WithoutCancel(ctx), task, "done", result, patience(ctx, task))
		if errors.Is(err, errGone) {
			outcome = "late"
		}
	}
	w.jobs.WithLabelValues(outcome).Inc()
	if err != nil {
		w.log.Warn(outcome, "item", task.Item, "attempt", task.Attempt, "error", err)
	}
}

// patience is how long a worker tries to say how an attempt went: the manager may be away, and gives a new lease when it comes back.
func patience(ctx context.Context, task api.Task) time.Duration {
	if ctx.Err() != nil {
		return time.Second
	}
	return max(30*time.Second, time.Duration(2*task.Lease*float64(time.Second)))
}

// renew says that the worker is alive, three times a lease. Where the lease is over the work is stopped.
func (w *Worker) renew(ctx context.Context, stop context.CancelCauseFunc, task api.Task) {
	tick := time.NewTicker(max(time.Duration(task.Lease*float64(time.Second))/3, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := w.queue.once(ctx, task, "renew?worker="+url.QueryEscape(w.options.Name), ""); errors.Is(err, errGone) {
			stop(errGone)
			return
		}
	}
}
