package fault

import (
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// each makes one fault of each target.
func each(targets []string, like wire.Fault) ([]wire.Fault, error) {
	var all []wire.Fault
	for _, text := range targets {
		f, err := wire.ParseTarget(text)
		if err != nil {
			return nil, err
		}
		g := like
		g.From, g.To, g.Both, g.Sets = f.From, f.To, f.Both, f.Sets
		if err := g.Validate(); err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

// linkKind is what a person calls a fault on links: isolation and partition are cuts of a certain shape.
func linkKind(f wire.Fault) string {
	switch {
	case f.Kind != wire.Cut:
		return string(f.Kind)
	case len(f.Sets) > 0:
		return "partition"
	case f.Both && len(f.To) == 1 && f.To[0] == wire.Any:
		return "isolate"
	}
	return "cut"
}
