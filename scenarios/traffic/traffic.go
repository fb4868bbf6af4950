// Package traffic makes the traffic that a workload.Spec describes, and tells what came of it.
//
//	run, err := traffic.Start(ctx, traffic.Options{Workload: spec})
//	...
//	err = run.Change(workload.Change{Rate: &rate})
//	report := run.Wait()
//
// In an open loop requests fall due by the arrival process whether or not answers come back. Latency runs from the instant at which a
// request fell due, not from when it could be sent (as in wrk2), so that a server that stalls is charged with everybody who waits
// meanwhile; the service time, from the sending on, stands beside it. Latencies are of the requests that succeeded and, with the time they
// were waited for, of those that got no answer in time; requests that failed otherwise are in the errors only, so that a server which
// refuses quickly does not look fast.
//
// In a closed loop each connection sends its next request when it has its answer: that measures the highest throughput, and its latencies
// say nothing about a load that does not wait.
package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// Options are what Start needs.
type Options struct {
	// Workload is the traffic to make.
	Workload workload.Spec
	// Client is the name of the node that makes the traffic, for telemetry.
	Client string
	// Window is how often results are gathered and Observe is called. Default: 500 ms.
	Window time.Duration
	// OnDemand lets windows end when Gather is called, and with the run, instead of by the clock.
	OnDemand bool
	// Exact gives Observe histograms as fine as they were measured, instead of a few buckets.
	Exact bool
	// Observe is called after each window, in order, with what it brought. It must return soon.
	Observe func(telemetry.Traffic)
	// Seconds bounds the series of a report: the last so many are kept. Default: a day.
	Seconds int
	// Patience is how long Start's preparations wait for a target that is not there yet. Default: 30 s.
	Patience time.Duration
	// Protocols are the protocols to speak; nil for the built-in ones.
	Protocols *protocol.Table
	// Dial opens connections; nil is the standard library's way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// ReadFile reads the file of certificate authorities; nil is os.ReadFile.
	ReadFile func(name string) ([]byte, error)
}

func (o Options) withDefaults() (Options, error) {
	o.Workload = o.Workload.WithDefaults()
	if o.Window <= 0 {
		o.Window = 500 * time.Millisecond
	}
	if o.Seconds <= 0 {
		o.Seconds = 24 * 60 * 60
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Protocols == nil {
		table, err := protocol.Builtin()
		if err != nil {
			return o, err
		}
		o.Protocols = table
	}
	return o, nil
}

// State is what a Run is doing.
type State string

// The states, in the order in which a Run goes through them; it may be paused and resumed.
const (
	Preparing State = "preparing" // setup, preload, first connections
	Running   State = "running"
	Paused    State = "paused"
	Ending    State = "ending" // nothing more falls due; answers are waited for
	Ended     State = "ended"
	Failed    State = "failed" // the preparations failed: no request was made
)

// Run is a workload under way. Its methods may be used from many goroutines.
type Run struct {
	engine *engine
	stop   context.CancelFunc
	done   chan struct{}

	mu  sync.Mutex
	err error
}

// Start begins a workload and returns at once. It ends by itself after its duration, with Stop, or when ctx ends; then Wait returns. The
// error is about the options; what goes wrong later is in Wait's report, and preparations that failed in Err.
func Start(ctx context.Context, options Options) (*Run, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := options.Workload.Validate(); err != nil {
		return nil, fmt.Errorf("workload %s: %w", options.Workload.Name, err)
	}
	e, err := newEngine(options)
	if err != nil {
		return nil, fmt.Errorf("workload %s: %w", options.Workload.Name, err)
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Run{engine: e, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		defer stop()
		err := e.run(ctx)
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
	}()
	return r, nil
}

// Stop ends the run without waiting for it: nothing more is sent, and answers under way get a moment to come.
func (r *Run) Stop() { r.stop() }

// Done is closed when the run is over.
func (r *Run) Done() <-chan struct{} { return r.done }

// Wait waits for the end and returns the whole report.
func (r *Run) Wait() Report {
	<-r.done
	return r.engine.report()
}

// Err is why the preparations failed, nil otherwise and before the end.
func (r *Run) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Report is what came of the run so far.
func (r *Run) Report() Report { return r.engine.report() }

// Traffic is what the last window brought.
func (r *Run) Traffic() telemetry.Traffic { return r.engine.traffic() }

// Gather ends the window under way, unless the run has not begun or is over.
func (r *Run) Gather() {
	switch r.State() {
	case Running, Paused, Ending:
		r.engine.collector.gather(false)
	default:
	}
}

// State is what the run is doing.
func (r *Run) State() State { return r.engine.state() }

// Workload is the workload as it is now, changes included.
func (r *Run) Workload() workload.Spec { return r.engine.workload() }

// ErrOver is returned for a change to a run that is over.
var ErrOver = errors.New("the workload is over")

// Change changes the run. A new arrival process starts now; new keys, values and operations hold for the next requests.
func (r *Run) Change(change workload.Change) error {
	select {
	case <-r.done:
		return ErrOver
	default:
	}
	if err := change.Validate(r.Workload()); err != nil {
		return err
	}
	return r.engine.change(change)
}
