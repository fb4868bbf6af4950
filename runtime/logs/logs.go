// Package logs reads the logs of a lab's nodes as one: what is there already in the order of time, and, following, what
// comes, also from containers that are started or made anew in the meantime.
//
//	err := logs.Copy(ctx, client, "sharded-redis", logs.Options{Follow: true, Tail: 20}, func(c engine.Container) io.Writer {
//		return merger.Node(c.Service)
//	})
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Engine is what reading logs needs of a container engine.
type Engine interface {
	State(ctx context.Context, project string) (engine.State, error)
	Logs(ctx context.Context, id string, spec engine.LogSpec, stdout, stderr io.Writer) error
	Events(ctx context.Context, project string) (<-chan engine.Event, <-chan error)
}

// Options say what is read.
type Options struct {
	// Follow goes on with what comes, until the context ends or the last selected container is removed.
	Follow bool
	// Tail is how many last lines of each container are read, of what is there already; negative means all.
	Tail int
	// Since leaves out what is older; zero means nothing.
	Since time.Time
	// Timestamps puts each line's time before it, in RFC 3339.
	Timestamps bool
	// Select says whose logs are read; nil means all containers of the project.
	Select func(engine.Container) bool
}

// Copy reads the logs of a project's containers. open is called once for each container, one call at a time, before its
// first line; each Write to what it returns is one whole line. That the context ends while following is no error.
func Copy(ctx context.Context, e Engine, project string, options Options, open func(engine.Container) io.Writer) error {
	if options.Select == nil {
		options.Select = func(engine.Container) bool { return true }
	}
	c := &copier{engine: e, project: project, options: options, open: open, seen: map[string]time.Time{}}
	var events <-chan engine.Event
	var failed <-chan error
	following, stop := context.WithCancel(ctx)
	defer stop()
	if options.Follow {
		// Asked for before the state is read: what happens in between is then seen twice rather than not at all.
		events, failed = e.Events(following, project)
	}
	state, err := e.State(ctx, project)
	if err != nil {
		return err
	}
	var containers []engine.Container
	for _, container := range state.Containers {
		if options.Select(container) {
			containers = append(containers, container)
		}
	}
	c.openAll(containers)
	if err := c.history(ctx, containers); err != nil {
		if options.Follow && ctx.Err() != nil {
			return nil
		}
		return err
	}
	if !options.Follow {
		return nil
	}
	err = c.follow(following, containers, events, failed)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type copier struct {
	engine  Engine
	project string
	options Options
	open    func(engine.Container) io.Writer

	mu      sync.Mutex
	writers map[string]io.Writer // by container ID
	seen    map[string]time.Time // the time of the last line that was written, by container ID
}

func (c *copier) openAll(containers []engine.Container) {
	for _, container := range containers {
		c.writer(container)
	}
}

func (c *copier) writer(container engine.Container) io.Writer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers == nil {
		c.writers = map[string]io.Writer{}
	}
	w := c.writers[container.ID]
	if w == nil {
		w = c.open(container)
		c.writers[container.ID] = w
	}
	return w
}

// write prints one line and remembers its time, from which following goes on.
func (c *copier) write(container engine.Container, l line) error {
	w := c.writer(container)
	text := l.text
	if c.options.Timestamps && !l.time.IsZero() {
		text = append([]byte(l.time.UTC().Format(time.RFC3339Nano)+" "), text...)
	}
	c.mu.Lock()
	if l.time.After(c.seen[container.ID]) {
		c.seen[container.ID] = l.time
	}
	c.mu.Unlock()
	_, err := w.Write(append(text, '\n'))
	return err
}

// read streams one container's lines until its log, or following its life, ends.
func (c *copier) read(ctx context.Context, container engine.Container, spec engine.LogSpec, to func(line) error) error {
	spec.Timestamps = true
	// Standard output and standard error each have their own unfinished line.
	var one sync.Mutex
	emit := func(l line) error {
		one.Lock()
		defer one.Unlock()
		return to(l)
	}
	stdout, stderr := &splitter{emit: emit}, &splitter{emit: emit}
	err := c.engine.Logs(ctx, container.ID, spec, stdout, stderr)
	err = errors.Join(err, stdout.flush(), stderr.flush())
	if errors.Is(err, engine.ErrNotFound) {
		return nil // removed in the meantime
	}
	if err != nil {
		return fmt.Errorf("log of %s: %w", container.Name, err)
	}
	return nil
}
