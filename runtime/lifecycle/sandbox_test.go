package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// sandbox is an engine in memory that can be made to fail, or to lose its caller, at any call that changes something. What
// a container does stands in its image's name: "ok" runs, "done" exits with 0, "bad" exits with 3 after a word.
type sandbox struct {
	mu         sync.Mutex
	next       int
	containers map[string]*boxed
	networks   map[string]engine.Network
	volumes    map[string]engine.Volume
	calls      []string                                             // that changed something, in order
	intercept  func(ctx context.Context, n int) (fail, after error) // for the n-th such call, from 1
	busy, peak int                                                  // changes under way at once
	touched    []string                                             // what was foreign and was changed
}

type boxed struct {
	engine.Container
	spec engine.ContainerSpec
	over chan struct{} // closed when it does not run
}

func newSandbox() *sandbox {
	return &sandbox{containers: map[string]*boxed{}, networks: map[string]engine.Network{}, volumes: map[string]engine.Volume{}}
}

// change runs one call that changes something.
func (s *sandbox) change(ctx context.Context, name string, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	s.calls = append(s.calls, name)
	n := len(s.calls)
	s.busy++
	s.peak = max(s.peak, s.busy)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.busy--; s.mu.Unlock() }()
	var fail, after error
	if s.intercept != nil {
		fail, after = s.intercept(ctx, n)
	}
	if fail != nil {
		return fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return after
}

func (s *sandbox) id(prefix string) string {
	s.next++
	return prefix + strconv.Itoa(s.next)
}

func (s *sandbox) guard(kind, name string, labels map[string]string) {
	if labels[engine.LabelLab] == "" {
		s.touched = append(s.touched, kind+" "+name)
	}
}

func (s *sandbox) State(ctx context.Context, project string) (engine.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var state engine.State
	for _, id := range slices.Sorted(maps.Keys(s.containers)) {
		if c := s.containers[id]; c.Project == project {
			state.Containers = append(state.Containers, c.Container)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.networks)) {
		if n := s.networks[id]; n.Project == project {
			state.Networks = append(state.Networks, n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.volumes)) {
		if v := s.volumes[name]; v.Project == project {
			state.Volumes = append(state.Volumes, v)
		}
	}
	return state, ctx.Err()
}

func (s *sandbox) Claims(ctx context.Context, names engine.Names) ([]engine.Claim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var claims []engine.Claim
	for id, c := range s.containers {
		if slices.Contains(names.Containers, c.Name) {
			claims = append(claims, engine.Claim{Kind: engine.KindContainer, Name: c.Name, ID: id, Labels: c.Labels})
		}
	}
	for id, n := range s.networks {
		if slices.Contains(names.Networks, n.Name) {
			claims = append(claims, engine.Claim{Kind: engine.KindNetwork, Name: n.Name, ID: id, Labels: n.Labels})
		}
	}
	for name, v := range s.volumes {
		if slices.Contains(names.Volumes, name) {
			claims = append(claims, engine.Claim{Kind: engine.KindVolume, Name: name, ID: name, Labels: v.Labels})
		}
	}
	return claims, ctx.Err()
}

func (s *sandbox) CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (n engine.Network, err error) {
	err = s.change(ctx, "create network "+spec.Name, func() error { // of whatever name: Docker allows it
		n = engine.Network{ID: s.id("n"), Name: spec.Name, Project: spec.Labels[engine.LabelProject], Labels: spec.Labels}
		s.networks[n.ID] = n
		return nil
	})
	return n, err
}

func (s *sandbox) RemoveNetwork(ctx context.Context, id string) error {
	return s.change(ctx, "remove network "+id, func() error {
		n, ok := s.networks[id]
		if !ok {
			return engine.ErrNotFound
		}
		s.guard("network", n.Name, n.Labels)
		for _, c := range s.containers {
			if _, on := c.Addresses[n.Name]; on {
				return fmt.Errorf("%s is on it: %w", c.Name, engine.ErrConflict)
			}
		}
		delete(s.networks, id)
		return nil
	})
}

func (s *sandbox) CreateVolume(ctx context.Context, spec engine.VolumeSpec) (v engine.Volume, err error) {
	err = s.change(ctx, "create volume "+spec.Name, func() error {
		if old, ok := s.volumes[spec.Name]; ok {
			v = old // as Docker does
			return nil
		}
		v = engine.Volume{Name: spec.Name, Project: spec.Labels[engine.LabelProject], Labels: spec.Labels}
		s.volumes[v.Name] = v
		return nil
	})
	return v, err
}

func (s *sandbox) RemoveVolume(ctx context.Context, name string) error {
	return s.change(ctx, "remove volume "+name, func() error {
		s.guard("volume", name, s.volumes[name].Labels)
		for _, c := range s.containers {
			if slices.ContainsFunc(c.spec.Mounts, func(m engine.Mount) bool { return m.Source == name }) {
				return fmt.Errorf("%s uses it: %w", c.Name, engine.ErrConflict)
			}
		}
		delete(s.volumes, name)
		return nil
	})
}

func (s *sandbox) CreateContainer(ctx context.Context, spec engine.ContainerSpec) (id string, err error) {
	err = s.change(ctx, "create container "+spec.Name, func() error {
		for _, c := range s.containers {
			if c.Name == spec.Name {
				return engine.ErrConflict
			}
		}
		if provider, ok := strings.CutPrefix(spec.NetworkMode, "container:"); ok && s.containers[provider] == nil {
			return fmt.Errorf("container %s: %w", provider, engine.ErrNotFound)
		}
		id = s.id("c")
		number, _ := strconv.Atoi(spec.Labels[engine.LabelNumber])
		over := make(chan struct{})
		close(over)
		s.containers[id] = &boxed{spec: spec, over: over, Container: engine.Container{ID: id, Name: spec.Name, Project: spec.Project,
			Service: spec.Labels[engine.LabelService], Number: number, ConfigHash: spec.Labels[engine.LabelConfigHash],
			Phase: engine.PhaseCreated, Labels: spec.Labels}}
		return nil
	})
	return id, err
}

func (s *sandbox) StartContainer(ctx context.Context, id string) error {
	return s.change(ctx, "start container "+id, func() error {
		c := s.containers[id]
		if c == nil {
			return engine.ErrNotFound
		}
		s.guard("container", c.Name, c.Labels)
		c.Addresses = map[string]netip.Addr{}
		for _, a := range c.spec.Networks {
			found := 0
			for _, n := range s.networks {
				if n.Name == a.Network {
					found++
				}
			}
			if found != 1 {
				return fmt.Errorf("network %s: %d of that name", a.Network, found)
			}
			c.Addresses[a.Network] = netip.MustParseAddr("10.0.0.1")
		}
		switch c.spec.Service.Image {
		case "done":
			c.Phase, c.ExitCode = engine.PhaseExited, 0
		case "bad":
			c.Phase, c.ExitCode = engine.PhaseExited, 3
		default:
			c.Phase, c.over = engine.PhaseRunning, make(chan struct{})
		}
		return nil
	})
}

func (s *sandbox) stop(c *boxed) {
	if c.Phase == engine.PhaseRunning {
		c.Phase, c.Addresses = engine.PhaseExited, nil
		close(c.over)
	}
}

func (s *sandbox) StopContainer(ctx context.Context, id string, _ *time.Duration) error {
	return s.change(ctx, "stop container "+id, func() error {
		c := s.containers[id]
		if c == nil {
			return engine.ErrNotFound
		}
		s.guard("container", c.Name, c.Labels)
		s.stop(c)
		return nil
	})
}

func (s *sandbox) UnpauseContainer(ctx context.Context, id string) error {
	return s.change(ctx, "unpause container "+id, func() error {
		s.containers[id].Phase = engine.PhaseRunning
		return nil
	})
}

func (s *sandbox) RemoveContainer(ctx context.Context, id string) error {
	return s.change(ctx, "remove container "+id, func() error {
		c := s.containers[id]
		if c == nil {
			return engine.ErrNotFound
		}
		s.guard("container", c.Name, c.Labels)
		s.stop(c)
		delete(s.containers, id)
		return nil
	})
}

func (s *sandbox) get(id string) (boxed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[id]; c != nil {
		return *c, nil
	}
	return boxed{}, engine.ErrNotFound
}

func (s *sandbox) InspectContainer(_ context.Context, id string) (engine.Container, error) {
	c, err := s.get(id)
	return c.Container, err
}

func (s *sandbox) WaitContainer(ctx context.Context, id string) (int, error) {
	c, err := s.get(id)
	if err != nil {
		return 0, err
	}
	select {
	case <-c.over:
		c, err = s.get(id)
		return c.ExitCode, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Exec succeeds where the container runs.
func (s *sandbox) Exec(ctx context.Context, id string, _ engine.ExecSpec) (int, error) {
	c, err := s.get(id)
	switch {
	case err != nil:
		return 0, err
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case c.Phase != engine.PhaseRunning:
		return 0, errors.New("it does not run")
	}
	return 0, nil
}

func (s *sandbox) Logs(_ context.Context, id string, _ engine.LogSpec, stdout, _ io.Writer) error {
	c, err := s.get(id)
	if err == nil {
		_, err = fmt.Fprintf(stdout, "%s says goodbye\n", c.Name)
	}
	return err
}

// quick is a clock on which every pause is over at once, and what is longer than a second never ends.
type quick struct {
	mu  sync.Mutex
	now time.Time
}

func (q *quick) Now() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

func (q *quick) After(d time.Duration) <-chan time.Time {
	if d > time.Second {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now = q.now.Add(d)
	over := make(chan time.Time, 1)
	over <- q.now
	return over
}
