package supply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/lock"
)

// call is one Ensure: what it has asked for so far, and which registries it has given up.
type call struct {
	*Supply
	requests map[string]Request
	slots    chan struct{} // one for each image that may be made at once

	reporting sync.Mutex
	progress  func(engine.ImageProgress)

	mu         sync.Mutex
	tasks      map[string]*task
	registries map[string]error // that did not answer, with the reason
}

// task is one image that is being ensured.
type task struct {
	ref     string
	done    chan struct{}
	waitsOn *task // the image it is built on, while that is being ensured
	id      string
	err     error
}

func newCall(s *Supply, progress func(engine.ImageProgress)) *call {
	return &call{Supply: s, requests: map[string]Request{}, slots: make(chan struct{}, s.options.Workers), progress: progress,
		tasks: map[string]*task{}, registries: map[string]error{}}
}

// all ensures the requests in parallel; the first that fails ends the others.
func (c *call) all(ctx context.Context, requests []Request) (map[string]string, error) {
	for _, r := range requests {
		if other, ok := c.requests[r.Ref]; ok {
			r = merge(other, r)
		}
		c.requests[r.Ref] = r
	}
	group, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	ids := map[string]string{}
	for ref := range c.requests {
		group.Go(func() error {
			id, err := c.ensure(ctx, nil, ref)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			ids[ref] = id
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return ids, nil
}

// ensure makes sure of one image, each once; by is the task that needs it, nil for a request.
func (c *call) ensure(ctx context.Context, by *task, ref string) (string, error) {
	c.mu.Lock()
	t, started := c.tasks[ref]
	if !started {
		t = &task{ref: ref, done: make(chan struct{})}
		c.tasks[ref] = t
	}
	if by != nil {
		for on := t; on != nil; on = on.waitsOn {
			if on == by {
				c.mu.Unlock()
				return "", fmt.Errorf("image %s is built on itself, by way of %s", by.ref, ref)
			}
		}
		by.waitsOn = t
		defer func() { c.mu.Lock(); by.waitsOn = nil; c.mu.Unlock() }()
	}
	c.mu.Unlock()
	if started {
		select {
		case <-t.done:
			return t.id, t.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	defer close(t.done)
	request, ok := c.requests[ref]
	if !ok {
		request = Request{Ref: ref}
	}
	var how string
	t.id, how, t.err = c.obtain(ctx, t, request)
	if t.err != nil {
		t.err = explain(t.err)
		return "", t.err
	}
	c.say(engine.ImageProgress{Image: ref, Stage: engine.StageReady, Text: how})
	return t.id, nil
}

// How an image came to be there.
const (
	present      = "present"
	pulled       = "pulled"
	built        = "built"
	bootstrapped = "bootstrapped"
	imported     = "imported"
)

func (c *call) obtain(ctx context.Context, t *task, r Request) (id, how string, err error) {
	if name, ok := images.Own(r.Ref); ok {
		if name == images.Node {
			return c.node(ctx, r)
		}
		return c.ownFolder(ctx, t, r, name)
	}
	if r.Ref == Base && r.Build == nil && r.Policy != "never" {
		return c.base(ctx, r)
	}
	return c.other(ctx, t, r)
}

func (c *call) say(p engine.ImageProgress) {
	if c.progress == nil {
		return
	}
	c.reporting.Lock()
	defer c.reporting.Unlock()
	c.progress(p)
}

// slot waits until an image may be made.
func (c *call) slot(ctx context.Context) (release func(), err error) {
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// alone keeps other processes from making the same image at the same time.
func (c *call) alone(ctx context.Context, ref, stage string) (release func(), err error) {
	held, err := lock.Acquire(ctx, c.options.LockDir, c.options.Address+" image "+ref, func(h lock.Holder) {
		c.say(engine.ImageProgress{Image: ref, Stage: stage, Text: fmt.Sprintf("process %d makes it; waiting until it is done", h.PID)})
	})
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	return func() { _ = held.Release() }, nil // the system releases it with the process at the latest
}

// find reads an image; that it is not there is no error.
func (s *Supply) find(ctx context.Context, ref string) (engine.Image, bool, error) {
	image, err := s.engine.Image(ctx, ref)
	if errors.Is(err, engine.ErrNotFound) {
		return engine.Image{}, false, nil
	}
	return image, err == nil, err
}

// found reads the image that stands for a name: of ddsctl/node this executable's own, else the one made last.
func (s *Supply) found(ctx context.Context, ref string) (engine.Image, bool, error) {
	if own, err := s.Reference(ref); err == nil && own != ref {
		if image, found, err := s.find(ctx, own); found || err != nil {
			return image, found, err
		}
	}
	return s.find(ctx, ref)
}

// sweep removes the images with a label that have lost their names. One that a container uses is left.
func (s *Supply) sweep(ctx context.Context, label string) (removed int, err error) {
	list, err := s.engine.Images(ctx, label)
	if err != nil {
		return 0, err
	}
	for _, image := range list {
		if len(image.Tags) > 0 {
			continue
		}
		err := s.engine.RemoveImage(ctx, image.ID)
		switch {
		case err == nil:
			removed++
		case !errors.Is(err, engine.ErrConflict):
			return removed, err
		}
	}
	return removed, nil
}

// explain adds the next step to failures that have the same one wherever they happen.
func explain(err error) error {
	if strings.Contains(err.Error(), "no space left on device") {
		return hint.Wrap(err, "free some disk space: `docker system df` shows what the engine holds, `docker image prune` and `docker builder prune` free what is not used")
	}
	return err
}
