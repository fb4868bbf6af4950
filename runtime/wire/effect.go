package wire

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Pair is one directed link between two addresses. The zero address stands for Outside.
type Pair struct{ From, To netip.Addr }

// Reverse is the other direction.
func (p Pair) Reverse() Pair { return Pair{p.To, p.From} }

// IPv6 says which family the pair belongs to.
func (p Pair) IPv6() bool {
	if p.From.IsValid() {
		return p.From.Is6()
	}
	return p.To.Is6()
}

// Compare orders pairs.
func (p Pair) Compare(q Pair) int { return cmp.Or(p.From.Compare(q.From), p.To.Compare(q.To)) }

// Effect is all that stands on one pair: the faults composed.
type Effect struct {
	Cut       bool
	Loss      float64 // of all losses together
	Rate      int64   // the tightest, bits a second; 0 none
	Delays    []Hold  // they add up
	Reorders  []Hold  // each chooses its packets for itself
	Duplicate float64 // of all duplications together
}

// Hold is a delay, drawn as Distribution says; of a reordering, for some packets only (Probability).
type Hold struct {
	Delay, Jitter time.Duration
	Distribution  Distribution
	Probability   float64
}

// Queued says that packets must wait: rate, delay or reorder stand on the pair.
func (e Effect) Queued() bool { return e.Rate > 0 || len(e.Delays) > 0 || len(e.Reorders) > 0 }

// None says that packets pass untouched.
func (e Effect) None() bool { return !e.Cut && e.Loss == 0 && e.Duplicate == 0 && !e.Queued() }

// Equal compares two effects.
func (e Effect) Equal(f Effect) bool {
	return e.Cut == f.Cut && e.Loss == f.Loss && e.Rate == f.Rate && e.Duplicate == f.Duplicate &&
		slices.Equal(e.Delays, f.Delays) && slices.Equal(e.Reorders, f.Reorders)
}

func (e Effect) with(f Fault) Effect {
	switch f.Kind {
	case Cut:
		e.Cut = true
	case Loss:
		e.Loss = either(e.Loss, f.Probability)
	case Duplicate:
		e.Duplicate = either(e.Duplicate, f.Probability)
	case Rate:
		if e.Rate == 0 || f.Rate < e.Rate {
			e.Rate = f.Rate
		}
	case Delay:
		e.Delays = append(slices.Clip(e.Delays), Hold{f.Delay, f.Jitter, f.distribution(), 1})
	case Reorder:
		e.Reorders = append(slices.Clip(e.Reorders), Hold{f.reorderDelay(), f.Jitter, f.distribution(), f.Probability})
	}
	return e
}

// either is the probability of at least one of two independent things.
func either(p, q float64) float64 { return 1 - (1-p)*(1-q) }

func (f Fault) distribution() Distribution {
	if f.Distribution == "" {
		return Normal
	}
	return f.Distribution
}

// Effects composes faults over a topology: what stands on each pair of addresses that can meet. Names that the topology does
// not know (any more) are left out: a node that is gone has no links.
func Effects(t Topology, faults []Fault) map[Pair]Effect {
	effects := map[Pair]Effect{}
	for _, f := range faults {
		for _, pair := range Pairs(t, f) {
			effects[pair] = effects[pair].with(f)
		}
	}
	return effects
}

// Pairs are the directed pairs of addresses that a fault is put on, sorted. Two addresses make a pair when one network holds
// both; Outside meets the addresses of nodes.
func Pairs(t Topology, f Fault) []Pair {
	places := t.places()
	pairs := map[Pair]bool{}
	link := func(from, to []string) {
		for _, a := range from {
			for _, b := range to {
				if a != b {
					places.pairs(a, b, pairs)
				}
			}
		}
	}
	if len(f.Sets) > 0 {
		for i, a := range f.Sets {
			for j, b := range f.Sets {
				if i != j {
					link(t.known(a), t.known(b))
				}
			}
		}
	} else {
		from, to := t.known(f.From), t.known(f.To)
		link(from, to)
		if f.Both {
			link(to, from)
		}
	}
	return slices.SortedFunc(maps.Keys(pairs), Pair.Compare)
}

// known expands the names that the topology has.
func (t Topology) known(names []string) []string {
	var nodes []string
	for _, name := range names {
		if expanded, err := t.Expand([]string{name}); err == nil {
			nodes = append(nodes, expanded...)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// place is an address and the network that holds it, by index; Outside has the zero address.
type place struct {
	address netip.Addr
	network int
}

type places map[string][]place

func (t Topology) places() places {
	all := places{Outside: {{network: -1}}}
	for i, network := range t.Networks {
		for _, gateway := range network.Gateways {
			all[Host] = append(all[Host], place{gateway, i})
		}
		for name, addresses := range t.Nodes {
			for _, address := range addresses {
				if slices.ContainsFunc(network.Subnets, func(s netip.Prefix) bool { return s.Contains(address) }) {
					all[name] = append(all[name], place{address, i})
				}
			}
		}
	}
	return all
}

func (all places) pairs(a, b string, into map[Pair]bool) {
	for _, from := range all[a] {
		for _, to := range all[b] {
			switch {
			case a == Host && b == Outside, a == Outside && b == Host:
				continue // not the lab's traffic
			case a == Outside:
				into[Pair{netip.Addr{}, to.address}] = true
			case b == Outside:
				into[Pair{from.address, netip.Addr{}}] = true
			case from.network == to.network && from.address.Is6() == to.address.Is6():
				into[Pair{from.address, to.address}] = true
			}
		}
	}
}
