package fault

import "github.com/ddsctl/ddsctl/runtime/wire"

// reorder lets packets overtake each other.
type reorder struct{}

func (reorder) Help() Help {
	return Help{Name: "reorder", On: OnLinks, Summary: "hold some packets of a link back, so that later ones overtake them",
		Params: []Param{
			{Name: "probability", Usage: "how likely, such as 10%", Required: true},
			{Name: "delay", Usage: "how long they are held back", Default: wire.DefaultReorderDelay.String()},
		},
		Example: "reorder 'client->twemproxy' --probability 5%"}
}

func (reorder) Faults(targets []string, p Params) ([]wire.Fault, error) {
	f := wire.Fault{Kind: wire.Reorder}
	var err error
	if f.Probability, err = p.probability("probability", 0); err != nil {
		return nil, err
	}
	if f.Delay, err = p.duration("delay", wire.DefaultReorderDelay); err != nil {
		return nil, err
	}
	return each(targets, f)
}
