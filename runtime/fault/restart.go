package fault

import (
	"context"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// restart ends a node and starts it at once. It stands for a moment only, so that whoever looks sees it.
type restart struct{}

// restartShown is how long a restart is shown as a fault.
const restartShown = 2 * time.Second

func (restart) Help() Help {
	return Help{Name: kindRestart, On: OnNodes, Summary: "end a node and start it again at once",
		Params:  []Param{{Name: "grace", Usage: "how long it may take to end", Default: "1s"}},
		Example: "restart redis-2"}
}

func (restart) grace(p Params) (time.Duration, error) { return p.duration("grace", time.Second) }

func (r restart) validate(p Params) error {
	_, err := r.grace(p)
	return err
}

func (restart) Before(node engine.Detail, _ Params, standing []Standing) (Before, error) {
	return lived(node, standing), alive(kindRestart, node)
}

func (r restart) Apply(ctx context.Context, e Engine, node engine.Detail, p Params, _ Before, _ []Standing) error {
	grace, err := r.grace(p)
	if err != nil {
		return err
	}
	if err := thaw(ctx, e, node); err != nil {
		return err
	}
	return e.RestartContainer(ctx, node.ID, &grace)
}

func (restart) Undo(ctx context.Context, e Engine, node engine.Detail, _ Params, before Before, standing []Standing) error {
	return settle(ctx, e, node, before, standing)
}

// Holds cannot tell by the node's present state: that it runs says nothing of whether it was ended.
func (restart) Holds(engine.Detail, Params, Before) wire.Verdict { return wire.Unknown }
