package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// The exit codes are a contract: scripts and CI rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3 // no container engine, or no permission to use it
	exitUnmet       = 4 // an expectation or a check did not hold
)

// usageError marks an error in how ddsctl was called.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// errUnmet is returned when a check did not hold and everything about it has been printed.
var errUnmet = errors.New("not every check held")

// exitCode maps an error to the exit code that the CLI promises for it.
func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, engine.ErrUnreachable), errors.Is(err, engine.ErrPermission):
		return exitUnreachable
	case errors.Is(err, errUnmet):
		return exitUnmet
	default:
		return exitFailed
	}
}

// report prints err with its next step to stderr and returns the exit code. It is the one place where errors become
// words for the user.
func (a *app) report(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	label, arrow := "error:", "next:"
	if a.color(a.stderr) {
		label = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true).Render(label)
		arrow = lipgloss.NewStyle().Foreground(lipgloss.Cyan).Render(arrow)
	}
	if ctx.Err() != nil {
		_, _ = fmt.Fprintf(a.stderr, "%s interrupted\n", label)
	} else {
		_, _ = fmt.Fprintf(a.stderr, "%s %s\n", label, strings.TrimSpace(err.Error()))
	}
	if next := hint.Of(err); next != "" {
		_, _ = fmt.Fprintf(a.stderr, "%s  %s\n", arrow, strings.ReplaceAll(next, "\n", "\n       "))
	}
	if ctx.Err() != nil {
		return exitFailed
	}
	return exitCode(err)
}

// exitStatus is the exit code of a command that ran in a container and is passed on as it is.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
