//go:build linux

package nft

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Layer is the family of a table.
type Layer string

// The layers. Counting, cutting and losing happen in the bridge. Duplication, and waiting where the bridge cannot hand packets to
// user space, happen where packets are routed; with br_netfilter that sees bridged packets too.
const (
	Bridge Layer = ""
	IP4    Layer = "ip"
	IP6    Layer = "ip6"
	Netdev Layer = "netdev" // what a device receives, before the bridge sees it
)

// layer is where packets of the family are routed.
func (f family) layer() Layer {
	if f.v6 {
		return IP6
	}
	return IP4
}

// Priorities of chains where packets are routed. Before routing: after defragmentation (-400), before connection tracking (-200)
// sees the packet. After routing: before source NAT (100), so that addresses are still the nodes' own.
const (
	waitBefore  = -350
	waitAfter   = -160
	twiceBefore = waitBefore + 10 // what waits is doubled after it has waited
	twiceAfter  = waitAfter + 10
)

// copyMark tells a copy that duplication made from what a node sent.
const copyMark = 0xdd50c0b1

// stage is what happens to some pairs where packets are routed. What nodes send meets it before routing; what the host sends or
// passes on meets it after routing, with the addresses that the bridge will see. A bridged packet comes by both places, so
// each looks only at pairs of its own.
type stage struct {
	family
	name                string
	before, after       int32                // priorities
	node, host, out, in map[wire.Pair]string // the chain that each pair goes to
	chains              map[string]Chain
}

func (f family) stage(name string, before, after int32) *stage {
	return &stage{
		family: f, name: name, before: before, after: after,
		node: map[wire.Pair]string{}, host: map[wire.Pair]string{},
		out: map[wire.Pair]string{}, in: map[wire.Pair]string{},
		chains: map[string]Chain{},
	}
}

// add makes the pair's packets go to the chain.
func (s *stage) add(pair wire.Pair, gateways []netip.Addr, chain Chain) {
	chain.Layer = s.layer()
	s.chains[chain.Name] = chain
	switch {
	case !pair.From.IsValid():
		s.in[pair] = chain.Name
	case !pair.To.IsValid():
		s.out[pair] = chain.Name
	case slices.Contains(gateways, pair.From):
		s.host[pair] = chain.Name
	default:
		s.node[pair] = chain.Name
	}
}

func (s *stage) build(subnets []netip.Prefix, gateways []netip.Addr) (sets []Set, chains []Chain) {
	before := Chain{Name: s.chain(s.name + "_before"), Layer: s.layer(), Hook: &Hook{Point: "prerouting", Priority: s.before},
		Rules: s.exempt(s.daddr(), dport, gateways)}
	after := Chain{Name: s.chain(s.name + "_after"), Layer: s.layer(), Hook: &Hook{Point: "postrouting", Priority: s.after},
		Rules: append([]Rule{{isMark(copyMark), accept()}}, s.exempt(s.saddr(), sport, gateways)...)}
	lookUp := func(into *Chain, name string, kind setKind, elements map[wire.Pair]string, rule Rule, key ...field) {
		if len(elements) == 0 {
			return
		}
		set := Set{Name: s.chain(s.name + "_" + name), Layer: s.layer(), v6: s.v6, kind: kind, Elements: elements}
		sets = append(sets, set)
		into.Rules = append(into.Rules, append(rule, verdictOf(set.Name, key...)))
	}
	bare := len(before.Rules)
	lookUp(&before, "node", kindFaults, s.node, nil, s.saddr(), s.daddr())
	lookUp(&before, "out", kindOut, s.out, s.outside(s.daddr(), subnets), s.saddr())
	if len(before.Rules) > bare {
		chains = append(chains, before)
	}
	bare = len(after.Rules)
	lookUp(&after, "host", kindFaults, s.host, nil, s.saddr(), s.daddr())
	lookUp(&after, "in", kindIn, s.in, s.outside(s.saddr(), subnets), s.daddr())
	if len(after.Rules) > bare {
		chains = append(chains, after)
	}
	for _, name := range slices.Sorted(maps.Keys(s.chains)) {
		chains = append(chains, s.chains[name])
	}
	return sets, chains
}

// waiting is the chain that hands packets to the queue.
func (s *stage) waiting(queue Queue) Chain {
	return Chain{Name: s.chain("hand"), Rules: []Rule{{queue.hand()}}}
}

// doubling is the chain that sends some packets twice. The host's own routing sends the copy to the same address; its time to
// live is one less, as if it had been routed, and its sender's hardware address is the bridge's.
func (s *stage) doubling(probability float64) Chain {
	parts := uint32(math.Round(probability * lossSteps))
	return Chain{Name: s.chain(fmt.Sprintf("twice_%d_v", parts)), Rules: []Rule{
		{chance(parts), count(TwiceSet(s.v6), s.saddr(), s.daddr()), setMark(copyMark), twice(s.daddr()), setMark(0)},
	}}
}

// TwiceSet is the set that counts the packets that were sent twice.
func TwiceSet(v6 bool) string { return setName("twice", v6) }

func isMark(mark uint32) Statement {
	return Statement{fmt.Sprintf("meta mark %#x", mark), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: firstRegister}, equal(binaryutil.NativeEndian.PutUint32(mark)),
	}}
}

func setMark(mark uint32) Statement {
	return Statement{fmt.Sprintf("meta mark set %#x", mark), []expr.Any{
		&expr.Immediate{Register: firstRegister, Data: binary.NativeEndian.AppendUint32(nil, mark)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: firstRegister},
	}}
}

// twice sends a copy of the packet to the address.
func twice(to field) Statement {
	return Statement{"dup to " + to.text, []expr.Any{to.load(firstRegister), &expr.Dup{RegAddr: firstRegister}}}
}
