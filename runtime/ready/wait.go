package ready

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Engine is what probing needs of a container engine.
type Engine interface {
	InspectContainer(ctx context.Context, id string) (engine.Container, error)
	// WaitContainer returns the exit code as soon as the container does not run.
	WaitContainer(ctx context.Context, id string) (int, error)
	Exec(ctx context.Context, id string, spec engine.ExecSpec) (int, error)
	Logs(ctx context.Context, id string, spec engine.LogSpec, stdout, stderr io.Writer) error
}

// Dialer reaches an address in the lab's networks: a *net.Dialer where the host can route there, else somebody who dials
// from inside the lab.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// SystemClock is the real Clock.
type SystemClock struct{}

// Now is time.Now.
func (SystemClock) Now() time.Time { return time.Now() }

// After is time.After.
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Options are a Waiter's surroundings.
type Options struct {
	// Dialer reaches containers at their own addresses. Nil where nobody can: then published ports serve, and after them
	// commands in the container.
	Dialer Dialer
	// Clock is SystemClock when nil.
	Clock Clock
}

// Waiter waits for containers.
type Waiter struct {
	engine Engine
	dialer Dialer
	clock  Clock
}

// New returns a Waiter.
func New(e Engine, options Options) *Waiter {
	if options.Clock == nil {
		options.Clock = SystemClock{}
	}
	return &Waiter{engine: e, dialer: options.Dialer, clock: options.Clock}
}

// Target is the container that is waited for.
type Target struct {
	ID, Name, Service string
	// AddressOf is the ID of the container whose network namespace the target is in, "" when it has its own.
	AddressOf string
	// HostNetwork says that the target is in the network namespace of the engine's host.
	HostNetwork bool
	// Since is from when on its log counts; zero is from its beginning. A container that is started again has old lines.
	Since time.Time
	// Restarts says that the engine starts the container again when it exits, so that an exit is not the end.
	Restarts bool
}

// Settle is how long a container without probes must have run to count as ready: most that cannot work exit before.
const Settle = 200 * time.Millisecond

// Pauses between attempts: the first, and what they grow to.
const (
	firstPause = 25 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// LogLines is how many last lines of its log are in the error about a container that exited.
const LogLines = 10

// ExitError says that a container exited that should have become ready, or that a one-shot service failed.
type ExitError struct {
	Service, Container string
	Code               int
	Waiting            string   // what was being waited for, "" for nothing in particular
	Log                []string // the last LogLines lines
}

func (e *ExitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "service %q: container %s exited with code %d", e.Service, e.Container, e.Code)
	if e.Waiting != "" {
		fmt.Fprintf(&b, " while waiting for %s", e.Waiting)
	}
	if len(e.Log) == 0 {
		b.WriteString("; its log is empty")
		return b.String()
	}
	b.WriteString("; its last lines:")
	for _, line := range e.Log {
		b.WriteString("\n  | " + line)
	}
	return b.String()
}

// TimeoutError says that a probe did not succeed in its time.
type TimeoutError struct {
	Service, Container string
	Waiting            string
	After              time.Duration
	Last               error // the last attempt's failure
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("service %q: container %s is not ready after %s: waiting for %s: %v",
		e.Service, e.Container, e.After.Round(time.Millisecond), e.Waiting, e.Last)
}

func (e *TimeoutError) Unwrap() error { return e.Last }

// Wait returns nil once every probe has succeeded; without probes, once the container has run for Settle. It returns an
// *ExitError when the container exits before, a *TimeoutError when a probe's Bound has passed, and ctx's error, with what
// was being waited for, when ctx ends.
func (w *Waiter) Wait(ctx context.Context, target Target, probes []Probe) error {
	ctx, cancel := context.WithCancel(ctx)
	exits := w.watchExit(ctx, target)
	defer func() {
		cancel()
		for range exits { // the watcher ends before Wait does
		}
	}()
	if len(probes) == 0 {
		select {
		case exit := <-exits:
			return w.exited(ctx, target, "", exit)
		case <-w.clock.After(Settle):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, probe := range probes {
		if err := w.repeat(ctx, target, probe, exits); err != nil {
			return err
		}
	}
	return nil
}

// JobBound is how long a one-shot container may take: whoever waits for one that never ends is told so.
const JobBound = 20 * time.Minute

// WaitDone returns nil once a one-shot container has exited with 0, an *ExitError when with anything else, and a *TimeoutError when it still runs
// after JobBound.
func (w *Waiter) WaitDone(ctx context.Context, target Target) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	code := 0
	go func() {
		var err error
		code, err = w.engine.WaitContainer(waiting, target.ID)
		ended <- err
	}()
	var err error
	select {
	case err = <-ended:
	case <-w.clock.After(JobBound):
		cancel()
		<-ended // the goroutine ends before WaitDone does
		return hint.Wrap(&TimeoutError{Service: target.Service, Container: target.Name, Waiting: "its end", After: JobBound, Last: errors.New("it still runs")},
			"another service waits until it has exited with 0; see what it does: ddsctl lab logs %s", target.Service)
	}
	if err != nil {
		return fmt.Errorf("service %q: waiting until container %s is done: %w", target.Service, target.Name, err)
	}
	if code != 0 {
		return w.exited(ctx, target, "", exit{code: code})
	}
	return nil
}

type exit struct {
	code int
	err  error
}

// watchExit sends the container's exit, if one comes that counts, and closes the channel when ctx has ended or it has.
func (w *Waiter) watchExit(ctx context.Context, target Target) <-chan exit {
	exits := make(chan exit, 1)
	if target.Restarts {
		close(exits)
		never := make(chan exit)
		go func() { <-ctx.Done(); close(never) }()
		return never
	}
	go func() {
		defer close(exits)
		code, err := w.engine.WaitContainer(ctx, target.ID)
		if ctx.Err() != nil {
			return
		}
		exits <- exit{code, err}
	}()
	return exits
}

func (w *Waiter) exited(ctx context.Context, target Target, waiting string, e exit) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e.err != nil {
		return fmt.Errorf("service %q: watching container %s: %w", target.Service, target.Name, e.err)
	}
	lines := w.lastLines(ctx, target.ID)
	return hint.Wrap(&ExitError{Service: target.Service, Container: target.Name, Code: e.code, Waiting: waiting, Log: lines},
		"see its whole log: `ddsctl lab logs %s`; then correct the service and run the same command again", target.Service)
}

func (w *Waiter) lastLines(ctx context.Context, id string) []string {
	var text strings.Builder
	lines := &lineWriter{to: func(line string) { text.WriteString(line + "\n") }}
	if err := w.engine.Logs(ctx, id, engine.LogSpec{Tail: LogLines}, lines, lines); err != nil {
		return []string{"(no log: " + err.Error() + ")"}
	}
	lines.flush()
	all := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	if len(all) == 1 && all[0] == "" {
		return nil
	}
	return all[max(0, len(all)-LogLines):]
}

// repeat tries one probe until it succeeds.
func (w *Waiter) repeat(ctx context.Context, target Target, probe Probe, exits <-chan exit) error {
	begin := w.clock.Now()
	bound := w.clock.After(probe.bound())
	// An exit interrupts an attempt under way: a command in a container that has stopped may never answer.
	attempts, stop := context.WithCancel(ctx)
	defer stop()
	attempt, end, err := w.attempt(target, probe)
	if err != nil {
		return err
	}
	defer end()
	var last error
	result := make(chan error, 1)
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		go func() {
			one, done := context.WithTimeout(attempts, probe.attempt())
			defer done()
			result <- attempt(one)
		}()
		var err error
		timedOut := false
		select {
		case err = <-result:
		case e := <-exits:
			stop()
			<-result
			if ctx.Err() != nil {
				return w.interrupted(ctx, target, probe, last)
			}
			return w.exited(ctx, target, probe.String(), e)
		case <-bound:
			timedOut = true
			stop()
			err = <-result
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return w.interrupted(ctx, target, probe, last)
		case !timedOut || last == nil:
			last = err
		}
		if !timedOut {
			select {
			case <-w.clock.After(pause):
				continue
			case e := <-exits:
				if ctx.Err() != nil {
					return w.interrupted(ctx, target, probe, last)
				}
				return w.exited(ctx, target, probe.String(), e)
			case <-ctx.Done():
				return w.interrupted(ctx, target, probe, last)
			case <-bound:
			}
		}
		return hint.Wrap(&TimeoutError{Service: target.Service, Container: target.Name, Waiting: probe.String(),
			After: w.clock.Now().Sub(begin), Last: last},
			"it runs and can be looked at: `ddsctl lab logs %s`", target.Service)
	}
}

func (w *Waiter) interrupted(ctx context.Context, target Target, probe Probe, last error) error {
	err := fmt.Errorf("service %q: waiting for %s of container %s: %w", target.Service, probe, target.Name, context.Cause(ctx))
	if last != nil && !errors.Is(last, context.Canceled) {
		return fmt.Errorf("%w (last attempt: %v)", err, last) //nolint:errorlint // what the last attempt met is said, it is no cause
	}
	return err
}

// attempt prepares a probe: what it returns is called again and again, then end once.
func (w *Waiter) attempt(target Target, probe Probe) (attempt func(context.Context) error, end func(), err error) {
	if err := probe.Validate(); err != nil {
		return nil, nil, fmt.Errorf("service %q: %w", target.Service, err)
	}
	nothing := func() {}
	switch probe.Kind {
	case TCP, HTTP:
		r := &reach{waiter: w, target: target, probe: probe}
		return r.attempt, nothing, nil
	case Command:
		return func(ctx context.Context) error { return w.command(ctx, target, probe) }, nothing, nil
	default:
		return w.log(target, probe)
	}
}
