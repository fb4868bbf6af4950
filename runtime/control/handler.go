package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// Handler serves one method. Make it with Func or Stream.
type Handler struct {
	call   func(ctx context.Context, args json.RawMessage) (any, error)
	stream func(ctx context.Context, args json.RawMessage, emit func(any) error) error
}

// Handlers are the methods of a helper, by name.
type Handlers map[string]Handler

// Merge joins handlers of several rooms; a name given twice is an error of the program.
func Merge(all ...Handlers) Handlers {
	merged := Handlers{}
	for _, handlers := range all {
		for name, handler := range handlers {
			if _, taken := merged[name]; taken {
				panic("control: two handlers for " + name)
			}
			merged[name] = handler
		}
	}
	return merged
}

// Func makes a handler of a function with one answer. Arguments that do not decode into A (unknown fields included) are
// answered with CodeArguments. Use struct{} for none.
func Func[A, R any](f func(ctx context.Context, args A) (R, error)) Handler {
	return Handler{call: func(ctx context.Context, raw json.RawMessage) (any, error) {
		args, err := decode[A](raw)
		if err != nil {
			return nil, err
		}
		return f(ctx, args)
	}}
}

// Stream makes a handler of a function that emits items until it returns. emit waits while the reader is behind, and fails
// once ctx is done.
func Stream[A any](f func(ctx context.Context, args A, emit func(any) error) error) Handler {
	return Handler{stream: func(ctx context.Context, raw json.RawMessage, emit func(any) error) error {
		args, err := decode[A](raw)
		if err != nil {
			return err
		}
		return f(ctx, args, emit)
	}}
}

func decode[A any](raw json.RawMessage) (A, error) {
	var args A
	if len(raw) == 0 {
		return args, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&args); err != nil {
		return args, &Error{Code: CodeArguments, Text: fmt.Sprintf("arguments: %v", err)}
	}
	return args, nil
}
