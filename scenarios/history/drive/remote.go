package drive

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// MethodRecord is the stream of a lab's traffic client that records a history: its argument is a Spec, its items are the events.
const MethodRecord = "history.record"

// Handlers let a lab's traffic client record histories.
func Handlers() control.Handlers {
	return control.Handlers{MethodRecord: control.Stream(func(ctx context.Context, spec Spec, emit func(any) error) error {
		out := &emitter{emit: emit}
		if err := Run(ctx, spec, history.NewRecorder(out, nil)); err != nil {
			return err
		}
		return out.err
	})}
}

// emitter turns each line into an item of the stream.
type emitter struct {
	mu   sync.Mutex
	emit func(any) error
	err  error
}

func (e *emitter) Write(line []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = e.emit(json.RawMessage(line))
	}
	if e.err != nil {
		return 0, e.err
	}
	return len(line), nil
}

// Streamer is what Record needs of a control.Client.
type Streamer interface {
	Stream(ctx context.Context, method string, args any) iter.Seq2[json.RawMessage, error]
}

// Record lets a lab's traffic client record a history, and writes it to w.
func Record(ctx context.Context, client Streamer, spec Spec, w io.Writer) error {
	for line, err := range client.Stream(ctx, MethodRecord, spec) {
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
	}
	return nil
}
