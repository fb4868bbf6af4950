package fake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// box is one container.
type box struct {
	engine.Container
	spec      engine.ContainerSpec
	started   time.Time
	finished  time.Time
	resources engine.Resources
	attached  []engine.Attachment
	files     map[string]engine.File
	log       []line
	changed   chan struct{} // closed and replaced at each change
	run       *running      // nil while it does not run
}

// running is one run of a container.
type running struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	over   chan struct{}
}

// signalled is why a process ends.
type signalled struct{ signal string }

func (s signalled) Error() string { return "killed by " + s.signal }

var signals = map[string]int{"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGKILL": 9, "SIGTERM": 15}

// alert wakes whoever waits for a change. The lock is held.
func (b *box) alert() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// find is the container with the ID. The lock is held.
func (e *Engine) find(id string) (*box, error) {
	if b := e.containers[id]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("container %s: %w", short(id), engine.ErrNotFound)
}

// on carries out a change of one container.
func (e *Engine) on(ctx context.Context, verb, id string, do func(b *box) error) error {
	return e.change(ctx, verb+" container "+short(id), func() error {
		b, err := e.find(id)
		if err != nil {
			return err
		}
		e.guard(engine.KindContainer, b.Name, b.Labels)
		defer b.alert()
		return do(b)
	})
}

// CreateContainer creates a container, not started.
func (e *Engine) CreateContainer(ctx context.Context, spec engine.ContainerSpec) (id string, err error) {
	err = e.change(ctx, "create container "+spec.Name, func() error {
		for _, b := range e.containers {
			if b.Name == spec.Name {
				return fmt.Errorf("name %s is taken by %s: %w", spec.Name, short(b.ID), engine.ErrConflict)
			}
		}
		picture := e.picture(spec.Service.Image)
		if picture == nil {
			return fmt.Errorf("no such image: %s: %w", spec.Service.Image, engine.ErrNotFound)
		}
		if provider, ok := strings.CutPrefix(spec.NetworkMode, "container:"); ok && e.containers[provider] == nil {
			return fmt.Errorf("container %s: %w", provider, engine.ErrNotFound)
		}
		labels := maps.Clone(picture.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, spec.Labels)
		number, _ := strconv.Atoi(labels[engine.LabelNumber]) // as an engine does: what is no number is 0
		b := &box{spec: spec, attached: slices.Clone(spec.Networks), files: maps.Clone(picture.files), changed: make(chan struct{})}
		if b.files == nil {
			b.files = map[string]engine.File{}
		}
		b.Container = engine.Container{ID: e.id(), Name: spec.Name, Project: labels[engine.LabelProject], Service: labels[engine.LabelService], Number: number,
			Image: spec.Service.Image, ImageID: picture.ID, ConfigHash: labels[engine.LabelConfigHash], Phase: engine.PhaseCreated,
			Created: e.options.Now(), Labels: labels, Addresses: map[string]netip.Addr{}}
		if provider, ok := strings.CutPrefix(spec.NetworkMode, "container:"); ok {
			b.NetworkOf = provider
		}
		if limit := int64(float64(spec.Service.CPUS) * 1e9); limit > 0 {
			b.resources.NanoCPUs = &limit
		}
		if limit := int64(spec.Service.MemLimit); limit > 0 {
			b.resources.MemoryBytes = &limit
		}
		for _, f := range spec.Files {
			b.files[path.Clean(f.Path)] = f
		}
		e.containers[b.ID], id = b, b.ID
		e.tell(b.event("create"))
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// StartContainer starts a container; that it runs already is no error.
func (e *Engine) StartContainer(ctx context.Context, id string) error {
	return e.on(ctx, "start", id, e.start)
}

func (e *Engine) start(b *box) error {
	if b.run != nil {
		if b.Phase == engine.PhasePaused {
			return fmt.Errorf("it is paused: %w", engine.ErrConflict)
		}
		return nil
	}
	addresses := map[string]netip.Addr{}
	for _, a := range b.attached {
		lan, err := e.lan(a.Network)
		if err != nil {
			return err
		}
		addresses[a.Network] = lan.give(a)
	}
	ports, err := e.bind(b)
	if err != nil {
		return err
	}
	b.Addresses, b.Ports, b.Phase, b.ExitCode, b.started, b.finished = addresses, ports, engine.PhaseRunning, 0, e.options.Now(), time.Time{}
	if check := b.spec.Service.HealthCheck; check != nil && !check.Disable && len(check.Test) > 0 && check.Test[0] != "NONE" {
		b.Health = engine.HealthStarting
	}
	r := &running{over: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancelCause(e.alive)
	b.run = r
	e.tell(b.event("start"))
	process := e.process(b, slices.Concat(b.spec.Service.Entrypoint, b.spec.Service.Command))
	stdout, stderr := &logWriter{engine: e, box: b}, &logWriter{engine: e, box: b, stderr: true}
	process.Stdout, process.Stderr = stdout, stderr
	e.work.Go(func() {
		code := e.options.Program(r.ctx, process)
		e.mu.Lock()
		defer e.mu.Unlock()
		stdout.flush()
		stderr.flush()
		e.over(b, r, code)
	})
	return nil
}

// over ends a run, unless it has ended already. The lock is held.
func (e *Engine) over(b *box, r *running, code int) {
	if b.run != r {
		return
	}
	var signal signalled
	if errors.As(context.Cause(r.ctx), &signal) && (signal.signal == "SIGKILL" || code == 0) {
		code = 128 + signals[signal.signal]
	}
	b.run, b.Phase, b.ExitCode, b.finished, b.Health = nil, engine.PhaseExited, code, e.options.Now(), ""
	b.Addresses, b.Ports = map[string]netip.Addr{}, nil
	r.cancel(nil)
	died := b.event("die")
	died.ExitCode = code
	e.tell(died)
	b.alert()
	close(r.over)
}

// signal asks a container's process to end; with SIGKILL it has ended on return. The lock is held.
func (e *Engine) signal(b *box, name string) {
	e.tell(b.event("kill"))
	if signals[name] == 0 {
		return
	}
	b.run.cancel(signalled{name})
	if name == "SIGKILL" {
		e.over(b, b.run, 128+signals[name])
	}
}

// StopContainer asks a container to stop and kills it after grace; nil is the container's own grace period, else 10 s.
func (e *Engine) StopContainer(ctx context.Context, id string, grace *time.Duration) error {
	var r *running
	var b *box
	wait := 10 * time.Second
	err := e.on(ctx, "stop", id, func(found *box) error {
		b, r = found, found.run
		if period := b.spec.Service.StopGracePeriod; period != nil {
			wait = time.Duration(*period)
		}
		if r != nil {
			b.Phase = engine.PhaseRunning // what is paused gets the signal too
			e.signal(b, stopSignal(b))
		}
		return nil
	})
	if err != nil || r == nil {
		return err
	}
	if grace != nil {
		wait = *grace
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.over:
	case <-timer.C:
	case <-ctx.Done(): // an engine goes on to the end although nobody waits for it
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if b.run == r {
		e.over(b, r, 137)
	}
	e.tell(b.event("stop"))
	return ctx.Err()
}

func stopSignal(b *box) string {
	if s := b.spec.Service.StopSignal; s != "" {
		return s
	}
	return "SIGTERM"
}

// RestartContainer stops a container, then starts it.
func (e *Engine) RestartContainer(ctx context.Context, id string, grace *time.Duration) error {
	if err := e.StopContainer(ctx, id, grace); err != nil {
		return err
	}
	return e.on(ctx, "restart", id, func(b *box) error {
		err := e.start(b)
		if err == nil {
			e.tell(b.event("restart"))
		}
		return err
	})
}

// KillContainer sends a signal to a container's first process.
func (e *Engine) KillContainer(ctx context.Context, id, signal string) error {
	return e.on(ctx, "send "+signal+" to", id, func(b *box) error {
		if b.run == nil {
			return fmt.Errorf("it does not run: %w", engine.ErrConflict)
		}
		e.signal(b, signal)
		return nil
	})
}

// PauseContainer freezes a container: what it would write waits.
func (e *Engine) PauseContainer(ctx context.Context, id string) error {
	return e.on(ctx, "pause", id, func(b *box) error {
		if b.Phase != engine.PhaseRunning {
			return fmt.Errorf("it is %s: %w", b.Phase, engine.ErrConflict)
		}
		b.Phase = engine.PhasePaused
		e.tell(b.event("pause"))
		return nil
	})
}

// UnpauseContainer lets a frozen container go on.
func (e *Engine) UnpauseContainer(ctx context.Context, id string) error {
	return e.on(ctx, "unpause", id, func(b *box) error {
		if b.Phase != engine.PhasePaused {
			return fmt.Errorf("it is not paused: %w", engine.ErrConflict)
		}
		b.Phase = engine.PhaseRunning
		e.tell(b.event("unpause"))
		return nil
	})
}

// UpdateContainer changes a container's limits.
func (e *Engine) UpdateContainer(ctx context.Context, id string, r engine.Resources) error {
	return e.on(ctx, "change the limits of", id, func(b *box) error {
		for from, into := range map[*int64]**int64{r.NanoCPUs: &b.resources.NanoCPUs, r.MemoryBytes: &b.resources.MemoryBytes, r.PidsLimit: &b.resources.PidsLimit} {
			if from != nil {
				value := *from
				*into = &value
			}
		}
		e.tell(b.event("update"))
		return nil
	})
}

// RemoveContainer removes a container, running or not; that it is gone is no error.
func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	err := e.on(ctx, "remove", id, func(b *box) error {
		if b.run != nil {
			e.signal(b, "SIGKILL")
		}
		delete(e.containers, id)
		e.tell(b.event("destroy"))
		return nil
	})
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	return err
}

// Exit ends a running container's first process with a code, as if it had done so by itself.
func (e *Engine) Exit(id string, code int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.containers[id]; b != nil && b.run != nil {
		e.over(b, b.run, code)
	}
}

// SetHealth is what the engine's own health check of a container says from now on.
func (e *Engine) SetHealth(id string, health engine.Health) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.containers[id]; b != nil {
		b.Health = health
		e.tell(b.event("health_status"))
		b.alert()
	}
}

// PutContainer puts a container there that somebody made. With Phase running it runs until it is stopped.
func (e *Engine) PutContainer(c engine.Container) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := &box{Container: c, files: map[string]engine.File{}, changed: make(chan struct{}), spec: engine.ContainerSpec{Name: c.Name, Labels: c.Labels}}
	if b.ID == "" {
		b.ID = e.id()
	}
	e.containers[b.ID] = b
	if c.Phase == engine.PhaseRunning {
		r := &running{over: make(chan struct{})}
		r.ctx, r.cancel = context.WithCancelCause(e.alive)
		b.run = r
		e.work.Go(func() {
			<-r.ctx.Done()
			e.mu.Lock()
			defer e.mu.Unlock()
			e.over(b, r, 0)
		})
	}
}
