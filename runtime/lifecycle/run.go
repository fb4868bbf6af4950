package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/plan"
)

// run carries one plan out: each step as soon as those it waits for are over.
type run struct {
	l      *Lifecycle
	plan   plan.Plan
	report *reporter
	noWait bool // waits that nothing waits for are left out
	goOn   bool // a failure only stops what depends on it

	workers chan struct{}
	over    []chan struct{} // by step
	awaited []bool          // by step: another waits for it

	mu       sync.Mutex
	failed   []bool               // by step: failed or left out
	ids      map[string]string    // of containers made here, by name
	started  map[string]time.Time // when containers that were there before were started, by ID
	errs     []error
	warnings []string
}

func newRun(l *Lifecycle, p plan.Plan, report *reporter) *run {
	r := &run{l: l, plan: p, report: report, workers: make(chan struct{}, l.options.Workers),
		over: make([]chan struct{}, len(p.Steps)), failed: make([]bool, len(p.Steps)), awaited: make([]bool, len(p.Steps)),
		ids: map[string]string{}, started: map[string]time.Time{}}
	for i, step := range p.Steps {
		r.over[i] = make(chan struct{})
		for _, j := range step.After {
			r.awaited[j] = true
		}
	}
	report.begin(p)
	return r
}

// all returns when every step is over. After a failure (unless goOn) changes under way are finished, waits are broken off,
// and nothing new begins; when ctx ends, everything is broken off.
func (r *run) all(ctx context.Context) error {
	going, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	for i := range r.plan.Steps {
		all.Go(func() {
			defer close(r.over[i])
			r.one(ctx, going, stop, r.plan.Steps[i])
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted; the same command again goes on from here: %w", context.Cause(ctx))
	}
	return errors.Join(r.errs...)
}

func (r *run) one(ctx, going context.Context, stop func(), step plan.Step) {
	for _, j := range step.After {
		<-r.over[j]
	}
	if !r.mayBegin(going, step) {
		r.note(step.Index, nil)
		r.report.step(step, StepSkipped, 0, nil)
		return
	}
	waits := step.Kind == plan.WaitReady
	if waits && r.noWait && !r.awaited[step.Index] {
		r.report.step(step, StepSkipped, 0, nil)
		return
	}
	doing := going
	if !waits {
		doing = ctx
		select {
		case r.workers <- struct{}{}:
			defer func() { <-r.workers }()
		case <-going.Done():
			r.note(step.Index, nil)
			r.report.step(step, StepSkipped, 0, nil)
			return
		}
	}
	begin := r.l.options.Clock.Now()
	r.report.step(step, StepStarted, 0, nil)
	err := r.do(doing, step)
	elapsed := r.l.options.Clock.Now().Sub(begin)
	switch {
	case err == nil:
		r.report.step(step, StepDone, elapsed, nil)
		return
	case going.Err() != nil && errors.Is(err, context.Canceled):
		r.note(step.Index, nil) // broken off because of another failure
		r.report.step(step, StepSkipped, elapsed, nil)
		return
	}
	r.note(step.Index, err)
	r.report.step(step, StepFailed, elapsed, err)
	if !r.goOn && !step.Optional {
		stop()
	}
}

// mayBegin says whether what the step waited for went well. The failure of an optional service only counts for itself.
func (r *run) mayBegin(going context.Context, step plan.Step) bool {
	if going.Err() != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range step.After {
		if other := r.plan.Steps[j]; r.failed[j] && !(other.Optional && other.Service != step.Service) {
			return false
		}
	}
	return true
}

// note remembers that a step failed, or with a nil error that it was left out.
func (r *run) note(index int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[index] = true
	switch {
	case err == nil:
	case r.plan.Steps[index].Optional:
		r.warnings = append(r.warnings, err.Error())
	default:
		r.errs = append(r.errs, err)
	}
}

func (r *run) setID(object, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[object] = id
}

func (r *run) setStarted(id string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started[id] = at
}

func (r *run) startedAt(id string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started[id]
}

// id of the container a step is about: known to the plan, or made by an earlier step.
func (r *run) id(object, known string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known != "" {
		return known, nil
	}
	if id := r.ids[object]; id != "" {
		return id, nil
	}
	return "", fmt.Errorf("container %s is not there", object)
}
