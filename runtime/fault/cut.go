package fault

import "github.com/ddsctl/ddsctl/runtime/wire"

// cut drops every packet of a link.
type cut struct{}

func (cut) Help() Help {
	return Help{Name: "cut", On: OnLinks, Summary: "drop every packet of a link, one way (a->b) or both (a<->b)", Example: "cut 'twemproxy->redis-2'"}
}

func (cut) Faults(targets []string, _ Params) ([]wire.Fault, error) {
	return each(targets, wire.Fault{Kind: wire.Cut})
}
