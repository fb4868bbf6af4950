// Package live is a running lab as one handle: what it does (Snapshots), what is done to it (faults, traffic), and a way inside
// (commands, logs). The dashboard, scenarios and exercises use only this.
//
//	lab, err := live.Open(ctx, engine, "sharded-redis", live.Options{})
//	defer lab.Close()
//	for snapshot, err := range lab.Snapshots(ctx) { ... }
//	faults, err := lab.Inject(ctx, fault.Spec{Kind: "kill", Targets: []string{"redis-2"}, For: 10 * time.Second})
//	err = lab.Heal(ctx, faults[0].ID)
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/attached"
	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lock"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/collect"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Engine is what a handle needs of a container engine.
type Engine interface {
	collect.Engine
	fault.Engine
	launch.Engine
	attached.Engine
	// Projects is everything that ddsctl made in the engine, by project.
	Projects(ctx context.Context) (map[string]engine.State, error)
}

// Options are a handle's surroundings. The zero value works.
type Options struct {
	// Address is where the engine was reached; it is part of the name of a lock.
	Address string
	// LockDir is where locks are; "" is lock.Dir().
	LockDir string
	// Keep sees to it that a fault on nodes that has an end is healed then, although this process may be killed. Nil leaves it to whoever
	// opens the lab next.
	Keep func(ctx context.Context, project string, expires time.Time) error
	// Interval is the time between Snapshots; 0 is collect.DefaultInterval.
	Interval time.Duration
	// Definition reads the lab's definition for a state of the engine; nil reads it as the labels say.
	Definition func(ctx context.Context, project string, state engine.State) (*labs.Lab, error)
}

// Lab is a running lab. It is safe for use by several goroutines. Close ends its connections.
type Lab struct {
	// Project is the running instance's name, Slug the lab's.
	Project, Slug string
	// Definition is what the lab's files say; nil where they cannot be read any more, and DefinitionError says why.
	Definition      *labs.Lab
	DefinitionError error

	engine  Engine
	options Options
	faults  *fault.Injector
	life    context.Context //nolint:containedctx // of the connections, which outlive the calls that open them
	end     context.CancelFunc

	mu      sync.Mutex
	helpers map[string]*control.Client // by kind
}

// Open gives a handle on a running lab: by the project's name, or "" where exactly one runs. Faults that should have ended are healed
// first.
func Open(ctx context.Context, e Engine, project string, options Options) (*Lab, error) {
	projects, err := e.Projects(ctx)
	if err != nil {
		return nil, err
	}
	if project == "" {
		if project, err = only(projects); err != nil {
			return nil, err
		}
	}
	state, ok := projects[project]
	if !ok {
		return nil, hint.Wrap(fmt.Errorf("lab %q is not running: %w", project, engine.ErrNotFound), "running: %s; start it: ddsctl lab up %s", words(projects), project)
	}
	l := &Lab{Project: project, Slug: origin.Of(state).Slug, engine: e, options: options, helpers: map[string]*control.Client{}}
	l.life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	define := options.Definition
	if define == nil {
		define = func(ctx context.Context, project string, state engine.State) (*labs.Lab, error) {
			from := origin.Of(state)
			if from.Attached {
				return attached.Open(ctx, e, project, state, nil)
			}
			return from.Open(ctx, project, nil)
		}
	}
	if l.Definition, l.DefinitionError = define(ctx, project, state); l.DefinitionError != nil {
		l.Definition = nil
	}
	faultOptions := fault.Options{Project: project, Lock: l.lockFaults, Moved: l.configure}
	if options.Keep != nil {
		faultOptions.Keep = func(ctx context.Context, expires time.Time) error { return options.Keep(ctx, project, expires) }
	}
	l.faults = fault.New(e, journal{l}, faultOptions)
	if _, err := helper.Find(state, engine.HelperWire); err == nil {
		if state.Attached() { // somebody else may have changed it, and told nobody
			if err := l.configure(ctx); err != nil && ctx.Err() != nil {
				return nil, errors.Join(err, l.Close())
			} // else whoever breaks or counts a link is told
		}
		healing, cancel := context.WithTimeout(ctx, healPatience)
		defer cancel()
		if _, _, err := l.faults.HealOverdue(healing); err != nil && ctx.Err() != nil {
			return nil, errors.Join(err, l.Close())
		} // else whoever lists the faults sees what stands, and why
	}
	return l, nil
}

// healPatience bounds what opening a lab waits for its wire helper, which may be frozen.
const healPatience = 10 * time.Second

func only(projects map[string]engine.State) (string, error) {
	switch len(projects) {
	case 0:
		return "", hint.Wrap(fmt.Errorf("no lab is running"), "start one: ddsctl lab up sharded-redis")
	case 1:
		for name := range projects {
			return name, nil
		}
	}
	return "", hint.Wrap(fmt.Errorf("several labs are running: %s", words(projects)), "name the one that is meant")
}

func words(projects map[string]engine.State) string {
	if len(projects) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(projects)), ", ")
}

// configure tells the wire where the nodes are now.
func (l *Lab) configure(ctx context.Context) error {
	state, err := l.engine.State(ctx, l.Project)
	if err != nil {
		return err
	}
	return journal{l}.safely(ctx, func(c *wire.Client) error { return c.Configure(ctx, helper.Topology(l.Project, state)) })
}

func (l *Lab) lockFaults(ctx context.Context) (func(), error) {
	dir := l.options.LockDir
	if dir == "" {
		dir = lock.Dir()
	}
	held, err := lock.Acquire(ctx, dir, l.options.Address+" "+l.Project+" faults", nil)
	if err != nil {
		return nil, err
	}
	return func() { _ = held.Release() }, nil
}

// Close ends the handle's connections. What was done to the lab stays.
func (l *Lab) Close() error {
	l.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, client := range l.helpers {
		_ = client.Close()
	}
	clear(l.helpers)
	return nil
}

// helper gives the connection to a helper, a new one where there is none that stands.
func (l *Lab) helper(ctx context.Context, kind string) (*control.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if client := l.helpers[kind]; client != nil {
		if client.Err() == nil {
			return client, nil
		}
		_ = client.Close()
		delete(l.helpers, kind)
	}
	if l.life.Err() != nil {
		return nil, fmt.Errorf("the handle on %s is closed", l.Project)
	}
	state, err := l.engine.State(ctx, l.Project)
	if err != nil {
		return nil, err
	}
	client, err := helper.DialIn(l.life, l.engine, state, l.Project, kind)
	if err != nil {
		return nil, err
	}
	l.helpers[kind] = client
	return client, nil
}

// Snapshots gives what the lab does, at every interval, until the loop is left or ctx ends. Each call reads the lab for itself.
func (l *Lab) Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return collect.Watch(ctx, l.engine, l.watching())
}

// SetInterval changes the time between Snapshots of streams that begin later.
func (l *Lab) SetInterval(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.options.Interval = d
}

// Inject puts a fault on the lab. When it returns, the fault stands; on an error nothing of it does.
func (l *Lab) Inject(ctx context.Context, spec fault.Spec) ([]telemetry.Fault, error) {
	return l.faults.Inject(ctx, spec)
}

// Faults lists the faults that stand, oldest first, with whether they bite.
func (l *Lab) Faults(ctx context.Context) ([]telemetry.Fault, error) { return l.faults.List(ctx) }

// Heal heals the faults with these IDs; those that do not stand any more are no error.
func (l *Lab) Heal(ctx context.Context, ids ...string) error {
	_, err := l.faults.Heal(ctx, ids...)
	return err
}

// HealAll heals every fault.
func (l *Lab) HealAll(ctx context.Context) error {
	_, err := l.faults.HealAll(ctx)
	return err
}

// Injector breaks and mends the lab in finer steps.
func (l *Lab) Injector() *fault.Injector { return l.faults }

// Wire speaks to the lab's wire helper.
func (l *Lab) Wire(ctx context.Context) (*wire.Client, error) {
	client, err := l.helper(ctx, engine.HelperWire)
	if err != nil {
		return nil, err
	}
	return wire.NewClient(client), nil
}

// Client is a connection to the lab's traffic client.
func (l *Lab) Client(ctx context.Context) (*control.Client, error) {
	return l.helper(ctx, engine.HelperClient)
}

// State is what the engine holds of the lab now.
func (l *Lab) State(ctx context.Context) (engine.State, error) { return l.engine.State(ctx, l.Project) }

// Node finds a node by its name, or by its service's where that has exactly one.
func (l *Lab) Node(ctx context.Context, name string) (engine.Container, error) {
	state, err := l.engine.State(ctx, l.Project)
	if err != nil {
		return engine.Container{}, err
	}
	names := engine.NodeNames(state.Containers)
	for _, c := range state.Containers {
		if names[c.ID] == name {
			return c, nil
		}
	}
	return engine.Container{}, hint.Wrap(fmt.Errorf("%s has no node %q: %w", l.Project, name, engine.ErrNotFound),
		"there are %s", strings.Join(slices.Sorted(maps.Values(names)), ", "))
}

// Exec runs a command in a node and returns its exit code.
func (l *Lab) Exec(ctx context.Context, node string, spec engine.ExecSpec) (int, error) {
	c, err := l.Node(ctx, node)
	if err != nil {
		return 0, err
	}
	return l.engine.Exec(ctx, c.ID, spec)
}

// Run is Exec for what only writes: user "" is the container's own, and both of the command's streams go to output.
func (l *Lab) Run(ctx context.Context, node string, command []string, user string, output io.Writer) (int, error) {
	return l.Exec(ctx, node, engine.ExecSpec{Command: command, User: user, Stdout: output, Stderr: output})
}

// Logs copies a node's log.
func (l *Lab) Logs(ctx context.Context, node string, spec engine.LogSpec, stdout, stderr io.Writer) error {
	c, err := l.Node(ctx, node)
	if err != nil {
		return err
	}
	return l.engine.Logs(ctx, c.ID, spec, stdout, stderr)
}
