package fault

import "github.com/ddsctl/ddsctl/runtime/wire"

// loss drops packets by chance.
type loss struct{}

func (loss) Help() Help {
	return Help{Name: "loss", On: OnLinks, Summary: "drop each packet of a link by chance",
		Params:  []Param{{Name: "probability", Usage: "how likely, such as 10% or 0.1", Required: true}},
		Example: "loss 'client->twemproxy' --probability 10%"}
}

func (loss) Faults(targets []string, p Params) ([]wire.Fault, error) {
	f := wire.Fault{Kind: wire.Loss}
	var err error
	if f.Probability, err = p.probability("probability", 0); err != nil {
		return nil, err
	}
	return each(targets, f)
}
