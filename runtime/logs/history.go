package logs

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// history prints what is there already, the lines of all containers in the order of their times. A log is read as fast as its
// lines are printed, so that no log has to fit into memory.
func (c *copier) history(ctx context.Context, containers []engine.Container) error {
	group, ctx := errgroup.WithContext(ctx)
	streams := make([]chan line, len(containers))
	for i, container := range containers {
		streams[i] = make(chan line, 64)
		group.Go(func() error {
			defer close(streams[i])
			spec := engine.LogSpec{Tail: c.options.Tail, Since: c.options.Since}
			return c.read(ctx, container, spec, func(l line) error {
				select {
				case streams[i] <- l:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
	}
	group.Go(func() error { return c.merge(containers, streams) })
	return group.Wait()
}

// merge prints the earliest of the streams' next lines until all have ended.
func (c *copier) merge(containers []engine.Container, streams []chan line) error {
	next := make([]*line, len(streams))
	ended := make([]bool, len(streams))
	for {
		first := -1
		for i, stream := range streams {
			if next[i] == nil && !ended[i] {
				if l, ok := <-stream; ok {
					next[i] = &l
				} else {
					ended[i] = true
				}
			}
			if next[i] != nil && (first < 0 || next[i].time.Before(next[first].time)) {
				first = i
			}
		}
		if first < 0 {
			return nil
		}
		if err := c.write(containers[first], *next[first]); err != nil {
			return err
		}
		next[first] = nil
	}
}
