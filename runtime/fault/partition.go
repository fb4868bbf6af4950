package fault

import (
	"fmt"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// partition cuts sets of nodes off from each other.
type partition struct{}

func (partition) Help() Help {
	return Help{Name: "partition", On: OnLinks, Summary: "cut groups of nodes off from each other; who is in no group reaches everybody",
		Example: "partition etcd-1,etcd-2 etcd-3"}
}

func (partition) Faults(targets []string, _ Params) ([]wire.Fault, error) {
	var sets [][]string
	for _, text := range targets {
		for side := range strings.SplitSeq(text, "|") {
			set, err := names([]string{side})
			if err != nil {
				return nil, hint.Wrap(fmt.Errorf("partition: %w", err), "write the groups as a,b c,d or 'a,b|c,d'")
			}
			sets = append(sets, set)
		}
	}
	if len(sets) < 2 {
		return nil, hint.Wrap(fmt.Errorf("partition: one group is not cut off from anybody"), "name two groups or more: a,b c,d; or isolate the nodes")
	}
	return []wire.Fault{wire.Partition(sets...)}, nil
}
