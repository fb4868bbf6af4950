// Package lifecycle brings a project up, changes it, and takes it down: it asks runtime/plan for the steps and carries
// them out in the engine, in dependency order and in parallel, waiting with runtime/ready.
//
//	l := lifecycle.New(client, lifecycle.Options{Address: client.Address()})
//	result, err := l.Up(ctx, lifecycle.Spec{Lab: "sharded-redis", Project: project}, lifecycle.UpOptions{}, show)
//	fmt.Println(result.Summary()) // "created 4 containers and 1 network", or "nothing to change"
//
// Nothing is kept but the engine's labels. Whoever is interrupted, at any instant, leaves a state from which the next Up
// finishes and Down cleans up.
package lifecycle

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/lock"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// Engine is what a lifecycle needs of a container engine, besides what readiness needs.
type Engine interface {
	ready.Engine
	State(ctx context.Context, project string) (engine.State, error)
	Claims(ctx context.Context, names engine.Names) ([]engine.Claim, error)
	Storage
	Containers
}

// Storage makes and removes networks and volumes.
type Storage interface {
	CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (engine.Network, error)
	RemoveNetwork(ctx context.Context, id string) error
	CreateVolume(ctx context.Context, spec engine.VolumeSpec) (engine.Volume, error)
	RemoveVolume(ctx context.Context, name string) error
}

// Containers makes, runs and removes containers.
type Containers interface {
	CreateContainer(ctx context.Context, spec engine.ContainerSpec) (string, error)
	StartContainer(ctx context.Context, id string) error
	StopContainer(ctx context.Context, id string, grace *time.Duration) error
	UnpauseContainer(ctx context.Context, id string) error
	RemoveContainer(ctx context.Context, id string) error
}

// Spec is what a user asks for. Contents of configs and secrets that are files, and are not in Spec.Contents, are read
// from disk.
type Spec = plan.Spec

// Options are a Lifecycle's surroundings. The zero value works on a local engine.
type Options struct {
	// Address is where the engine was reached. It is part of the lock's name, and a local socket on Linux means that
	// containers can be dialled from here.
	Address string
	// Dialer reaches containers for probes, where this machine cannot by itself.
	Dialer ready.Dialer
	// Workers bounds how many changes are under way in the engine at once; 0 is twice the CPUs, at least 4.
	Workers int
	// LockDir is where locks are; "" is lock.Dir().
	LockDir string
	Clock   ready.Clock  // nil is the system's
	Logger  *slog.Logger // nil discards
}

// Lifecycle carries plans out in one engine. It is safe for use by several goroutines; the lock lets them take turns.
type Lifecycle struct {
	engine  Engine
	options Options
	waiter  *ready.Waiter
}

// New returns a Lifecycle.
func New(e Engine, options Options) *Lifecycle {
	if options.Workers <= 0 {
		options.Workers = max(4, 2*runtime.NumCPU())
	}
	if options.LockDir == "" {
		options.LockDir = lock.Dir()
	}
	if options.Clock == nil {
		options.Clock = ready.SystemClock{}
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	local := options.Address == "" || strings.HasPrefix(options.Address, "unix://")
	if options.Dialer == nil && local && runtime.GOOS == "linux" {
		options.Dialer = &net.Dialer{}
	}
	return &Lifecycle{engine: e, options: options,
		waiter: ready.New(e, ready.Options{Dialer: options.Dialer, Clock: options.Clock})}
}

// UpOptions changes what Up does. The zero value brings the whole project to what the specification says, and waits until
// it is ready.
type UpOptions struct {
	ForceRecreate bool
	Services      []string // only these, and what they depend on
	NoDeps        bool     // without what they depend on
	KeepOrphans   bool
	NoWait        bool // return once everything has started that does not wait for something else
	DryRun        bool // return the plan, change nothing
	// Beside says that the project is somebody else's: what the specification says stands beside it, and nothing of it is touched.
	Beside bool
}

// Up makes the project run as the specification says. Running it again changes nothing. On failure what runs is left
// running, to be looked at, and the next Up goes on from there.
func (l *Lifecycle) Up(ctx context.Context, spec Spec, options UpOptions, progress func(Progress)) (Result, error) {
	begin := l.options.Clock.Now()
	spec, err := withFiles(spec)
	if err != nil {
		return Result{}, err
	}
	desired, err := plan.Want(spec)
	if err != nil {
		return Result{}, err
	}
	report := newReporter(progress, l.options)
	if !options.DryRun {
		held, err := l.lock(ctx, desired.Project, report)
		if err != nil {
			return Result{}, err
		}
		defer l.release(ctx, held)
		if err := l.quiet(ctx, desired.Project, held); err != nil {
			return Result{}, err
		}
	}
	p, err := l.plan(ctx, desired, options)
	if err != nil {
		return Result{}, err
	}
	result := Result{Project: desired.Project, Plan: p, Outcomes: p.Outcomes}
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

// Apply is Up whose Result only tells of what changed.
func (l *Lifecycle) Apply(ctx context.Context, spec Spec, options UpOptions, progress func(Progress)) (Result, error) {
	result, err := l.Up(ctx, spec, options, progress)
	result.Outcomes = slices.DeleteFunc(slices.Clone(result.Outcomes), func(o plan.Outcome) bool { return o.Change == plan.Unchanged })
	return result, err
}

// Scale makes the named services have that many containers, and leaves everything else alone.
func (l *Lifecycle) Scale(ctx context.Context, spec Spec, counts map[string]int, options UpOptions, progress func(Progress)) (Result, error) {
	project := *spec.Project
	project.Services = maps.Clone(project.Services)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		service, ok := project.Services[name]
		if !ok {
			return Result{}, fmt.Errorf("no service %q in the project: %w", name, engine.ErrNotFound)
		}
		if counts[name] < 0 {
			return Result{}, fmt.Errorf("service %q cannot have %d containers", name, counts[name])
		}
		if service.Deploy != nil {
			deploy := *service.Deploy
			service.Deploy = &deploy
		}
		service.SetScale(counts[name])
		project.Services[name] = service
	}
	spec.Project = &project
	options.Services, options.NoDeps, options.KeepOrphans = slices.Sorted(maps.Keys(counts)), true, true
	if len(options.Services) == 0 {
		return Result{Project: project.Name}, nil
	}
	return l.Up(ctx, spec, options, progress)
}

// plan asks the engine twice at once (what there is of the project; whose the names are), then decides.
func (l *Lifecycle) plan(ctx context.Context, desired plan.Desired, options UpOptions) (plan.Plan, error) {
	var actual engine.State
	var claims []engine.Claim
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		actual, err = l.engine.State(asking, desired.Project)
		return err
	})
	if names := desired.Names(); !names.Empty() {
		group.Go(func() (err error) {
			claims, err = l.engine.Claims(asking, names)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return plan.Plan{}, err
	}
	if err := desired.CheckExternal(claims); err != nil {
		return plan.Plan{}, err
	}
	return plan.Make(desired, actual, plan.Options{ForceRecreate: options.ForceRecreate, Services: options.Services,
		NoDeps: options.NoDeps, KeepOrphans: options.KeepOrphans, Beside: options.Beside, Claims: claims})
}

func (l *Lifecycle) lock(ctx context.Context, project string, report *reporter) (*lock.Lock, error) {
	return lock.Acquire(ctx, l.options.LockDir, l.options.Address+" "+project, func(h lock.Holder) {
		report.waiting(project, fmt.Sprintf("process %d works on %s; waiting until it is done", h.PID, project))
	})
}

// Bounds of waiting until an engine has done what a process asked for that is not there any more: it carries requests out
// to their end although nobody waits for them, and what it makes appears late.
const (
	quietFor   = 750 * time.Millisecond // nothing has changed for so long
	quietPause = 50 * time.Millisecond
	quietTries = 200
)

// quiet returns once nothing changes in the project by itself, where the lock's last holder did not live to see the end of
// what it had begun.
func (l *Lifecycle) quiet(ctx context.Context, project string, held *lock.Lock) error {
	if !held.Inherited() {
		return nil
	}
	last, same := "", time.Duration(0)
	for range quietTries {
		state, err := l.engine.State(ctx, project)
		if err != nil {
			return err
		}
		now := fingerprint(state)
		if now != last {
			last, same = now, 0
		}
		if same >= quietFor {
			return nil
		}
		if err := l.pause(ctx, quietPause); err != nil {
			return err
		}
		same += quietPause
	}
	l.options.Logger.Warn("the project does not come to rest; going on", "project", project)
	return nil
}

func fingerprint(state engine.State) string {
	var b strings.Builder
	for _, c := range state.Containers {
		fmt.Fprintf(&b, "%s %s %d\n", c.ID, c.Phase, len(c.Addresses))
	}
	for _, n := range state.Networks {
		fmt.Fprintln(&b, n.ID)
	}
	for _, v := range state.Volumes {
		fmt.Fprintln(&b, v.Name)
	}
	return b.String()
}

// release gives the lock free; after an interruption in a way that the next holder knows of.
func (l *Lifecycle) release(ctx context.Context, held *lock.Lock) {
	give := held.Release
	if ctx.Err() != nil {
		give = held.Abandon
	}
	if err := give(); err != nil {
		l.options.Logger.Warn("the lock's file stays behind", "error", err)
	}
}

// withFiles reads the configs and secrets that services use, and that are files.
func withFiles(spec Spec) (Spec, error) {
	if spec.Project == nil {
		return spec, nil
	}
	contents := maps.Clone(spec.Contents)
	if contents == nil {
		contents = map[string][]byte{}
	}
	read := func(key string, object types.FileObjectConfig) error {
		if _, ok := contents[key]; ok || object.File == "" {
			return nil
		}
		path := object.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(spec.Project.WorkingDir, path)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		contents[key] = content
		return nil
	}
	for _, service := range spec.Project.Services {
		for _, ref := range service.Configs {
			if err := read(plan.ConfigKey(ref.Source), types.FileObjectConfig(spec.Project.Configs[ref.Source])); err != nil {
				return spec, err
			}
		}
		for _, ref := range service.Secrets {
			if err := read(plan.SecretKey(ref.Source), types.FileObjectConfig(spec.Project.Secrets[ref.Source])); err != nil {
				return spec, err
			}
		}
	}
	spec.Contents = contents
	return spec, nil
}
