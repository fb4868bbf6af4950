package logs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// follow prints what comes: of the containers that run, and of those that start later.
func (c *copier) follow(ctx context.Context, containers []engine.Container, events <-chan engine.Event, failed <-chan error) error {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan followed)
	reading := map[string]bool{}
	// The readers end when ctx does; nobody leaves before they have.
	defer func() {
		stop()
		for len(reading) > 0 {
			delete(reading, (<-ended).id)
		}
	}()
	again := map[string]engine.Container{} // started anew while the reader of the life before is not done yet
	read := func(container engine.Container) {
		if reading[container.ID] {
			again[container.ID] = container
			return
		}
		reading[container.ID] = true
		go func() {
			err := c.read(ctx, container, engine.LogSpec{Follow: true, Tail: -1, Since: c.since(container)}, c.fresh(container))
			ended <- followed{container.ID, err}
		}()
	}
	for _, container := range containers {
		if container.Phase == engine.PhaseRunning || container.Phase == engine.PhasePaused || container.Phase == engine.PhaseRestarting {
			read(container)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-ended:
			delete(reading, f.id)
			if f.err != nil && ctx.Err() == nil {
				return f.err
			}
			if container, ok := again[f.id]; ok {
				delete(again, f.id)
				read(container)
			}
		case event, ok := <-events:
			if !ok {
				return errors.Join(<-failed)
			}
			if event.Kind != engine.KindContainer {
				continue
			}
			switch event.Action {
			case "start":
				container, err := c.started(ctx, event)
				if err != nil {
					return err
				}
				if container.ID != "" && c.options.Select(container) {
					read(container)
				}
			case "destroy":
				if gone, err := c.gone(ctx); gone || err != nil {
					return err
				}
			}
		}
	}
}

type followed struct {
	id  string
	err error
}

// started finds the container that an event is about; none where it is gone again.
func (c *copier) started(ctx context.Context, event engine.Event) (engine.Container, error) {
	state, err := c.engine.State(ctx, c.project)
	if err != nil {
		return engine.Container{}, err
	}
	for _, container := range state.Containers {
		if container.ID == event.ID {
			return container, nil
		}
	}
	return engine.Container{}, nil
}

// gone says that no selected container is left: nothing can come any more.
func (c *copier) gone(ctx context.Context) (bool, error) {
	state, err := c.engine.State(ctx, c.project)
	return !slices.ContainsFunc(state.Containers, c.options.Select), err
}

// since is from when on a container's log has not been printed yet.
func (c *copier) since(container engine.Container) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.seen[container.ID]; !last.IsZero() {
		return last
	}
	return c.options.Since
}

// fresh prints what is newer than what was printed before: an engine's Since takes in the instant itself.
func (c *copier) fresh(container engine.Container) func(line) error {
	c.mu.Lock()
	last := c.seen[container.ID]
	c.mu.Unlock()
	return func(l line) error {
		if !l.time.IsZero() && !l.time.After(last) {
			return nil
		}
		return c.write(container, l)
	}
}
