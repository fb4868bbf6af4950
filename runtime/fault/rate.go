package fault

import "github.com/ddsctl/ddsctl/runtime/wire"

// rate narrows a link.
type rate struct{}

func (rate) Help() Help {
	return Help{Name: "rate", On: OnLinks, Summary: "narrow a link: packets wait, and those that wait too long are dropped",
		Params:  []Param{{Name: "rate", Usage: "bits a second, such as 10mbit", Required: true}},
		Example: "rate 'redis-1->twemproxy' --rate 10mbit"}
}

func (rate) Faults(targets []string, p Params) ([]wire.Fault, error) {
	f := wire.Fault{Kind: wire.Rate}
	var err error
	if f.Rate, err = p.bits("rate"); err != nil {
		return nil, err
	}
	return each(targets, f)
}
