package fault

import "github.com/ddsctl/ddsctl/runtime/wire"

// duplicate sends packets twice.
type duplicate struct{}

func (duplicate) Help() Help {
	return Help{Name: "duplicate", On: OnLinks, Summary: "send some packets of a link twice",
		Params:  []Param{{Name: "probability", Usage: "how likely, such as 10%", Required: true}},
		Example: "duplicate 'client->twemproxy' --probability 10%"}
}

func (duplicate) Faults(targets []string, p Params) ([]wire.Fault, error) {
	f := wire.Fault{Kind: wire.Duplicate}
	var err error
	if f.Probability, err = p.probability("probability", 0); err != nil {
		return nil, err
	}
	return each(targets, f)
}
