package collect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// looks are the times after an event, each from the one before, at which the state is read. The first lets events that come together lead to
// one reading; the others are there because an engine tells of an end before it has written it down.
var looks = []time.Duration{20 * time.Millisecond, 150 * time.Millisecond, 500 * time.Millisecond}

// stateWithin is how long an engine may take to tell the state; one that is frozen takes for ever.
const stateWithin = 10 * time.Second

// followEngine keeps the state and the events, and listens again when the engine was gone.
func (c *collector) followEngine(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("the stream of events ended")
		}
		c.latest.source(sourceEngine, stateAbsent, fmt.Sprintf("what is shown is from before: %v", err))
		pause(ctx, againAfter, nil)
	}
}

// listen follows the events, and reads the state when they may have changed it, and now and then all the same.
func (c *collector) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, errs := c.engine.Events(ctx, c.options.About.Project)
	defer func() {
		cancel()
		for range events { // until the engine's goroutine has ended
		}
	}()
	if err := c.refresh(ctx); err != nil {
		return err
	}
	ticker := time.NewTicker(stateEvery)
	defer ticker.Stop()
	var next <-chan time.Time
	look := len(looks)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-errs:
			return err
		case event, ok := <-events:
			if !ok {
				return <-errs
			}
			if c.take(event) && look != 1 { // else one is about to be taken
				look, next = 1, time.After(looks[0])
			}
			continue
		case <-next:
			if next = nil; look < len(looks) {
				next = time.After(looks[look])
				look++
			}
		case <-ticker.C:
		}
		if err := c.refresh(ctx); err != nil {
			return err
		}
	}
}

// take keeps an event, and says whether it may have changed the state. Commands in containers happen all the time: health checks and
// ddsctl's own.
func (c *collector) take(event engine.Event) bool {
	if strings.HasPrefix(event.Action, "exec_") {
		return false
	}
	c.latest.set(func() {
		c.latest.events = append(c.latest.events, event)
		if event.Kind == engine.KindContainer && (event.Action == "update" || event.Action == "start") {
			delete(c.latest.limits, event.ID)
		}
	})
	return true
}

func (c *collector) refresh(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, stateWithin)
	defer cancel()
	state, err := c.engine.State(asking, c.options.About.Project)
	if err != nil {
		return err
	}
	c.latest.setState(state)
	c.latest.source(sourceEngine, stateOK, "")
	return nil
}
