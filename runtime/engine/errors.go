package engine

import "errors"

// The ways in which an engine refuses that callers tell apart. Concrete engines wrap them with what was tried.
var (
	// ErrUnreachable: no engine answers at the address. Exit code 3.
	ErrUnreachable = errors.New("container engine not reachable")
	// ErrPermission: an engine is there, and this user may not speak to it. Exit code 3.
	ErrPermission = errors.New("no permission to use the container engine")
	// ErrNotFound: the container, network, volume or image does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the name is taken, or the thing is in use.
	ErrConflict = errors.New("conflict")
	// ErrPortTaken: a host port that was asked for is in use.
	ErrPortTaken = errors.New("host port already in use")
	// ErrForeign: the thing exists and was not made by ddsctl.
	ErrForeign = errors.New("not made by ddsctl")
)
