// Package hint lets an error carry the next step for the person who reads it, apart from what went wrong.
//
// The text of the error stays short and greppable; the hint is printed on a line of its own, at the one place
// where errors become words (cmd/ddsctl).
package hint

import (
	"errors"
	"fmt"
)

type hinted struct {
	err  error
	next string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Wrap returns err with the next step to take. It returns nil for a nil err.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, next: fmt.Sprintf(format, args...)}
}

// Of returns the outermost hint in err's chain, or "" when there is none.
func Of(err error) string {
	var h *hinted
	if errors.As(err, &h) {
		return h.next
	}
	return ""
}
