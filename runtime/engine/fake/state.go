package fake

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// State is everything of a project.
func (e *Engine) State(ctx context.Context, project string) (engine.State, error) {
	state := e.state(func(labels map[string]string, of string) bool { return of == project })
	e.mu.Lock()
	defer e.mu.Unlock()
	missing := state.Missing()
	for _, l := range e.networks {
		if slices.Contains(missing, l.Name) {
			state.Outer = append(state.Outer, l.Network)
		}
	}
	slices.SortFunc(state.Outer, func(a, b engine.Network) int { return cmp.Compare(a.Name+a.ID, b.Name+b.ID) })
	return state, ctx.Err()
}

// Projects is everything that ddsctl made, by project. A project that ddsctl stands beside is there whole.
func (e *Engine) Projects(ctx context.Context) (map[string]engine.State, error) {
	projects := byProject(e.state(func(labels map[string]string, _ string) bool { _, ours := labels[engine.LabelLab]; return ours }))
	for name, state := range projects {
		if !state.Attached() {
			continue
		}
		whole, err := e.State(ctx, name)
		if err != nil {
			return nil, err
		}
		projects[name] = whole
	}
	return projects, ctx.Err()
}

// Others are the Compose projects of which ddsctl made nothing, by name.
func (e *Engine) Others(ctx context.Context) (map[string]engine.State, error) {
	projects := byProject(e.state(func(_ map[string]string, of string) bool { return of != "" }))
	maps.DeleteFunc(projects, func(_ string, s engine.State) bool { return len(s.Containers) == 0 || s.Ours() })
	return projects, ctx.Err()
}

func byProject(all engine.State) map[string]engine.State {
	projects := map[string]engine.State{}
	for _, x := range all.Containers {
		s := projects[x.Project]
		s.Containers = append(s.Containers, x)
		projects[x.Project] = s
	}
	for _, x := range all.Networks {
		s := projects[x.Project]
		s.Networks = append(s.Networks, x)
		projects[x.Project] = s
	}
	for _, x := range all.Volumes {
		s := projects[x.Project]
		s.Volumes = append(s.Volumes, x)
		projects[x.Project] = s
	}
	return projects
}

func (e *Engine) state(holds func(labels map[string]string, project string) bool) engine.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	var state engine.State
	for _, b := range e.containers {
		if holds(b.Labels, b.Project) {
			state.Containers = append(state.Containers, b.view())
		}
	}
	engine.Sort(state.Containers)
	for _, l := range e.networks {
		if holds(l.Labels, l.Project) {
			state.Networks = append(state.Networks, l.Network)
		}
	}
	slices.SortFunc(state.Networks, func(a, b engine.Network) int { return cmp.Compare(a.Name+a.ID, b.Name+b.ID) })
	for _, name := range slices.Sorted(maps.Keys(e.volumes)) {
		if v := e.volumes[name]; holds(v.Labels, v.Project) {
			state.Volumes = append(state.Volumes, v.Volume)
		}
	}
	return state
}

// view is the container as it is now: what is handed out does not change.
func (b *box) view() engine.Container {
	c := b.Container
	c.Addresses, c.Labels, c.Ports = maps.Clone(c.Addresses), maps.Clone(c.Labels), slices.Clone(c.Ports)
	return c
}

// Claims finds who uses names, of whatever project.
func (e *Engine) Claims(ctx context.Context, names engine.Names) ([]engine.Claim, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var claims []engine.Claim
	for id, b := range e.containers {
		if slices.Contains(names.Containers, b.Name) {
			claims = append(claims, engine.Claim{Kind: engine.KindContainer, Name: b.Name, ID: id, Labels: b.Labels})
		}
	}
	for id, l := range e.networks {
		if slices.Contains(names.Networks, l.Name) {
			claims = append(claims, engine.Claim{Kind: engine.KindNetwork, Name: l.Name, ID: id, Labels: l.Labels})
		}
	}
	for name, v := range e.volumes {
		if slices.Contains(names.Volumes, name) {
			claims = append(claims, engine.Claim{Kind: engine.KindVolume, Name: name, ID: name, Labels: v.Labels})
		}
	}
	slices.SortFunc(claims, func(a, b engine.Claim) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name+a.ID, b.Name+b.ID))
	})
	return claims, ctx.Err()
}

// InspectContainer reads one container.
func (e *Engine) InspectContainer(ctx context.Context, id string) (engine.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.find(id)
	if err != nil {
		return engine.Container{}, err
	}
	return b.view(), ctx.Err()
}

// Detail inspects a container: its limits and its mounts.
func (e *Engine) Detail(ctx context.Context, id string) (engine.Detail, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.find(id)
	if err != nil {
		return engine.Detail{}, err
	}
	d := engine.Detail{Container: b.view(), Started: b.started}
	if limit := b.resources.NanoCPUs; limit != nil {
		d.NanoCPUs = *limit
	}
	if limit := b.resources.MemoryBytes; limit != nil {
		d.MemoryBytes = *limit
	}
	for _, m := range b.spec.Mounts {
		bounded := engine.BoundedMount{Mount: m, Bound: m.SizeBytes}
		bounded.SizeBytes = 0
		d.Mounts = append(d.Mounts, bounded)
	}
	return d, ctx.Err()
}

// Life tells since when a container runs, or when it ended.
func (e *Engine) Life(ctx context.Context, id string) (engine.Life, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.find(id)
	if err != nil {
		return engine.Life{}, err
	}
	return engine.Life{Started: b.started, Finished: b.finished, Health: string(b.Health)}, ctx.Err()
}

// Usage is what a container uses: nothing, and its limits.
func (e *Engine) Usage(ctx context.Context, id string) (engine.Usage, error) {
	d, err := e.Detail(ctx, id)
	if err != nil {
		return engine.Usage{}, err
	}
	if d.Phase != engine.PhaseRunning && d.Phase != engine.PhasePaused {
		return engine.Usage{}, errors.Join(errors.New("it does not run"), engine.ErrNotFound)
	}
	return engine.Usage{Time: e.options.Now()}, nil
}

// watcher is one who follows events: they are kept until he takes them.
type watcher struct {
	project string
	kept    []engine.Event
	more    chan struct{} // has one element when there is something to take
}

// tell tells everyone who follows. The lock is held.
func (e *Engine) tell(event engine.Event) {
	event.Time = e.options.Now()
	for w := range e.watchers {
		if w.project != event.Project {
			continue
		}
		w.kept = append(w.kept, event)
		select {
		case w.more <- struct{}{}:
		default: // he knows
		}
	}
}

func (b *box) event(action string) engine.Event {
	return engine.Event{Kind: engine.KindContainer, Action: action, ID: b.ID, Name: b.Name, Project: b.Project, Service: b.Service, Labels: maps.Clone(b.Labels)}
}

// Events follows what happens to a project from now on. Both channels are closed when ctx, or the engine, ends.
func (e *Engine) Events(ctx context.Context, project string) (<-chan engine.Event, <-chan error) {
	out, errs := make(chan engine.Event), make(chan error, 1)
	w := &watcher{project: project, more: make(chan struct{}, 1)}
	e.mu.Lock()
	e.watchers[w] = true
	e.mu.Unlock()
	e.work.Go(func() {
		defer close(errs)
		defer close(out)
		defer func() { e.mu.Lock(); delete(e.watchers, w); e.mu.Unlock() }()
		for {
			select {
			case <-w.more:
			case <-ctx.Done():
				return
			case <-e.alive.Done():
				errs <- errors.Join(errors.New("the engine ended"), engine.ErrUnreachable)
				return
			}
			e.mu.Lock()
			events := w.kept
			w.kept = nil
			e.mu.Unlock()
			for _, event := range events {
				select {
				case out <- event:
				case <-ctx.Done():
					return
				case <-e.alive.Done():
					return
				}
			}
		}
	})
	return out, errs
}

// Made is what a container was made with.
func (e *Engine) Made(ctx context.Context, id string) (types.ServiceConfig, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.find(id)
	if err != nil {
		return types.ServiceConfig{}, err
	}
	made := b.spec.Service
	made.Name, made.Labels = b.Service, maps.Clone(b.Labels)
	return made, ctx.Err()
}
