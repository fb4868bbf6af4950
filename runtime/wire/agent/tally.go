//go:build linux

package agent

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// tally makes of a kernel's set, whose elements expire and begin anew, totals that only grow.
type tally struct {
	last, base map[nft.Key]nft.Count
	full       bool
}

// add takes in what the set holds now. An element that is gone, or smaller than before, has expired in between: what it had is kept,
// under one key for all addresses outside, of which there may be any number.
func (t *tally) add(now map[nft.Key]nft.Count, d directory) {
	if t.base == nil {
		t.base = map[nft.Key]nft.Count{}
	}
	for key, before := range t.last {
		if count, there := now[key]; !there || count.Packets < before.Packets {
			key.Pair = d.pair(key.Pair)
			sum := t.base[key]
			t.base[key] = nft.Count{Packets: sum.Packets + before.Packets, Bytes: sum.Bytes + before.Bytes}
		}
	}
	t.last = now
	t.full = t.full || len(now) >= nft.SetSize
}

// all calls f with counts that make the totals; the same key may come twice.
func (t *tally) all(f func(nft.Key, nft.Count)) {
	for key, count := range t.base {
		f(key, count)
	}
	for key, count := range t.last {
		f(key, count)
	}
}

// directory tells whose an address is.
type directory struct {
	names   map[netip.Addr]string
	subnets []netip.Prefix
}

func newDirectory(t wire.Topology) directory {
	d := directory{names: map[netip.Addr]string{}}
	for _, network := range t.Networks {
		d.subnets = append(d.subnets, network.Subnets...)
		for _, gateway := range network.Gateways {
			d.names[gateway] = wire.Host
		}
	}
	for name, addresses := range t.Nodes {
		for _, address := range addresses {
			d.names[address] = name
		}
	}
	return d
}

// name is the node's, Host or Outside; the address itself where it is the lab's and no node of now has it.
func (d directory) name(address netip.Addr) string {
	if name, known := d.names[address]; known {
		return name
	}
	if d.inside(address) {
		return address.String()
	}
	return wire.Outside
}

func (d directory) inside(address netip.Addr) bool {
	return slices.ContainsFunc(d.subnets, func(s netip.Prefix) bool { return s.Contains(address) })
}

// pair is the pair that a fault would name: addresses outside are all one.
func (d directory) pair(p wire.Pair) wire.Pair {
	if !d.inside(p.From) {
		p.From = netip.Addr{}
	}
	if !d.inside(p.To) {
		p.To = netip.Addr{}
	}
	return p
}

// links makes of counted packets and dropped packets the links that people know.
func (d directory) links(counted, dropped []*tally) []wire.LinkCount {
	links := map[wire.Link]*wire.LinkCount{}
	add := func(key nft.Key, flow wire.Flow) {
		link := wire.Link{From: d.name(key.From), To: d.name(key.To), Port: key.Port, Protocol: protocolName(key.Protocol)}
		answer := key.Class == nft.Reply || key.Class == nft.GuessedReply
		if answer {
			link.From, link.To = link.To, link.From
		}
		count := links[link]
		if count == nil {
			count = &wire.LinkCount{Link: link, Guessed: true}
			links[link] = count
		}
		if key.Class != nft.GuessedRequest && key.Class != nft.GuessedReply {
			count.Guessed = false
		}
		if answer {
			count.Backward = count.Backward.Add(flow)
		} else {
			count.Forward = count.Forward.Add(flow)
		}
	}
	for _, t := range counted {
		t.all(func(key nft.Key, c nft.Count) { add(key, wire.Flow{Packets: c.Packets, Bytes: c.Bytes}) })
	}
	for _, t := range dropped {
		t.all(func(key nft.Key, c nft.Count) { add(key, wire.Flow{Dropped: c.Packets}) })
	}
	all := make([]wire.LinkCount, 0, len(links))
	for _, link := range links {
		all = append(all, *link)
	}
	slices.SortFunc(all, func(a, b wire.LinkCount) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	return all
}

func protocolName(number byte) string {
	switch number {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		return "icmp"
	default:
		return fmt.Sprint(number)
	}
}
