package helper

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// ErrAbsent says that the project has no such helper, or that it does not run.
var ErrAbsent = errors.New("helper not there")

// Engine is what reaching a helper needs of a container engine.
type Engine interface {
	State(ctx context.Context, project string) (engine.State, error)
	// OpenExec runs a command in a container as a duplex stream.
	OpenExec(ctx context.Context, id string, command []string) (io.ReadWriteCloser, error)
}

// Dial opens a connection to one of a project's helpers: engine.HelperWire or engine.HelperClient. The connection lives until ctx
// ends or it is closed. That the helper is not there is ErrAbsent.
func Dial(ctx context.Context, e Engine, project, kind string) (*control.Client, error) {
	state, err := e.State(ctx, project)
	if err != nil {
		return nil, err
	}
	return DialIn(ctx, e, state, project, kind)
}

// DialIn is Dial for whoever has just read the project's state.
func DialIn(ctx context.Context, e Engine, state engine.State, project, kind string) (*control.Client, error) {
	container, err := Find(state, kind)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("project %s: %w", project, err), "bring the helpers back: ddsctl lab up does it, and leaves what runs alone")
	}
	stream, err := e.OpenExec(ctx, container.ID, []string{"/ddsctl", "node", "dial"})
	if err != nil {
		return nil, fmt.Errorf("reach the %s helper of %s: %w", kind, project, err)
	}
	return control.Dial(ctx, stream), nil
}

// Find gives the running helper of a kind, or ErrAbsent.
func Find(state engine.State, kind string) (engine.Container, error) {
	found := engine.Container{}
	for _, c := range state.Containers {
		if c.Helper() == kind && (found.ID == "" || c.Phase == engine.PhaseRunning) {
			found = c
		}
	}
	switch {
	case found.ID == "":
		return found, fmt.Errorf("no %s helper: %w", kind, ErrAbsent)
	case found.Phase != engine.PhaseRunning:
		return found, fmt.Errorf("the %s helper (container %s) is %s: %w", kind, found.Name, found.Phase, ErrAbsent)
	}
	return found, nil
}

// Configure tells a project's wire helper the nodes and networks as they are now. It belongs after everything that may change
// them: an up, a scaling, a restart.
func Configure(ctx context.Context, e Engine, project string) error {
	state, err := e.State(ctx, project)
	if err != nil {
		return err
	}
	client, err := DialIn(ctx, e, state, project, engine.HelperWire)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return wire.NewClient(client).Configure(ctx, Topology(project, state))
}
