package fault

import (
	"cmp"
	"context"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// kill ends a node's first process by a signal, without a chance to say goodbye; healing starts the node again.
type kill struct{}

func (kill) Help() Help {
	return Help{Name: kindKill, On: OnNodes, Summary: "end a node at once; healing starts it again",
		Params:  []Param{{Name: "signal", Usage: "the signal, such as SIGTERM", Default: "SIGKILL"}},
		Example: "kill redis-2 --for 10s"}
}

func (kill) Before(node engine.Detail, _ Params, standing []Standing) (Before, error) {
	return lived(node, standing), alive(kindKill, node)
}

func (kill) Apply(ctx context.Context, e Engine, node engine.Detail, p Params, _ Before, _ []Standing) error {
	if err := thaw(ctx, e, node); err != nil {
		return err
	}
	signal := cmp.Or(p["signal"], "SIGKILL")
	if err := e.KillContainer(ctx, node.ID, signal); err != nil {
		return err
	}
	return ended(ctx, e, node, signal)
}

func (kill) Undo(ctx context.Context, e Engine, node engine.Detail, _ Params, before Before, standing []Standing) error {
	return settle(ctx, e, node, before, standing)
}

func (kill) Holds(node engine.Detail, _ Params, _ Before) wire.Verdict { return downHolds(node) }
