package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

func (r *run) do(ctx context.Context, step plan.Step) error {
	switch step.Kind {
	case plan.CreateNetwork:
		return r.l.createNetwork(ctx, *step.Network)
	case plan.RemoveNetwork:
		return r.l.removeNetwork(ctx, step)
	case plan.CreateVolume:
		_, err := r.l.engine.CreateVolume(ctx, *step.Volume)
		return err
	case plan.RemoveVolume:
		return gone(r.l.engine.RemoveVolume(ctx, step.ID))
	case plan.CreateContainer:
		return ofService(step, r.createContainer(ctx, step))
	case plan.RemoveContainer:
		return ofService(step, r.l.removeContainer(ctx, step))
	case plan.StopContainer:
		return ofService(step, r.l.engine.StopContainer(ctx, step.ID, step.Grace))
	case plan.ResumeContainer:
		return ofService(step, r.l.engine.UnpauseContainer(ctx, step.ID))
	case plan.StartContainer:
		return ofService(step, r.startContainer(ctx, step))
	case plan.WaitReady:
		return r.wait(ctx, step)
	}
	return fmt.Errorf("step %q is not known", step.Kind)
}

func ofService(step plan.Step, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("service %q: %w", step.Service, err)
}

func (r *run) startContainer(ctx context.Context, step plan.Step) error {
	id, err := r.id(step.Object, step.ID)
	if err != nil {
		return err
	}
	if step.ID != "" {
		r.setStarted(id, r.l.options.Clock.Now())
	}
	err = r.l.engine.StartContainer(ctx, id)
	if errors.Is(err, engine.ErrPortTaken) && hint.Of(err) == "" {
		return hint.Wrap(err, "free the port, or change `ports` of service %s; then run the same command again", step.Service)
	}
	return err
}

func (r *run) wait(ctx context.Context, step plan.Step) error {
	id, err := r.id(step.Object, step.ID)
	if err != nil {
		return err
	}
	target := ready.Target{ID: id, Name: step.Object, Service: step.Service, Restarts: step.Restarts, Since: r.startedAt(id)}
	if step.OneShot {
		return r.l.waiter.WaitDone(ctx, target)
	}
	target.HostNetwork = step.Container.NetworkMode == "host"
	for _, join := range step.Joins {
		if join.Namespace == plan.ShareNetwork {
			if target.AddressOf, err = r.id(join.Container, join.ID); err != nil {
				return err
			}
		}
	}
	return r.l.waiter.Wait(ctx, target, step.Probes)
}

// createContainer fills in what only the engine knows: the IDs of the containers whose namespaces it joins.
func (r *run) createContainer(ctx context.Context, step plan.Step) error {
	spec := *step.Container
	ids := map[string]string{}
	var shares []plan.Share
	for _, join := range step.Joins {
		id, err := r.id(join.Container, join.ID)
		if err != nil {
			return err
		}
		ids[join.Service] = id
		shares = append(shares, join.Share)
		switch join.Namespace {
		case plan.ShareNetwork:
			spec.NetworkMode = "container:" + id
		case plan.SharePID:
			spec.PidMode = "container:" + id
		case plan.ShareIPC:
			spec.Service.Ipc = "container:" + id
		}
	}
	if len(shares) > 0 {
		spec.Labels = maps.Clone(spec.Labels)
		spec.Labels[plan.LabelShares] = plan.SharesLabel(shares, ids)
	}
	id, err := r.l.engine.CreateContainer(ctx, spec)
	if errors.Is(err, engine.ErrConflict) {
		id, err = r.l.replaceLeftover(ctx, spec, err)
	}
	if err != nil {
		return err
	}
	r.setID(step.Object, id)
	return nil
}

// Bounds of waiting for the engine to finish what a process asked for that is not there any more.
const (
	leftoverTries = 50
	leftoverPause = 100 * time.Millisecond
)

func (l *Lifecycle) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-l.options.Clock.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// replaceLeftover creates a container whose name turned out to be taken after the plan was made. With the lock held, one
// of ours can only be what the engine still made for an `up` that was killed; it is replaced.
func (l *Lifecycle) replaceLeftover(ctx context.Context, spec engine.ContainerSpec, conflict error) (string, error) {
	for range leftoverTries {
		claims, err := l.engine.Claims(ctx, engine.Names{Containers: []string{spec.Name}})
		if err != nil {
			return "", err
		}
		for _, c := range claims {
			if c.Kind != engine.KindContainer {
				continue
			}
			if !c.Ours() {
				return "", hint.Wrap(fmt.Errorf("container %q is there already: %w", spec.Name, engine.ErrForeign), "use another name for the lab: --name OTHER")
			}
			if c.Project() != spec.Project {
				return "", conflict
			}
			if err := l.engine.RemoveContainer(ctx, c.ID); gone(err) != nil && !errors.Is(err, engine.ErrConflict) {
				return "", err
			}
		}
		id, err := l.engine.CreateContainer(ctx, spec)
		if !errors.Is(err, engine.ErrConflict) {
			return id, err
		}
		conflict = err
		if err := l.pause(ctx, leftoverPause); err != nil {
			return "", err
		}
	}
	return "", conflict
}

// removeContainer stops it first where it runs. A removal that is under way already is waited for.
func (l *Lifecycle) removeContainer(ctx context.Context, step plan.Step) error {
	if step.Running {
		if err := gone(l.engine.StopContainer(ctx, step.ID, step.Grace)); err != nil {
			return err
		}
	}
	err := gone(l.engine.RemoveContainer(ctx, step.ID))
	for range leftoverTries {
		if !errors.Is(err, engine.ErrConflict) {
			return err
		}
		if err := l.pause(ctx, leftoverPause); err != nil {
			return err
		}
		err = gone(l.engine.RemoveContainer(ctx, step.ID))
	}
	return err
}

func (l *Lifecycle) removeNetwork(ctx context.Context, step plan.Step) error {
	err := gone(l.engine.RemoveNetwork(ctx, step.ID))
	if errors.Is(err, engine.ErrConflict) && hint.Of(err) == "" {
		return hint.Wrap(err, "a container that is not of this lab is on it; see which: docker network inspect %s", step.Object)
	}
	return err
}

// createNetwork makes sure that there is exactly one network of the name. An engine may allow two, and whoever finds a
// second one keeps that with the lowest ID: all who do so keep the same.
func (l *Lifecycle) createNetwork(ctx context.Context, spec engine.NetworkSpec) error {
	created, err := l.engine.CreateNetwork(ctx, spec)
	id := created.ID
	taken := errors.Is(err, engine.ErrConflict)
	if err != nil && !taken {
		return err
	}
	claims, claimsErr := l.engine.Claims(ctx, engine.Names{Networks: []string{spec.Name}})
	if claimsErr != nil {
		return claimsErr
	}
	claims = slices.DeleteFunc(claims, func(c engine.Claim) bool { return c.Kind != engine.KindNetwork })
	lowest := ""
	for _, c := range claims {
		if c.Project() == spec.Labels[engine.LabelProject] && c.Labels[engine.LabelConfigHash] == spec.Labels[engine.LabelConfigHash] && c.Ours() {
			if lowest == "" || c.ID < lowest {
				lowest = c.ID
			}
			continue
		}
		if c.ID == id {
			continue
		}
		foreign := hint.Wrap(fmt.Errorf("network %q is there already: %w", spec.Name, engine.ErrForeign), "use another name for the lab: --name OTHER")
		if taken {
			return foreign
		}
		return errors.Join(foreign, gone(l.engine.RemoveNetwork(ctx, id)))
	}
	switch {
	case taken && lowest == "":
		return err
	case taken || id == lowest || lowest == "":
		return nil
	}
	return gone(l.engine.RemoveNetwork(ctx, id))
}
