package fault

import (
	"context"
	"fmt"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// pause freezes all processes of a node: it neither answers nor notices that time passes.
type pause struct{}

func (pause) Help() Help {
	return Help{Name: kindPause, On: OnNodes, Summary: "freeze a node: it does not answer, and its connections stay open", Example: "pause redis-2 --for 5s"}
}

func (pause) Before(node engine.Detail, _ Params, standing []Standing) (Before, error) {
	if node.Phase == engine.PhasePaused {
		return Before{}, hint.Wrap(fmt.Errorf("pause: it is paused already"), "see `ddsctl fault list`")
	}
	return lived(node, standing), alive(kindPause, node)
}

func (pause) Apply(ctx context.Context, e Engine, node engine.Detail, _ Params, _ Before, _ []Standing) error {
	return e.PauseContainer(ctx, node.ID)
}

func (pause) Undo(ctx context.Context, e Engine, node engine.Detail, _ Params, before Before, standing []Standing) error {
	return settle(ctx, e, node, before, standing)
}

func (pause) Holds(node engine.Detail, _ Params, _ Before) wire.Verdict {
	if node.Phase == engine.PhasePaused {
		return wire.Yes
	}
	return wire.No
}
