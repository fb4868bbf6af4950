package assemble

import (
	"cmp"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// link is what was counted of one link, both ways.
type link struct{ forward, backward flow }

type flow struct{ packets, bytes, dropped counter }

func (f *flow) counters() []*counter { return []*counter{&f.packets, &f.bytes, &f.dropped} }

func (l *link) counters() []*counter { return append(l.forward.counters(), l.backward.counters()...) }

func values(l wire.LinkCount) []uint64 {
	return []uint64{l.Forward.Packets, l.Forward.Bytes, l.Forward.Dropped, l.Backward.Packets, l.Backward.Bytes, l.Backward.Dropped}
}

// count takes the wire's counters in.
func (a *Assembler) count(c wire.Counters) {
	if !c.Since.Equal(a.since) {
		for _, l := range a.links {
			for _, known := range l.counters() {
				known.restart() // the helper was started anew
			}
		}
	}
	same := c.Since.Equal(a.since)
	seen := map[wire.Link]bool{}
	for _, counted := range c.Links {
		seen[counted.Link] = true
		l := a.links[counted.Link]
		if l == nil {
			l = &link{}
			a.links[counted.Link] = l
			if same && !a.counted.IsZero() {
				for _, known := range l.counters() {
					known.add(a.counted, 0, a.window) // it was not there then: it has carried nothing
				}
			}
		}
		for i, known := range l.counters() {
			known.add(c.Time, float64(values(counted)[i]), a.window)
		}
	}
	for key, l := range a.links {
		if !seen[key] { // the kernel let it expire: nothing passes
			for _, known := range l.counters() {
				known.add(c.Time, known.last, a.window)
			}
		}
	}
	a.since, a.counted = c.Since, c.Time
}

// linksOf are the links that carried traffic or are expected to.
func (a *Assembler) linksOf(t wire.Topology, in Inputs) []telemetry.Link {
	if in.Counters != nil {
		a.count(*in.Counters)
	}
	exists := func(name string) bool {
		_, ok := t.Nodes[name]
		return ok || name == wire.Host || name == wire.Outside
	}
	var links []telemetry.Link
	for key, l := range a.links {
		if !exists(key.From) || !exists(key.To) {
			delete(a.links, key)
			continue
		}
		if in.Counters == nil {
			continue // what is not counted now is not told
		}
		links = append(links, telemetry.Link{From: key.From, To: key.To, Port: key.Port, Protocol: key.Protocol, Observed: true,
			Forward: l.forward.told(), Backward: l.backward.told()})
	}
	for _, d := range a.declared(t) {
		found := false
		for i := range links {
			l := &links[i]
			if l.From == d.From && l.To == d.To && (d.Port == 0 || d.Port == l.Port) && (d.Protocol == "" || d.Protocol == l.Protocol) {
				l.Declared, found = true, true
			}
		}
		if !found {
			links = append(links, telemetry.Link{From: d.From, To: d.To, Port: d.Port, Protocol: d.Protocol, Declared: true})
		}
	}
	for i := range links {
		for _, s := range in.States {
			if touches(t, s.Fault, links[i].From, links[i].To) {
				links[i].Faults = append(links[i].Faults, s.ID)
			}
		}
		slices.Sort(links[i].Faults)
	}
	slices.SortFunc(links, func(x, y telemetry.Link) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.Port, y.Port), cmp.Compare(x.Protocol, y.Protocol))
	})
	return links
}

func (f *flow) told() telemetry.LinkFlow {
	told := telemetry.LinkFlow{Packets: uint64(f.packets.total()), Bytes: uint64(f.bytes.total()), Dropped: uint64(f.dropped.total())}
	told.PacketsPerSecond, _ = f.packets.rate()
	told.BytesPerSecond, _ = f.bytes.rate()
	return told
}

// declared are the expected links between nodes: a service stands for its replicas.
func (a *Assembler) declared(t wire.Topology) []Link {
	var all []Link
	seen := map[Link]bool{}
	for _, d := range a.about.Links {
		from, err := t.Expand([]string{d.From})
		to, other := t.Expand([]string{d.To})
		if err != nil || other != nil {
			continue // scaled to none, or left out by a profile
		}
		for _, f := range from {
			for _, to := range to {
				l := Link{From: f, To: to, Port: d.Port, Protocol: d.Protocol}
				if f != to && !seen[l] {
					seen[l] = true
					all = append(all, l)
				}
			}
		}
	}
	return all
}

// touches says whether a fault is on the link between two nodes, in either direction.
func touches(t wire.Topology, f wire.Fault, a, b string) bool {
	has := func(names []string, node string) bool {
		for _, name := range names {
			if nodes, err := t.Expand([]string{name}); err == nil && slices.Contains(nodes, node) {
				return true
			}
		}
		return false
	}
	if len(f.Sets) == 0 {
		return has(f.From, a) && has(f.To, b) || has(f.From, b) && has(f.To, a)
	}
	for i, one := range f.Sets {
		for j, other := range f.Sets {
			if i != j && has(one, a) && has(other, b) {
				return true
			}
		}
	}
	return false
}

// total sums each node's links.
func total(nodes []telemetry.Node, links []telemetry.Link) {
	received, sent := map[string]float64{}, map[string]float64{}
	for _, l := range links {
		sent[l.From] += l.Forward.BytesPerSecond
		received[l.To] += l.Forward.BytesPerSecond
		sent[l.To] += l.Backward.BytesPerSecond
		received[l.From] += l.Backward.BytesPerSecond
	}
	for i := range nodes {
		if nodes[i].Address == "" {
			continue // no links of its own
		}
		in, out := received[nodes[i].Name], sent[nodes[i].Name]
		nodes[i].Received, nodes[i].Sent = &in, &out
	}
}
