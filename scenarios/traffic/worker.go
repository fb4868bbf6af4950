package traffic

import (
	"context"
	"errors"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// worker sends one request at a time over its link.
type worker struct {
	engine      *engine
	target      *target
	link        *link
	recorder    *recorder
	part, parts int

	drawer  *drawer
	request protocol.Request
	answer  protocol.Answer
	ending  ending
	backoff time.Duration
}

// run sends requests until nothing more falls due, or ctx ends.
func (w *worker) run(ctx context.Context) {
	if w.engine.open {
		w.open(ctx)
	} else {
		w.closed(ctx)
	}
}

// open serves what falls due. A worker without a connection makes one before it takes a request, so that requests go to those that
// have one.
func (w *worker) open(ctx context.Context) {
	for {
		if !w.link.standing() && !w.reconnect(ctx) {
			return
		}
		due, ok := <-w.target.queue
		if !ok {
			return
		}
		w.serve(ctx, due)
		w.engine.inFlight.Add(-1)
	}
}

// Bounds of the pause after a connection that could not be opened. The upper one leaves a target that comes back unnoticed for
// that long at most, and one that does not come back with a few hundred attempts a second.
const (
	leastBackoff      = 5 * time.Millisecond
	mostBackoff       = 100 * time.Millisecond
	backoffConnection = 2 * time.Millisecond // for each connection to the target, where there are many
	longestBackoff    = 2 * time.Second
)

// reconnect opens the link's connection, again and again. While the target has no connection at all, what falls due fails with the
// reason. It is false when nothing is left to do.
func (w *worker) reconnect(ctx context.Context) bool {
	for ctx.Err() == nil {
		if w.engine.over.Load() && len(w.target.queue) == 0 {
			return false
		}
		err := w.link.connect(ctx)
		if err == nil {
			w.backoff = 0
			return true
		}
		if ctx.Err() != nil || !w.linger(ctx, err) {
			break
		}
	}
	// The run is abandoned, or the queue is closed: what is left in it is not sent.
	for range w.target.queue {
		w.recorder.cancel()
		w.engine.inFlight.Add(-1)
	}
	return false
}

// linger lets the backoff pass. It is false once the queue is closed and empty.
func (w *worker) linger(ctx context.Context, why error) bool {
	timer := time.NewTimer(w.nextBackoff())
	defer timer.Stop()
	for {
		var queue chan time.Duration
		if w.target.connected.Load() == 0 {
			queue = w.target.queue
		}
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return true
		case due, ok := <-queue:
			if !ok {
				return false
			}
			if w.engine.discard.Load() {
				w.recorder.cancel()
			} else {
				w.record(due, -1, w.engine.clock.now(), why)
			}
			w.engine.inFlight.Add(-1)
		}
	}
}

func (w *worker) nextBackoff() time.Duration {
	most := min(max(mostBackoff, time.Duration(len(w.target.links))*backoffConnection), longestBackoff)
	w.backoff = min(max(2*w.backoff, leastBackoff), most)
	// Spread by the worker's number, so that the workers do not all try at the same moment.
	return w.backoff - w.backoff/4*time.Duration(w.part%8)/8
}

// serve sends the request that fell due.
func (w *worker) serve(ctx context.Context, due time.Duration) {
	e := w.engine
	now := e.clock.now()
	switch {
	case e.discard.Load():
		w.recorder.cancel()
	case now-due > e.timeout:
		w.ending.kind = KindWaited
		w.record(due, -1, now, errWaited)
	default:
		_, _ = w.send(ctx, due, now)
	}
}

var errWaited = errors.New("no connection became free within the timeout")

// send sends one request and records how it ended. It returns the time at its end and the error.
func (w *worker) send(ctx context.Context, due, now time.Duration) (time.Duration, error) {
	e := w.engine
	drawn, again := false, false
	for attempt := 0; ; attempt++ {
		h, fresh, err := w.link.get(ctx)
		if fresh || err != nil {
			now = e.clock.now()
		}
		if err != nil {
			w.record(due, -1, now, err)
			return now, err
		}
		if !drawn {
			drawn = true
			if p := e.plan.Load(); w.drawer == nil || w.drawer.plan != p {
				w.drawer = newDrawer(p, w.target.index, w.part, w.parts)
			}
			w.drawer.next(&w.request)
		}
		w.request.Now = e.clock.at(now)
		w.answer = protocol.Answer{}
		err = h.conn.Do(ctx, &w.request, &w.answer)
		end := e.clock.now()
		w.link.answered(h, err)
		const staleAttempts = 3
		if err != nil && attempt < staleAttempts && errors.Is(err, protocol.ErrStale) { // nothing was sent
			now = end
			continue
		}
		if !again && errors.Is(err, protocol.ErrUnanswered) {
			now, again = end, true
			continue
		}
		w.record(due, now, end, err)
		return end, err
	}
}

// record counts how a request ended; sent is negative for one that was not sent.
func (w *worker) record(due, sent, end time.Duration, err error) {
	if err != nil {
		if w.engine.discard.Load() && protocol.KindOf(err) == protocol.KindCanceled || errors.Is(err, errLinkClosed) {
			w.recorder.cancel()
			w.ending.kind = ""
			return
		}
		if w.ending.kind == "" {
			w.ending.kind = protocol.KindOf(err)
		}
	}
	w.ending.due, w.ending.sent, w.ending.end = due, sent, end
	w.ending.target, w.ending.err, w.ending.answer = w.target.index, err, &w.answer
	if sent < 0 {
		w.answer = protocol.Answer{}
	}
	w.recorder.add(&w.ending)
	w.ending.kind, w.ending.err = "", nil
}

// closed sends one request after the other.
func (w *worker) closed(ctx context.Context) {
	e := w.engine
	now := e.clock.now()
	for ctx.Err() == nil && !e.over.Load() {
		if e.paused.Load() {
			select {
			case <-e.held():
			case <-ctx.Done():
			}
			now = e.clock.now()
			continue
		}
		e.inFlight.Add(1)
		e.scheduled.Add(1)
		end, err := w.send(ctx, now, now)
		e.inFlight.Add(-1)
		now = end
		switch {
		case err == nil:
			w.backoff = 0
		case protocol.Broken(err) && !w.link.standing():
			w.rest(ctx)
			now = e.clock.now()
		}
	}
}

// rest lets the backoff pass, so that a target that refuses connections is not asked a million times a second.
func (w *worker) rest(ctx context.Context) {
	timer := time.NewTimer(w.nextBackoff())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
