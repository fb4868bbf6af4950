package collect

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry/assemble"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
)

// atOnce bounds how many questions the engine is asked at a time.
const atOnce = 4

// headStart is how long the cgroups may take to be read before the engine is asked instead.
const headStart = time.Second

// pollUsage asks the engine what containers use while nobody reads their cgroups.
func (c *collector) pollUsage(ctx context.Context) {
	pause(ctx, headStart, nil)
	ticker := time.NewTicker(usageEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		state, _ := c.latest.current()
		c.latest.mu.Lock()
		read := c.latest.sample != nil && c.latest.sample.Cgroup != ""
		known := maps.Clone(c.latest.limits)
		c.latest.mu.Unlock()
		found := map[string]engine.Usage{}
		if !read {
			found = c.usage(ctx, state)
		}
		c.latest.set(func() { c.latest.usage = found })
		for id := range found {
			if _, ok := known[id]; ok {
				continue
			}
			if detail, err := c.engine.Detail(ctx, id); err == nil { // else it has just ended
				c.latest.set(func() { c.latest.limits[id] = detail })
			}
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func (c *collector) usage(ctx context.Context, state engine.State) map[string]engine.Usage {
	ctx, cancel := context.WithTimeout(ctx, usageEvery)
	defer cancel()
	var mu sync.Mutex
	found := map[string]engine.Usage{}
	group := errgroup.Group{}
	group.SetLimit(atOnce)
	for _, container := range helper.Nodes(state) {
		if container.Phase != engine.PhaseRunning && container.Phase != engine.PhasePaused {
			continue
		}
		group.Go(func() error {
			if usage, err := c.engine.Usage(ctx, container.ID); err == nil { // else it has just ended
				mu.Lock()
				defer mu.Unlock()
				found[container.ID] = usage
			}
			return nil
		})
	}
	_ = group.Wait()
	return found
}

// pollInside runs in the containers what only works there: the statistics of components that publish none, and readiness commands.
func (c *collector) pollInside(ctx context.Context) {
	readers := component.CommandReaders()
	lastCommands := time.Time{}
	for ctx.Err() == nil {
		state, changed := c.latest.current()
		wait := insideEvery
		if !c.looksInside(state, readers) {
			pause(ctx, insideEvery, changed)
			continue
		}
		commands := time.Since(lastCommands) >= commandEvery
		if commands {
			lastCommands = time.Now()
		}
		c.lookInside(ctx, state, readers, commands)
		pause(ctx, wait, nil)
	}
}

func (c *collector) looksInside(state engine.State, readers map[string]component.CommandReader) bool {
	for _, container := range helper.Nodes(state) {
		if _, ok := readers[c.options.Components[container.Service].Kind]; ok || len(commandProbes(c.options.Probes[container.Service])) > 0 {
			return true
		}
	}
	return false
}

func commandProbes(probes []ready.Probe) []ready.Probe {
	var commands []ready.Probe
	for _, p := range probes {
		if p.Kind == ready.Command {
			commands = append(commands, p)
		}
	}
	return commands
}

func (c *collector) lookInside(ctx context.Context, state engine.State, readers map[string]component.CommandReader, commands bool) {
	group := errgroup.Group{}
	group.SetLimit(atOnce)
	there := map[string]bool{}
	for _, container := range helper.Nodes(state) {
		if container.Phase != engine.PhaseRunning {
			continue
		}
		there[container.ID] = true
		if reader, ok := readers[c.options.Components[container.Service].Kind]; ok {
			group.Go(func() error {
				reading, err := c.read(ctx, container.ID, reader)
				c.latest.set(func() {
					if delete(c.latest.refused, container.ID); err != nil {
						c.latest.refused[container.ID] = err.Error()
						delete(c.latest.inside, container.ID)
						return
					}
					c.latest.inside[container.ID] = reading
				})
				return nil
			})
		}
		if probes := commandProbes(c.options.Probes[container.Service]); commands && len(probes) > 0 {
			group.Go(func() error {
				held := c.hold(ctx, container.ID, probes)
				c.latest.set(func() { c.latest.commands[container.ID] = held })
				return nil
			})
		}
	}
	_ = group.Wait()
	c.latest.set(func() {
		gone := func(id string) bool { return !there[id] }
		maps.DeleteFunc(c.latest.inside, func(id string, _ assemble.Reading) bool { return gone(id) })
		maps.DeleteFunc(c.latest.refused, func(id, _ string) bool { return gone(id) })
		maps.DeleteFunc(c.latest.commands, func(id string, _ bool) bool { return gone(id) })
	})
}

// maxSaid bounds what is kept of a command's output.
const maxSaid = 1 << 20

func (c *collector) read(ctx context.Context, id string, reader component.CommandReader) (assemble.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, insideEvery)
	defer cancel()
	var out, said bounded
	code, err := c.engine.Exec(ctx, id, engine.ExecSpec{Command: reader.Command(), Stdout: &out, Stderr: &said})
	if err == nil && code != 0 {
		err = fmt.Errorf("%s: exit code %d: %s", reader.Command()[0], code, strings.TrimSpace(said.String()))
	}
	if err != nil {
		return assemble.Reading{}, err
	}
	reading, err := reader.Parse(&out)
	return assemble.Reading{Time: time.Now(), Reading: reading}, err
}

func (c *collector) hold(ctx context.Context, id string, probes []ready.Probe) bool {
	for _, p := range probes {
		attempt := p.Attempt
		if attempt <= 0 {
			attempt = ready.DefaultAttempt
		}
		trying, cancel := context.WithTimeout(ctx, attempt)
		code, err := c.engine.Exec(trying, id, engine.ExecSpec{Command: p.Command, User: p.User})
		cancel()
		if err != nil || code != 0 {
			return false
		}
	}
	return true
}

// bounded keeps the beginning of what is written.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxSaid - b.Len(); room > 0 {
		_, _ = b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
