package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// isolate cuts all links of nodes.
type isolate struct{}

func (isolate) Help() Help {
	return Help{Name: "isolate", On: OnLinks, Summary: "cut all links of a node, which goes on running", Example: "isolate redis-2"}
}

func (isolate) Faults(targets []string, _ Params) ([]wire.Fault, error) {
	nodes, err := names(targets)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("isolate: %w", err), "name nodes; for one link use cut")
	}
	return []wire.Fault{wire.Isolate(nodes...)}, nil
}

// names splits lists with commas into names.
func names(targets []string) ([]string, error) {
	var all []string
	for _, list := range targets {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			if name == "" || strings.ContainsAny(name, "<>|") {
				return nil, fmt.Errorf("%q is not a list of nodes", list)
			}
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, nil
}
