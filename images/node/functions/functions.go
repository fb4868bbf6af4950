// Package functions is a host of functions: each one a process, started when somebody asks, ended when nobody has asked for a while. They
// answer HTTP requests, and events, which are kept on disk until the function is done with them.
//
//	config, err := functions.ParseConfig(text)
//	host, err := functions.New(functions.Options{Config: config, Events: "/data/events.db"})
//	err = host.Serve(ctx, listener)
//
// README.md is its API.
package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/images/node/functions/pool"
	"github.com/ddsctl/ddsctl/images/node/functions/process"
	"github.com/ddsctl/ddsctl/images/node/functions/queue"
	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say what a host runs.
type Options struct {
	Config Config
	// Events is the file of the queue; it is opened where a function gets events.
	Events string
	// Environment is that of each function, as NAME=VALUE.
	Environment []string
	// Seed fixes how long retries wait.
	Seed uint64
	Log  *slog.Logger // nil discards
}

// Host runs functions.
type Host struct {
	options   Options
	functions map[string]*function
	listeners map[string][]string // functions by the type of event
	queue     *queue.Queue        // nil without events
	metrics   *metrics

	mu   sync.Mutex
	draw *rand.Rand
}

// function is one of them.
type function struct {
	Function
	name string
	pool *pool.Pool
}

// New returns a Host on which nothing runs yet.
func New(o Options) (*Host, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Host{options: o, functions: map[string]*function{}, listeners: map[string][]string{}, draw: rand.New(rand.NewPCG(o.Seed, 2))}
	for _, name := range slices.Sorted(maps.Keys(o.Config.Functions)) {
		f := &function{Function: o.Config.Functions[name], name: name}
		f.pool = pool.New(pool.Options{Start: h.starter(f), Concurrency: f.Concurrency, Waiting: *f.Waiting, Keep: f.Keep, Idle: f.Idle, Timeout: f.Timeout})
		h.functions[name] = f
		for _, kind := range f.On {
			h.listeners[kind] = append(h.listeners[kind], name)
		}
	}
	if len(h.listeners) > 0 {
		var err error
		if h.queue, err = queue.Open(o.Events); err != nil {
			return nil, err
		}
	}
	h.metrics = newMetrics(h)
	return h, nil
}

// starter starts a function's processes.
func (h *Host) starter(f *function) func(context.Context) (pool.Worker, error) {
	environment := slices.Clone(h.options.Environment)
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		environment = append(environment, name+"="+f.Environment[name])
	}
	log := h.options.Log.With("function", f.name)
	return func(ctx context.Context) (pool.Worker, error) {
		began := time.Now()
		p, err := process.Start(ctx, process.Options{Command: f.Run, Environment: environment, Within: f.Start, Say: func(line string) { log.Info("says", "line", line) }})
		h.metrics.started(f.name, time.Since(began), err)
		if err != nil {
			log.Error("did not start", "error", err)
			return nil, err // not p, which is nil in a shape of its own
		}
		return p, nil
	}
}

// Serve answers on listener, and delivers events, until ctx ends. Nothing runs when it returns; events that were under way are delivered again next time.
func (h *Host) Serve(ctx context.Context, listener net.Listener) (err error) {
	var pools sync.WaitGroup
	var deliveries []func(context.Context)
	processes, end := context.WithCancel(context.WithoutCancel(ctx))
	for _, f := range h.functions {
		pools.Go(func() { f.pool.Run(processes) })
		if len(f.On) > 0 {
			deliver := func(ctx context.Context) { h.deliver(ctx, f) }
			deliveries = append(deliveries, slices.Repeat([]func(context.Context){deliver}, f.Concurrency)...)
		}
	}
	defer func() {
		end()
		pools.Wait()
		if h.queue != nil {
			err = errors.Join(err, h.queue.Close())
		}
	}()
	return serving.HTTP(ctx, listener, h.Handler(), serving.Options{}, deliveries...)
}

// request is what a function is given, in one line.
type request struct {
	// ID stays the same over all attempts at an event.
	ID      string          `json:"id"`
	Type    string          `json:"type,omitempty"` // of an event
	Attempt int             `json:"attempt"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
	// The others are those of HTTP.
	Method  string            `json:"method,omitempty"`
	Path    string            `json:"path,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// said is what a function answers.
type said struct {
	Status  int               `json:"status"`
	Body    json.RawMessage   `json:"body"`
	Headers map[string]string `json:"headers"`
	// Emit are events that follow from the request.
	Emit []struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	} `json:"emit"`
	// Error says that it failed, and Final that it would fail again.
	Error string `json:"error"`
	Final bool   `json:"final"`
}

// ask has a function answer. A function that fails says so in its answer; the error is of the host or the process.
func (h *Host) ask(ctx context.Context, f *function, r request) (said, pool.Trip, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return said{}, pool.Trip{}, err
	}
	text, trip, err := f.pool.Call(ctx, line)
	var s said
	if err == nil {
		s = understand(text)
	}
	h.metrics.called(f.name, trip, s, err)
	return s, trip, err
}

// understand reads an answer. What is no object in JSON is a text, which is all that a simple function in sh may want to say.
func understand(line []byte) said {
	var s said
	if err := json.Unmarshal(line, &s); err != nil {
		text, _ := json.Marshal(string(line)) // a string always has JSON
		s = said{Body: text}
	}
	if s.Status == 0 {
		s.Status = http.StatusOK
		if s.Error != "" {
			s.Status = http.StatusInternalServerError
		}
	}
	if s.Status < 200 || s.Status > 599 {
		s.Error = fmt.Sprintf("the function answered with the status %d", s.Status)
		s.Status = http.StatusBadGateway
	}
	return s
}

// follow addresses the events that came out of a request, with identities that are the same whenever it is done again.
func (h *Host) follow(f *function, r request, s said) ([]queue.Addressed, error) {
	var all []queue.Addressed
	for i, e := range s.Emit {
		to := h.listeners[e.Type]
		if len(to) == 0 {
			return nil, fmt.Errorf("no function is on the event %q, which %s emitted", e.Type, f.name)
		}
		all = append(all, queue.Addressed{Event: queue.Event{ID: fmt.Sprintf("%s/%s.%d", r.ID, f.name, i+1), Type: e.Type, Time: time.Now(), Data: e.Data}, Functions: to})
	}
	return all, nil
}

// chance draws from [0, 1).
func (h *Host) chance() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draw.Float64()
}
