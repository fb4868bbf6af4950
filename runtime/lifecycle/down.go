package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// DownOptions changes what Down does. The zero value leaves nothing of the project.
type DownOptions struct {
	KeepVolumes bool
	// Grace is how long containers are given to stop. Nil is their own period where they asked for one or have something to
	// save beyond the lab, and plan.ShortGrace otherwise.
	Grace  *time.Duration
	DryRun bool
}

// rounds is how often Down looks again for what appeared while it worked.
const rounds = 5

// Down removes everything of the project that ddsctl made, and nothing else. It goes on past a failure with what does not
// depend on it.
func (l *Lifecycle) Down(ctx context.Context, project string, options DownOptions, progress func(Progress)) (Result, error) {
	begin := l.options.Clock.Now()
	report := newReporter(progress, l.options)
	result := Result{Project: project}
	if options.DryRun {
		state, err := l.engine.State(ctx, project)
		if err != nil {
			return result, err
		}
		result.Plan = teardown(state, options)
		result.Outcomes = result.Plan.Outcomes
		return result, nil
	}
	held, err := l.lock(ctx, project, report)
	if err != nil {
		return result, err
	}
	defer l.release(ctx, held)
	if err := l.quiet(ctx, project, held); err != nil {
		return result, err
	}
	for round := 0; ; round++ {
		state, err := l.engine.State(ctx, project)
		if err != nil {
			return result, err
		}
		p := teardown(state, options)
		result.Duration = l.options.Clock.Now().Sub(begin)
		if p.Empty() {
			return result, nil
		}
		if round == rounds {
			return result, hint.Wrap(fmt.Errorf("project %s: still there after %d rounds: %s", project, rounds, left(state)),
				"something makes them again; see who: docker events")
		}
		result.Plan.Steps = append(result.Plan.Steps, p.Steps...)
		result.Outcomes = append(result.Outcomes, p.Outcomes...)
		run := newRun(l, p, report)
		run.goOn = true
		if err := run.all(ctx); err != nil {
			result.Outcomes = nil
			return result, err
		}
	}
}

func teardown(state engine.State, options DownOptions) plan.Plan {
	p := plan.Teardown(state, plan.TeardownOptions{KeepVolumes: options.KeepVolumes})
	if options.Grace != nil {
		for i := range p.Steps {
			p.Steps[i].Grace = options.Grace
		}
	}
	return p
}

func left(state engine.State) string {
	var names []string
	for _, c := range state.Containers {
		names = append(names, "container "+c.Name)
	}
	for _, n := range state.Networks {
		names = append(names, "network "+n.Name)
	}
	for _, v := range state.Volumes {
		names = append(names, "volume "+v.Name)
	}
	return strings.Join(names, ", ")
}

// gone turns the error about something that does not exist any more into none.
func gone(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	return err
}
