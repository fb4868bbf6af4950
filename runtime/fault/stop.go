package fault

import (
	"context"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// stop asks a node to end and gives it time to; healing starts it again.
type stop struct{}

func (stop) Help() Help {
	return Help{Name: kindStop, On: OnNodes, Summary: "ask a node to end, and end it when it does not; healing starts it again",
		Params:  []Param{{Name: "grace", Usage: "how long it may take", Default: "10s"}},
		Example: "stop redis-2 --grace 2s --for 30s"}
}

func (stop) grace(p Params) (time.Duration, error) { return p.duration("grace", 10*time.Second) }

func (s stop) validate(p Params) error {
	_, err := s.grace(p)
	return err
}

func (stop) Before(node engine.Detail, _ Params, standing []Standing) (Before, error) {
	return lived(node, standing), alive(kindStop, node)
}

func (s stop) Apply(ctx context.Context, e Engine, node engine.Detail, p Params, _ Before, _ []Standing) error {
	grace, err := s.grace(p)
	if err != nil {
		return err
	}
	if err := thaw(ctx, e, node); err != nil {
		return err
	}
	return e.StopContainer(ctx, node.ID, &grace)
}

func (stop) Undo(ctx context.Context, e Engine, node engine.Detail, _ Params, before Before, standing []Standing) error {
	return settle(ctx, e, node, before, standing)
}

func (stop) Holds(node engine.Detail, _ Params, _ Before) wire.Verdict { return downHolds(node) }
