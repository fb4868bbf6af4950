// Package fake is a container engine in memory, for tests. It keeps state as an engine does, refuses what an engine refuses, and passes
// the same suite as Docker (engine/contract).
//
//	e := fake.New(fake.Options{})
//	defer e.Close()
//	id, err := e.CreateContainer(ctx, spec)
//	e.Exit(id, 137)                    // its process ends, as if killed from outside
//	e.PutNetwork(engine.Network{...})  // somebody else's
//
// What runs in containers is a Program. The one that is used where nothing else is said is a shell with a handful of commands,
// so that most tests need no Program of their own. Options.Intercept makes any call that changes something fail, or lose its answer.
package fake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Options say what the engine is and what runs in it. The zero value is a Docker with every image there could be.
type Options struct {
	// Images are those that are there; nil is all.
	Images []string
	// Registry are those that can be pulled.
	Registry []string
	// Program is what a container's command does; nil is Shell.
	Program Program
	// Intercept is asked before each call that changes something: before makes the call fail, after lets it happen and loses its
	// answer. It may be called by several goroutines at once.
	Intercept func(ctx context.Context, call Call) (before, after error)
	// TakenPorts are host ports that somebody outside the engine listens on.
	TakenPorts []uint16
	// Info is what the engine says of itself; the zero value is filled in.
	Info engine.Info
	// Now is the engine's clock; nil is time.Now.
	Now func() time.Time
}

// Call is one call that changes something.
type Call struct {
	N    int // from 1
	Name string
}

// Program is what a command in a container does. It returns the exit code, and soon after ctx has ended, which is when the
// container is stopped or killed.
type Program func(ctx context.Context, p Process) int

// Process is a command in a container: its first process or an exec.
type Process struct {
	Container engine.Container
	Spec      engine.ContainerSpec
	Command   []string // with the entry point before it
	Env       []string
	WorkDir   string
	Exec      bool // not the container's first process
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer

	engine *Engine
}

// Engine is a container engine in memory. It is safe for concurrent use.
type Engine struct {
	options Options

	mu         sync.Mutex
	next       int
	containers map[string]*box
	networks   map[string]*lan
	volumes    map[string]*volume
	images     map[string]*picture // by ID
	watchers   map[*watcher]bool
	calls      []Call
	busy, peak int
	touched    []string

	alive context.Context // ends with Close
	end   context.CancelFunc
	work  sync.WaitGroup // what runs in containers
}

// New returns an engine with nothing in it.
func New(options Options) *Engine {
	if options.Program == nil {
		options.Program = Shell
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Info == (engine.Info{}) {
		options.Info = engine.Info{Name: "docker", Version: "28.0.0", APIVersion: "1.48", OS: "linux", Arch: "x86_64", KernelVersion: "6.12.0",
			CgroupVersion: "2", CPUs: 4, MemoryBytes: 8 << 30, Address: "fake://"}
	}
	e := &Engine{options: options, containers: map[string]*box{}, networks: map[string]*lan{}, volumes: map[string]*volume{},
		images: map[string]*picture{}, watchers: map[*watcher]bool{}}
	e.alive, e.end = context.WithCancel(context.Background())
	for _, ref := range options.Images {
		e.addImage(ref, nil, nil)
	}
	return e
}

// Close ends everything that runs in the engine, and waits for it.
func (e *Engine) Close() error {
	e.end()
	e.work.Wait()
	return nil
}

// Address is where the engine would be reached.
func (e *Engine) Address() string { return e.options.Info.Address }

// Ping says that the engine is there.
func (e *Engine) Ping(ctx context.Context) error { return ctx.Err() }

// Info is what the engine says of itself.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) { return e.options.Info, ctx.Err() }

// Calls are the calls that changed something, or tried to, in order.
func (e *Engine) Calls() []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Call(nil), e.calls...)
}

// Peak is how many changes were under way at once at most.
func (e *Engine) Peak() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peak
}

// Touched names the things that were changed although ddsctl had not made them.
func (e *Engine) Touched() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.touched...)
}

// SetIntercept replaces Options.Intercept; nil lets every call through.
func (e *Engine) SetIntercept(f func(ctx context.Context, call Call) (before, after error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.options.Intercept = f
}

// change carries one call out that changes something. do is called with the lock held.
func (e *Engine) change(ctx context.Context, name string, do func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	e.mu.Lock()
	call := Call{len(e.calls) + 1, name}
	e.calls = append(e.calls, call)
	e.busy++
	e.peak = max(e.peak, e.busy)
	intercept := e.options.Intercept
	e.mu.Unlock()
	defer func() { e.mu.Lock(); e.busy--; e.mu.Unlock() }()
	var before, after error
	if intercept != nil {
		before, after = intercept(ctx, call)
	}
	if before != nil {
		return fmt.Errorf("%s: %w", name, before)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	err := do()
	if err == nil {
		err = after
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// id makes the engine's next ID, which looks like Docker's. The lock is held.
func (e *Engine) id() string {
	e.next++
	sum := sha256.Sum256(fmt.Appendf(nil, "fake %d", e.next))
	return hex.EncodeToString(sum[:])
}

// guard notes a change of what ddsctl did not make. The lock is held.
func (e *Engine) guard(kind, name string, labels map[string]string) {
	if labels[engine.LabelLab] == "" {
		e.touched = append(e.touched, kind+" "+name)
	}
}

func short(id string) string { return id[:min(12, len(id))] }

var anywhere = netip.IPv4Unspecified()
