package fault

import (
	"context"
	"math"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

const kindCPU = "cpu"

// cpu limits how much of the processors a node gets. Of several such faults the tightest rules.
type cpu struct{}

func (cpu) Help() Help {
	return Help{Name: kindCPU, On: OnNodes, Summary: "starve a node of processor time",
		Params:  []Param{{Name: "cores", Usage: "what it gets, such as 0.1", Required: true}},
		Example: "cpu redis-2 --cores 0.05 --for 20s"}
}

func (cpu) validate(p Params) error {
	_, err := p.cores("cores")
	return err
}

func (cpu) nano(p Params) int64 {
	cores, err := p.cores("cores")
	if err != nil {
		return 0
	}
	return int64(math.Round(cores * 1e9))
}

func (cpu) Before(node engine.Detail, _ Params, standing []Standing) (Before, error) {
	before := Before{NanoCPUs: node.NanoCPUs}
	if others := of(kindCPU, standing); len(others) > 0 {
		before = others[0].Before
	}
	return before, alive(kindCPU, node)
}

// limit is the tightest of all that stand, and of the node's own.
func (c cpu) limit(before Before, all []Standing) int64 {
	limit := before.NanoCPUs
	for _, s := range all {
		if n := c.nano(s.Params); s.Kind == kindCPU && n > 0 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	return limit
}

func (c cpu) Apply(ctx context.Context, e Engine, node engine.Detail, p Params, before Before, standing []Standing) error {
	limit := c.limit(before, append(standing, Standing{Kind: kindCPU, Params: p}))
	return e.UpdateContainer(ctx, node.ID, engine.Resources{NanoCPUs: &limit})
}

func (c cpu) Undo(ctx context.Context, e Engine, node engine.Detail, _ Params, before Before, standing []Standing) error {
	limit := c.limit(before, standing)
	if limit == node.NanoCPUs {
		return nil
	}
	return e.UpdateContainer(ctx, node.ID, engine.Resources{NanoCPUs: &limit})
}

func (c cpu) Holds(node engine.Detail, p Params, _ Before) wire.Verdict {
	if node.NanoCPUs > 0 && node.NanoCPUs <= c.nano(p) {
		return wire.Yes
	}
	return wire.No
}
