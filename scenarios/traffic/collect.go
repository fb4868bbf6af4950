package traffic

import (
	"context"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// collector gathers what the recorders hold, window by window, and keeps the whole and the series.
type collector struct {
	engine    *engine
	gathering sync.Mutex // one window ends at a time; held before mu
	over      bool       // the last window has ended
	window    *tally     // what the last window brought
	second    *tally     // what the second under way brought so far

	mu       sync.Mutex
	whole    *tally
	series   []Point
	latest   telemetry.Traffic
	seen     totals        // at the end of the last window
	started  totals        // at the start of the second under way
	secondAt time.Duration // its start
	until    time.Duration // end of the last window
}

// totals are counts that run from the start.
type totals struct{ scheduled, dropped uint64 }

func newCollector(e *engine, s shape) *collector {
	return &collector{engine: e, window: newTally(s), second: newTally(s), whole: newTally(s), latest: e.emptyTraffic()}
}

// run gathers every window until ctx ends, and then once more what is left.
func (c *collector) run(ctx context.Context) {
	var ticks <-chan time.Time
	if !c.engine.options.OnDemand {
		tick := time.NewTicker(c.engine.options.Window)
		defer tick.Stop()
		ticks = tick.C
	}
	for {
		select {
		case <-ticks:
			c.gather(false)
		case <-ctx.Done():
			c.gather(true)
			return
		}
	}
}

func (e *engine) totals() totals {
	return totals{scheduled: e.scheduled.Load(), dropped: e.dropped.Load()}
}

// gather closes a window.
func (c *collector) gather(last bool) {
	c.gathering.Lock()
	defer c.gathering.Unlock()
	if c.over {
		return
	}
	c.over = last
	e := c.engine
	c.window.reset()
	now, so := e.clock.now(), e.totals()
	for _, r := range e.recorders {
		r.take(c.window)
	}
	c.mu.Lock()
	c.whole.merge(c.window)
	c.second.merge(c.window)
	c.latest = c.describe(now-c.until, so)
	c.seen, c.until = so, now
	if now-c.secondAt >= time.Second-e.options.Window/2 || last {
		c.closeSecond(now, so)
	}
	latest := c.latest
	c.mu.Unlock()
	if e.options.Observe != nil {
		e.options.Observe(latest)
	}
}

// closeSecond appends the second under way to the series; the lock is held.
func (c *collector) closeSecond(now time.Duration, so totals) {
	took := now - c.secondAt
	if took <= 0 {
		return
	}
	t := c.second
	point := Point{
		At: c.secondAt, Seconds: took.Seconds(), Scheduled: so.scheduled - c.started.scheduled, Dropped: so.dropped - c.started.dropped,
		Sent: t.sent, Succeeded: t.succeeded, Failed: t.failed, InFlight: int(c.engine.inFlight.Load()), Latency: latencyOf(t.latency), Errors: kindCounts(t.errors),
	}
	if len(c.series) >= c.engine.options.Seconds {
		c.series = append(c.series[:0], c.series[1:]...)
	}
	c.series = append(c.series, point)
	c.secondAt, c.started = now, so
	t.reset()
}

func (c *collector) last() telemetry.Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest
}
