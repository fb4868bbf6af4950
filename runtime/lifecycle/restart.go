package lifecycle

import (
	"context"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// RestartOptions changes what Restart does. The zero value restarts every container of the lab's own.
type RestartOptions struct {
	// Only says which containers are restarted; nil is all but the helpers.
	Only func(engine.Container) bool
	// Spec is what the project was made from, where that is known: it says when a service is ready.
	Spec *Spec
	// Grace is how long containers are given to stop; nil is as for Down with its volumes kept.
	Grace  *time.Duration
	NoWait bool // return once everything has started that does not wait for something else
	DryRun bool // return the plan, change nothing
}

// Restart stops containers and starts them again as they are, those that others depend on first, and waits until they are ready. It takes over nothing that
// has changed in the project's files; Up does.
func (l *Lifecycle) Restart(ctx context.Context, project string, options RestartOptions, progress func(Progress)) (Result, error) {
	begin := l.options.Clock.Now()
	services := map[string]plan.Service{}
	if options.Spec != nil {
		desired, err := plan.Want(*options.Spec)
		if err != nil {
			return Result{}, err
		}
		for _, s := range desired.Services {
			services[s.Name] = s
		}
	}
	report := newReporter(progress, l.options)
	if !options.DryRun {
		held, err := l.lock(ctx, project, report)
		if err != nil {
			return Result{}, err
		}
		defer l.release(ctx, held)
		if err := l.quiet(ctx, project, held); err != nil {
			return Result{}, err
		}
	}
	state, err := l.engine.State(ctx, project)
	if err != nil {
		return Result{}, err
	}
	p := plan.Restart(state, plan.RestartOptions{Only: options.Only, Services: services})
	if options.Grace != nil {
		for i := range p.Steps {
			p.Steps[i].Grace = options.Grace
		}
	}
	result := Result{Project: project, Plan: p, Outcomes: p.Outcomes}
	if options.DryRun {
		return result, nil
	}
	run := newRun(l, p, report)
	run.noWait = options.NoWait
	err = run.all(ctx)
	result.Warnings, result.Duration = run.warnings, l.options.Clock.Now().Sub(begin)
	if err != nil {
		result.Outcomes = nil
	}
	return result, err
}
