package fault

import "github.com/ddsctl/ddsctl/runtime/wire"

// delay holds each packet back.
type delay struct{}

func (delay) Help() Help {
	return Help{Name: "delay", On: OnLinks, Summary: "hold each packet of a link back, in order",
		Params: []Param{
			{Name: "delay", Usage: "how long, such as 100ms", Required: true},
			{Name: "jitter", Usage: "how far that varies, such as 10ms"},
			{Name: "distribution", Usage: "how it varies: normal or uniform", Default: "normal"},
		},
		Example: "delay 'twemproxy->redis-2' --delay 100ms --jitter 10ms"}
}

func (delay) Faults(targets []string, p Params) ([]wire.Fault, error) {
	f := wire.Fault{Kind: wire.Delay, Distribution: wire.Distribution(p["distribution"])}
	var err error
	if f.Delay, err = p.duration("delay", 0); err != nil {
		return nil, err
	}
	if f.Jitter, err = p.duration("jitter", 0); err != nil {
		return nil, err
	}
	return each(targets, f)
}
