package control

import (
	"context"
	"errors"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Codes of errors that a caller may want to tell apart.
const (
	CodeFailed    = "failed"
	CodeMethod    = "unknown-method"
	CodeArguments = "bad-arguments"
	CodeCanceled  = "canceled"
	CodeBusy      = "busy"
)

// ErrClosed says that the connection to the helper ended before the call did.
var ErrClosed = errors.New("connection to the lab's helper closed")

// Error is a handler's error as it crosses the stream. Its hint travels along and is found by hint.Of on the other side. A
// handler that returns an *Error (wrapped or not) chooses Code.
type Error struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

func (e *Error) Error() string { return e.Text }

// Is makes a cancelled call answer to errors.Is(err, context.Canceled).
func (e *Error) Is(target error) bool { return target == context.Canceled && e.Code == CodeCanceled }

// outgoing turns a handler's error into what is sent.
func outgoing(err error) *Error {
	out := &Error{Code: CodeFailed, Text: err.Error(), Hint: hint.Of(err)}
	var own *Error
	switch {
	case errors.As(err, &own):
		out.Code = own.Code
		if out.Hint == "" {
			out.Hint = own.Hint
		}
	case errors.Is(err, context.Canceled):
		out.Code = CodeCanceled
	}
	return out
}

// incoming turns what was received into an error with its hint.
func incoming(e *Error) error {
	if e.Hint != "" {
		return hint.Wrap(e, "%s", e.Hint)
	}
	return e
}
