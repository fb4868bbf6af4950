package functions

import (
	"context"
	"errors"
	"time"

	"github.com/ddsctl/ddsctl/images/node/functions/pool"
	"github.com/ddsctl/ddsctl/images/node/functions/queue"
)

// deliver gives events to a function, one after another. Several of these run side by side.
func (h *Host) deliver(ctx context.Context, f *function) {
	for {
		d, err := h.queue.Next(ctx, f.name)
		if err != nil {
			return // ctx has ended
		}
		if err := h.attempt(ctx, f, d); err != nil {
			h.options.Log.Error("an event could not be written down", "function", f.name, "event", d.Event.ID, "error", err)
			return // the disk is full, or gone: better no deliveries than ones that nobody remembers
		}
	}
}

// attempt tries a delivery once, and says what becomes of it. Its own error is that of the queue.
func (h *Host) attempt(ctx context.Context, f *function, d queue.Delivery) error {
	r := request{ID: d.Event.ID, Type: d.Event.Type, Attempt: d.Attempt, Time: d.Event.Time, Data: d.Event.Data}
	s, _, err := h.ask(ctx, f, r)
	switch {
	case errors.Is(err, pool.ErrClosed), err != nil && ctx.Err() != nil:
		return nil // the host ends; it is on disk
	case errors.Is(err, pool.ErrBusy):
		d.Attempt-- // it was not tried
		return h.queue.Retry(d, h.backoff(f, 1), d.Error)
	}
	reason := s.Error
	if err != nil {
		reason = err.Error()
	} else if reason == "" && s.Status >= 400 {
		reason = "status " + httpStatus(s.Status)
	}
	var emitted []queue.Addressed
	if reason == "" {
		if emitted, err = h.follow(f, r, s); err != nil {
			reason = err.Error()
		}
	}
	switch {
	case reason == "":
		h.metrics.deliveries.WithLabelValues(f.name, "done").Inc()
		for _, e := range emitted {
			h.metrics.events.WithLabelValues(e.Event.Type).Inc()
		}
		return h.queue.Done(d, emitted...)
	case s.Final || d.Attempt >= f.Retry.Attempts:
		h.options.Log.Warn("an event is set aside", "function", f.name, "event", d.Event.ID, "attempts", d.Attempt, "error", reason)
		h.metrics.deliveries.WithLabelValues(f.name, "dead").Inc()
		return h.queue.Bury(d, reason)
	}
	h.metrics.deliveries.WithLabelValues(f.name, "retried").Inc()
	return h.queue.Retry(d, h.backoff(f, d.Attempt), reason)
}

func (h *Host) backoff(f *function, attempt int) time.Duration {
	return f.Retry.backoff(attempt, h.chance())
}
