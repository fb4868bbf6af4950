package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// The kinds that change whether a node's processes run. They are undone together: a node runs again once none of them stands.
const (
	kindKill    = "kill"
	kindStop    = "stop"
	kindRestart = "restart"
	kindPause   = "pause"
)

// lived is what a node's life was before any of these faults; the oldest that stands knows.
func lived(node engine.Detail, standing []Standing) Before {
	for _, s := range standing {
		switch s.Kind {
		case kindKill, kindStop, kindPause, kindRestart:
			return Before{Running: s.Before.Running, Paused: s.Before.Paused}
		}
	}
	return Before{Running: node.Running(), Paused: node.Phase == engine.PhasePaused}
}

// alive refuses what does not run.
func alive(kind string, node engine.Detail) error {
	if node.Running() {
		return nil
	}
	return hint.Wrap(fmt.Errorf("%s: it is %s already", kind, node.Phase), "see `ddsctl fault list` and `ddsctl lab status`; `ddsctl lab up` starts it")
}

// settle brings a node to the life that it had before, as far as the faults that still stand allow.
func settle(ctx context.Context, e Engine, node engine.Detail, before Before, standing []Standing) error {
	down, paused := false, before.Paused
	for _, s := range standing {
		switch s.Kind {
		case kindKill, kindStop:
			down = true
		case kindPause:
			paused = true
		}
	}
	switch {
	case down, !before.Running:
		return nil // stays as it is until the other one is healed
	case !node.Running():
		if err := e.StartContainer(ctx, node.ID); err != nil {
			return err
		}
		if paused {
			return e.PauseContainer(ctx, node.ID)
		}
		return nil
	case node.Phase == engine.PhasePaused && !paused:
		return ignoreConflict(e.UnpauseContainer(ctx, node.ID))
	case node.Phase != engine.PhasePaused && paused:
		return ignoreConflict(e.PauseContainer(ctx, node.ID))
	}
	return nil
}

// ignoreConflict takes the refusal to do what somebody else has done meanwhile for done.
func ignoreConflict(err error) error {
	if errors.Is(err, engine.ErrConflict) {
		return nil
	}
	return err
}

// thaw lets a paused node go on, so that it can be ended.
func thaw(ctx context.Context, e Engine, node engine.Detail) error {
	if node.Phase != engine.PhasePaused {
		return nil
	}
	return ignoreConflict(e.UnpauseContainer(ctx, node.ID))
}

// endPatience is how long a node may take to end after a signal.
const endPatience = 10 * time.Second

// ended waits until a node does not run.
func ended(ctx context.Context, e Engine, node engine.Detail, what string) error {
	waiting, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	_, err := e.WaitContainer(waiting, node.ID)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return hint.Wrap(fmt.Errorf("it still runs %v after %s", endPatience, what), "SIGKILL cannot be ignored: leave --signal out")
	}
	return err
}

func downHolds(node engine.Detail) wire.Verdict {
	if node.Running() {
		return wire.No
	}
	return wire.Yes
}
