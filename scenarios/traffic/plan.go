package traffic

import (
	"fmt"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic/draw"
	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// plan is what requests are made of. It is never changed, only replaced.
type plan struct {
	mix    []workload.Operation
	keys   workload.Keys
	values workload.Values
	block  *draw.Block
	ops    [][]any // by target and index into the mix
	seed   uint64
}

func newPlan(spec workload.Spec, targets []*target) (*plan, error) {
	p := &plan{mix: spec.Mix, keys: spec.Keys, values: spec.Values, block: draw.NewBlock(spec.Values, spec.Seed), seed: spec.Seed}
	for _, t := range targets {
		var ops []any
		for i, op := range spec.Mix {
			compiled, err := t.spoken.Compile(op)
			if err != nil {
				return nil, fmt.Errorf("mix[%d]: %w", i, err)
			}
			ops = append(ops, compiled)
		}
		p.ops = append(p.ops, ops)
	}
	return p, nil
}

// drawer draws requests out of a plan, for one worker.
type drawer struct {
	plan   *plan
	mix    *draw.Mix
	keys   *draw.Keys
	values *draw.Values
	ops    []any
	key    []byte
}

func newDrawer(p *plan, target, part, parts int) *drawer {
	return &drawer{
		plan:   p,
		mix:    draw.NewMix(p.mix, p.seed, part),
		keys:   draw.NewKeys(p.keys, p.seed, part, parts),
		values: draw.NewValues(p.values, p.block, p.seed, part),
		ops:    p.ops[target],
	}
}

// next draws a request into r.
func (d *drawer) next(r *protocol.Request) {
	r.Op = d.ops[d.mix.Next()]
	r.Number = d.keys.Next()
	d.key = d.keys.Append(d.key[:0], r.Number)
	r.Key = d.key
	r.Value = d.values.Next()
}

// clock tells the time since the run's start, by the monotonic clock.
type clock struct{ start time.Time }

func (c clock) now() time.Duration { return time.Since(c.start) }

// at is an instant of the run as a time.
func (c clock) at(d time.Duration) time.Time { return c.start.Add(d) }
