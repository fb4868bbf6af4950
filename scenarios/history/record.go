package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Recorder writes a history as it happens. It is safe for use by several goroutines.
type Recorder struct {
	now func() time.Time

	mu    sync.Mutex
	to    *json.Encoder
	start time.Time
	err   error
	count int
}

// NewRecorder records to w, by the clock now (time.Now where nil). Times count from this call.
func NewRecorder(w io.Writer, now func() time.Time) *Recorder {
	if now == nil {
		now = time.Now
	}
	return &Recorder{now: now, to: json.NewEncoder(w), start: now()}
}

// End ends an operation: what came of it, and why it did not go well.
type End func(outcome Type, got Operation, err error)

// Invoke records that a client begins an operation, and gives what records its end.
func (r *Recorder) Invoke(client int, node string, asked Operation) End {
	r.write(Event{Type: Invoke, Client: client, Operation: asked, Node: node})
	return func(outcome Type, got Operation, err error) {
		got.Function, got.Key = asked.Function, asked.Key
		event := Event{Type: outcome, Client: client, Operation: got, Node: node}
		if err != nil {
			event.Error = err.Error()
		}
		r.write(event)
	}
}

func (r *Recorder) write(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The time is taken under the lock, so that the order of the lines is the order of the times.
	e.Time = r.now().Sub(r.start)
	if r.err == nil {
		if err := r.to.Encode(e); err != nil {
			r.err = fmt.Errorf("write the history: %w", err)
		}
	}
	r.count++
}

// Err is the first failure to write, nil where there was none: a history with a gap must not be checked.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Count is how many events were recorded.
func (r *Recorder) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// ErrRefused marks an error after which it is certain that the operation did not happen: a connection that was refused, a
// condition that did not hold, an answer that says no.
var ErrRefused = errors.New("refused")

// OutcomeOf tells how an operation ended: OK without an error, Fail where it was certainly refused, Info otherwise, for a timeout or a
// lost connection leave open whether it took effect.
func OutcomeOf(err error) Type {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, ErrRefused):
		return Fail
	default:
		return Info
	}
}
