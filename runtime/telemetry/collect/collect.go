// Package collect reads the sources of a running lab (the engine, its wire helper, its traffic client, its components) and gives one
// stream of Snapshots.
//
//	for snapshot, err := range collect.Watch(ctx, engine, collect.Options{About: about}) { ... }
//
// Each source has goroutines of its own, which go on trying where one is lost, and say so in Snapshot.Sources. Where a cheap source
// cannot be had a dearer one serves, asked less often: the engine's statistics instead of the cgroups. All of them have ended when the
// loop over the stream has.
package collect

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/assemble"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
)

// Engine is what collecting needs of a container engine.
type Engine interface {
	State(ctx context.Context, project string) (engine.State, error)
	Events(ctx context.Context, project string) (<-chan engine.Event, <-chan error)
	OpenExec(ctx context.Context, id string, command []string) (io.ReadWriteCloser, error)
	Statistics
}

// Statistics are the dearer ways to figures of one container.
type Statistics interface {
	Usage(ctx context.Context, id string) (engine.Usage, error)
	Detail(ctx context.Context, id string) (engine.Detail, error)
	Exec(ctx context.Context, id string, spec engine.ExecSpec) (int, error)
}

// DefaultInterval is the time between Snapshots.
const DefaultInterval = 500 * time.Millisecond

// Options say which lab to watch, and how.
type Options struct {
	About assemble.About // its Project is the one that is watched
	// Components says how statistics are read, by service. A service that is not here is not read.
	Components map[string]probe.Component
	// Probes are the readiness probes by service.
	Probes   map[string][]ready.Probe
	Interval time.Duration // between Snapshots; 0 is DefaultInterval
	Window   time.Duration // of rates; 0 is assemble.DefaultWindow
}

// Watch gives Snapshots at every interval until the loop is left or ctx ends. It only gives an error, and ends, when the lab could not be
// read to begin with; what is lost later is told in the Snapshots. A reader who is slow gets fewer of them, not old ones.
func Watch(ctx context.Context, e Engine, options Options) iter.Seq2[telemetry.Snapshot, error] {
	if options.Interval <= 0 {
		options.Interval = DefaultInterval
	}
	if options.Window <= 0 {
		options.Window = assemble.DefaultWindow
	}
	return func(yield func(telemetry.Snapshot, error) bool) {
		state, err := e.State(ctx, options.About.Project)
		if err != nil {
			yield(telemetry.Snapshot{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		c := &collector{engine: e, options: options, latest: newLatest(state)}
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		for _, follow := range []func(context.Context){c.followEngine, c.followWire, c.followClient, c.pollUsage, c.pollInside} {
			all.Go(func() { follow(ctx) })
		}
		assembler := assemble.New(options.About, options.Window)
		ticker := time.NewTicker(options.Interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				if !yield(assembler.Next(c.latest.inputs(now, options)), nil) {
					return
				}
			}
		}
	}
}

type collector struct {
	engine  Engine
	options Options
	latest  *latest
}

// Pauses before a lost source is tried again, and between the rounds of what is asked sparingly.
const (
	againAfter   = time.Second
	stateEvery   = 2 * time.Second
	usageEvery   = 2 * time.Second
	insideEvery  = 2 * time.Second
	commandEvery = 5 * time.Second
)

// pause waits, at most until ctx ends or wake is closed (which may be nil).
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}
