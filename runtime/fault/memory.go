package fault

import (
	"context"
	"fmt"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

const kindMemory = "memory"

// minMemory is the least that engines accept as a limit.
const minMemory = 6 << 20

// memory limits how much memory a node gets. Of several such faults the tightest rules.
type memory struct{}

func (memory) Help() Help {
	return Help{Name: kindMemory, On: OnNodes, Summary: "limit a node's memory: the kernel ends what asks for more",
		Params:  []Param{{Name: "limit", Usage: "what it may use, such as 32m", Required: true}},
		Example: "memory redis-2 --limit 16m --for 20s"}
}

func (memory) validate(p Params) error {
	limit, err := p.bytes("limit", 0)
	if err == nil && limit < minMemory {
		err = fmt.Errorf("limit %q is below %d MiB, the least that an engine accepts", p["limit"], minMemory>>20)
	}
	return err
}

func (memory) Before(node engine.Detail, _ Params, standing []Standing) (Before, error) {
	before := Before{Memory: node.MemoryBytes}
	if others := of(kindMemory, standing); len(others) > 0 {
		before = others[0].Before
	}
	return before, alive(kindMemory, node)
}

func (memory) limit(before Before, all []Standing) int64 {
	limit := before.Memory
	for _, s := range all {
		if n, err := s.Params.bytes("limit", 0); s.Kind == kindMemory && err == nil && n > 0 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	return limit
}

func (m memory) Apply(ctx context.Context, e Engine, node engine.Detail, p Params, before Before, standing []Standing) error {
	limit := m.limit(before, append(standing, Standing{Kind: kindMemory, Params: p}))
	err := e.UpdateContainer(ctx, node.ID, engine.Resources{MemoryBytes: &limit})
	if err != nil {
		return hint.Wrap(err, "some kernels refuse a limit below what is in use: ask for more than `ddsctl lab watch` shows")
	}
	return nil
}

func (m memory) Undo(ctx context.Context, e Engine, node engine.Detail, _ Params, before Before, standing []Standing) error {
	limit := m.limit(before, standing)
	if limit == node.MemoryBytes {
		return nil
	}
	return e.UpdateContainer(ctx, node.ID, engine.Resources{MemoryBytes: &limit})
}

func (memory) Holds(node engine.Detail, p Params, _ Before) wire.Verdict {
	if limit, err := p.bytes("limit", 0); err == nil && node.MemoryBytes > 0 && node.MemoryBytes <= limit {
		return wire.Yes
	}
	return wire.No
}
