package traffic

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/traffic/schedule"
)

// dispatcher lets the requests of an open loop fall due.
type dispatcher struct {
	engine   *engine
	schedule *schedule.Schedule // nil while nothing falls due
	base     time.Duration      // at which the schedule began, later by every pause
	due      time.Duration      // of the next request
	gap      time.Duration      // between it and the one before
	turn     int
	oversee  time.Duration // how much later than asked the pacer wakes, on average
	paused   bool
	since    time.Duration // of the pause
}

func newDispatcher(e *engine) *dispatcher {
	spec := e.workload()
	return &dispatcher{engine: e, schedule: schedule.New(spec.Arrival, spec.Seed), oversee: 50 * time.Microsecond}
}

// run lets requests fall due until the duration is over, the schedule ends, or ctx does.
func (d *dispatcher) run(ctx context.Context) {
	e := d.engine
	more := d.advance()
	for ctx.Err() == nil {
		now := e.clock.now()
		more = d.obey(now, more)
		switch end := e.duration; {
		case d.paused || d.schedule == nil || !more && end != math.MaxInt64 || d.due >= end:
			if now >= end {
				return
			}
			e.pacer.wait(end - now) // or until a change
		case !more:
			return // a trace that has come to its end
		case d.due > now:
			d.sleep(now)
		default: // also past the end: what fell due before it is sent, however late this machine was
			e.dispatched.late(now - d.due)
			d.offer()
			more = d.advance()
		}
	}
}

// advance finds when the next request falls due.
func (d *dispatcher) advance() bool {
	if d.schedule == nil {
		return false
	}
	at, ok := d.schedule.Next()
	if ok {
		before := d.due
		d.due = d.base + at
		d.gap = d.due - before
	}
	return ok
}

// obey carries changes out.
func (d *dispatcher) obey(now time.Duration, more bool) bool {
	if !d.engine.changed.Load() {
		return more
	}
	orders := d.engine.ordered()
	if orders.paused != d.paused {
		d.paused = orders.paused
		if d.paused {
			d.since = now
		} else { // the schedule goes on where it stood
			d.base += now - d.since
			d.due += now - d.since
		}
	}
	switch {
	case orders.silenced:
		d.schedule = nil
		return false
	case orders.arrival != nil:
		d.schedule = schedule.New(*orders.arrival, d.engine.workload().Seed)
		d.base, d.due, d.since = now, now, now
		return d.advance()
	}
	return more
}

// quantum is how long the dispatcher sleeps at least where requests fall due more often than that: several are then sent at a time, each
// at most so much late, instead of a processor being busy with falling asleep.
const quantum = 50 * time.Microsecond

// sleep waits for the next request. The pacer wakes a little late, so it is asked to wake as much earlier, and the rest is spent looking
// at the clock: at most a sixteenth of the time between two requests, so that waiting does not take the processor from the work.
func (d *dispatcher) sleep(now time.Duration) {
	const share = 16
	if d.gap < quantum {
		d.engine.pacer.wait(max(d.due-now, quantum))
		return
	}
	early := max(min(d.oversee+d.oversee/2, d.gap/share), 0)
	until := d.due - early
	if until > now {
		d.engine.pacer.wait(until - now)
		woke := d.engine.clock.now()
		if late := woke - until; late >= 0 {
			d.oversee += (min(late, 200*time.Microsecond) - d.oversee) / 16
		}
		return // perhaps woken for a change: look again
	}
	for d.engine.clock.now() < d.due {
		runtime.Gosched()
	}
}

// offer hands a request that is due to the next target, unless too many are in flight.
func (d *dispatcher) offer() {
	e := d.engine
	e.scheduled.Add(1)
	if e.inFlight.Load() >= int64(e.options.Workload.MaxInFlight) {
		e.dropped.Add(1)
		return
	}
	e.inFlight.Add(1)
	t := e.targets[d.turn]
	d.turn++
	if d.turn == len(e.targets) {
		d.turn = 0
	}
	t.queue <- d.due // there is room for all that may be in flight
}
