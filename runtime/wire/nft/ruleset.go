//go:build linux

// Package nft builds and holds the rules of a wire: one table of nftables' bridge family for each lab, owned by the process that
// made it, so that the kernel removes it however that process ends.
//
// Build is pure: from networks and effects to the Ruleset that should be. Table brings the kernel there in one transaction.
package nft

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Sizes of the sets that the kernel fills itself, in elements, and how long an element without traffic stays.
const (
	SetSize        = 1 << 16
	pairsSize      = 4 * SetSize
	elementTimeout = time.Hour
)

// ephemeral is where systems begin to choose ports of outgoing connections.
const ephemeral = 32768

// Class says in the key of a counted link how its port was told.
type Class uint32

// The classes. The opposite of a request is its reply.
const (
	Request        Class = 1 // the beginning of the connection was seen: the sender opened it
	Reply          Class = 2
	GuessedRequest Class = 3 // told from the port numbers
	GuessedReply   Class = 4
	Portless       Class = 5 // no port, or none that tells
)

// Hook is where a base chain is called, and when among others there.
type Hook struct {
	Point    string // prerouting, input, output, postrouting, or ingress of a device
	Priority int32
	Device   string // of ingress
}

// Chain is a chain with its rules; Hook is nil for those that are jumped to. Names are told apart in all layers.
type Chain struct {
	Name  string
	Layer Layer
	Hook  *Hook
	Rules []Rule
}

// Ruleset is all that should be in a table.
type Ruleset struct {
	Sets   []Set
	Chains []Chain
}

// Set is a set or a map from keys to chains.
type Set struct {
	Name  string
	Layer Layer
	v6    bool
	kind  setKind
	size  uint32 // of those that the kernel fills
	// Elements of pair sets and maps; a map's value is a chain's name, "" in a set.
	Elements map[wire.Pair]string
}

type setKind string

const (
	kindOpened  setKind = "opened"  // saddr . daddr . port: connections whose beginning was seen
	kindLinks   setKind = "links"   // saddr . daddr . port . protocol . class, with counters
	kindPassed  setKind = "passed"  // saddr . daddr, with counters
	kindFaults  setKind = "faults"  // saddr . daddr : chain
	kindWatched setKind = "watched" // saddr . daddr
	kindOut     setKind = "out"     // saddr : chain
	kindIn      setKind = "in"      // daddr : chain
)

// LinksSet is the name of the set that counts links.
func LinksSet(v6 bool) string { return setName("links", v6) }

// DroppedSet is the name of the set that counts what was dropped.
func DroppedSet(v6 bool) string { return setName("dropped", v6) }

// PassedSet is the name of the set that counts what was passed on.
func PassedSet(v6 bool) string { return setName("passed", v6) }

func setName(name string, v6 bool) string { return name + family{v6}.suffix() }

// earlier than br_netfilter (0), which hands packets to the host's own rules.
const priority = -250

// Build says what the table should hold for these networks, effects and queue.
func Build(networks []wire.Network, effects map[wire.Pair]wire.Effect, queue Queue) Ruleset {
	var all Ruleset
	prerouting := Chain{Name: "prerouting", Hook: &Hook{Point: "prerouting", Priority: priority}}
	output := Chain{Name: "output", Hook: &Hook{Point: "output", Priority: priority}}
	input := Chain{Name: "input", Hook: &Hook{Point: "input", Priority: priority}}
	postrouting := Chain{Name: "postrouting", Hook: &Hook{Point: "postrouting", Priority: priority}}
	chainsOfEffects := map[string]Chain{}
	for _, f := range []family{{false}, {true}} {
		subnets, gateways := ofFamily(networks, f)
		if len(subnets) == 0 {
			continue
		}
		for _, subnet := range subnets {
			prerouting.Rules = append(prerouting.Rules, Rule{f.isProtocol(), inSubnet(f.saddr(), subnet, false), goTo(f.chain("from_node"))})
			output.Rules = append(output.Rules, Rule{f.isProtocol(), inSubnet(f.daddr(), subnet, false), goTo(f.chain("from_host"))})
		}
		all.Sets = append(all.Sets,
			Set{Name: f.chain("opened"), v6: f.v6, kind: kindOpened, size: SetSize},
			Set{Name: f.chain("links"), v6: f.v6, kind: kindLinks, size: SetSize},
			Set{Name: f.chain("dropped"), v6: f.v6, kind: kindLinks, size: SetSize},
			Set{Name: f.chain("passed"), v6: f.v6, kind: kindPassed, size: pairsSize})
		faults := f.faults(effects, queue, subnets)
		counted := accept()
		if faults.any {
			counted = goTo(f.chain("faults"))
			watch := Rule{f.isProtocol(), inSet(f.chain("watched"), f.saddr(), f.daddr()), count(f.chain("passed"), f.saddr(), f.daddr())}
			input.Rules = append(input.Rules, watch)
			postrouting.Rules = append(postrouting.Rules, watch)
		}
		all.Sets = append(all.Sets, faults.sets...)
		sets, chains := f.routed(effects, queue, subnets, gateways)
		all.Sets = append(all.Sets, sets...)
		all.Chains = append(append(all.Chains, f.counting("count", "links")), f.entrances(gateways, counted)...)
		all.Chains = append(all.Chains, faults.chains...)
		all.Chains = append(all.Chains, chains...)
		maps.Copy(chainsOfEffects, faults.effects)
	}
	for _, name := range slices.Sorted(maps.Keys(chainsOfEffects)) {
		all.Chains = append(all.Chains, chainsOfEffects[name])
	}
	for _, base := range []Chain{prerouting, output, input, postrouting} {
		if len(base.Rules) > 0 {
			all.Chains = append(all.Chains, base)
		}
	}
	return all
}

func (f family) chain(name string) string { return name + f.suffix() }

func ofFamily(networks []wire.Network, f family) (subnets []netip.Prefix, gateways []netip.Addr) {
	for _, network := range networks {
		for _, subnet := range network.Subnets {
			if subnet.Addr().Is6() == f.v6 {
				subnets = append(subnets, subnet.Masked())
			}
		}
		for _, gateway := range network.Gateways {
			if gateway.Is6() == f.v6 {
				gateways = append(gateways, gateway)
			}
		}
	}
	return subnets, gateways
}

// entrances are the chains that packets from nodes and from the host enter by, and those that tell the helper's own probes. Counted is
// where a packet goes from there.
func (f family) entrances(gateways []netip.Addr, counted Statement) []Chain {
	// Only what is of a gateway looks at the ports: every packet passes by here.
	toHost, fromHost := Chain{Name: f.chain("to_gateway"), Rules: probes(dport)}, Chain{Name: f.chain("from_gateway"), Rules: probes(sport)}
	node, host := Chain{Name: f.chain("from_node")}, Chain{Name: f.chain("from_host"), Rules: []Rule{{isMark(copyMark), accept()}}}
	for _, gateway := range gateways {
		node.Rules = append(node.Rules, Rule{isAddress(f.daddr(), gateway), jump(toHost.Name)})
		host.Rules = append(host.Rules, Rule{isAddress(f.saddr(), gateway), jump(fromHost.Name)})
	}
	node.Rules = append(node.Rules, f.known(counted)...)
	for _, chain := range []*Chain{&node, &host} {
		chain.Rules = append(append(chain.Rules, f.unowned()...), Rule{jump(f.chain("count"))}, Rule{counted})
	}
	return []Chain{toHost, fromHost, node, host}
}

// known counts, by finding it in the set of links, what belongs to a TCP link that was counted before: nearly every packet. One look
// into one set is what it costs; the reply's comes first where its port tells that it is one.
func (f family) known(counted Statement) []Rule {
	links := f.chain("links")
	return []Rule{
		{below(sport, ephemeral), inSet(links, f.saddr(), f.daddr(), sport, protocol, constant(uint32(Reply))), counted},
		{inSet(links, f.saddr(), f.daddr(), dport, protocol, constant(uint32(Request))), counted},
	}
}

// probes lets pass what has a port of the helper's own probes.
func probes(port field) []Rule {
	return []Rule{
		{isL4(unix.IPPROTO_TCP), atLeast(port, wire.ProbePortFirst), accept()},
		{isL4(unix.IPPROTO_UDP), atLeast(port, wire.ProbePortFirst), accept()},
	}
}

// unowned lets pass what belongs to no pair of nodes: what is sent to groups, and the discovery of neighbours.
func (f family) unowned() []Rule {
	rules := []Rule{{f.isMulticast(), accept()}}
	if f.v6 {
		rules = append(rules, Rule{isDiscovery(), accept()})
	}
	return rules
}

// exempt lets pass what is neither counted nor subject to faults: the helper's own probes, whose address at the gateway and port
// are these fields, and what is unowned.
func (f family) exempt(address, port field, gateways []netip.Addr) []Rule {
	var rules []Rule
	for _, gateway := range gateways {
		for _, rule := range probes(port) {
			rules = append(rules, append(Rule{isAddress(address, gateway)}, rule...))
		}
	}
	return append(rules, f.unowned()...)
}

// outside matches addresses that are in none of the subnets.
func (f family) outside(which field, subnets []netip.Prefix) Rule {
	var rule Rule
	for _, subnet := range subnets {
		rule = append(rule, inSubnet(which, subnet, true))
	}
	return rule
}

// counting counts each packet once in set, at the link that it belongs to.
func (f family) counting(chain, set string) Chain {
	links, opened := f.chain(set), f.chain("opened")
	at := func(port field, class Class) Statement {
		key := []field{f.saddr(), f.daddr(), port, protocol, constant(uint32(class))}
		if class == Request || class == Reply { // known finds these without keeping them alive, and opened keeps as many
			return countForGood(links, key...)
		}
		return count(links, key...)
	}
	const tcp, udp = unix.IPPROTO_TCP, unix.IPPROTO_UDP
	rules := []Rule{
		{isL4(tcp), inSet(opened, f.saddr(), f.daddr(), dport), at(dport, Request), done()},
		{isL4(tcp), inSet(opened, f.daddr(), f.saddr(), sport), at(sport, Reply), done()},
	}
	if set == "links" { // elsewhere the packet was remembered when it was counted
		rules = append(rules, Rule{isL4(tcp), isOpening(), remember(opened, f.saddr(), f.daddr(), dport), at(dport, Request), done()})
	}
	for _, l4 := range []byte{tcp, udp} {
		rules = append(rules,
			Rule{isL4(l4), below(dport, ephemeral), at(dport, GuessedRequest), done()},
			Rule{isL4(l4), below(sport, ephemeral), at(sport, GuessedReply), done()})
	}
	return Chain{Name: f.chain(chain), Rules: append(rules, Rule{at(constant(0), Portless)})}
}

// faulty is the part of the ruleset that faults of one family add.
type faulty struct {
	any     bool
	sets    []Set
	chains  []Chain
	effects map[string]Chain
}

func (f family) faults(effects map[wire.Pair]wire.Effect, queue Queue, subnets []netip.Prefix) faulty {
	pairs := Set{Name: f.chain("faults"), v6: f.v6, kind: kindFaults, Elements: map[wire.Pair]string{}}
	watched := Set{Name: f.chain("watched"), v6: f.v6, kind: kindWatched, Elements: map[wire.Pair]string{}}
	out := Set{Name: f.chain("out"), v6: f.v6, kind: kindOut, Elements: map[wire.Pair]string{}}
	in := Set{Name: f.chain("in"), v6: f.v6, kind: kindIn, Elements: map[wire.Pair]string{}}
	part := faulty{effects: map[string]Chain{}}
	for pair, effect := range effects {
		if pair.IPv6() != f.v6 {
			continue
		}
		if pair.From.IsValid() && pair.To.IsValid() && !effect.None() {
			part.any = true
			watched.Elements[pair] = "" // a duplication is proved there too
		}
		chain := f.effect(effect, queue)
		if len(chain.Rules) == 0 {
			continue
		}
		part.any = true
		part.effects[chain.Name] = chain
		switch {
		case !pair.From.IsValid():
			in.Elements[pair] = chain.Name
		case !pair.To.IsValid():
			out.Elements[pair] = chain.Name
		default:
			pairs.Elements[pair] = chain.Name
		}
	}
	if !part.any {
		return faulty{}
	}
	chain := Chain{Name: f.chain("faults"), Rules: []Rule{{verdictOf(pairs.Name, f.saddr(), f.daddr())}}}
	part.sets = append(part.sets, pairs, watched)
	if len(out.Elements) > 0 {
		part.sets = append(part.sets, out)
		chain.Rules = append(chain.Rules, append(f.outside(f.daddr(), subnets), verdictOf(out.Name, f.saddr())))
	}
	if len(in.Elements) > 0 {
		part.sets = append(part.sets, in)
		chain.Rules = append(chain.Rules, append(f.outside(f.saddr(), subnets), verdictOf(in.Name, f.daddr())))
	}
	dropping := f.counting("drop", "dropped")
	dropped := Chain{Name: f.chain("dropped"), Rules: []Rule{{jump(dropping.Name)}, {drop()}}}
	part.chains = append(part.chains, dropping, dropped, chain)
	return part
}

// effect is the chain that does what the kernel can do of an effect, and hands to the queue what must wait.
func (f family) effect(e wire.Effect, queue Queue) Chain {
	lost := Rule{goTo(f.chain("dropped"))}
	if e.Cut {
		return Chain{Name: f.chain("cut_v"), Rules: []Rule{lost}}
	}
	var chain Chain
	var name []string
	if e.Loss > 0 {
		parts := uint32(math.Round(e.Loss * lossSteps))
		name = append(name, fmt.Sprintf("loss_%d", parts))
		chain.Rules = append(chain.Rules, append(Rule{chance(parts)}, lost...))
	}
	if e.Queued() && queue.Means.inBridge() {
		name = append(name, "wait")
		chain.Rules = append(chain.Rules, Rule{queue.hand()})
	}
	chain.Name = f.chain(strings.Join(name, "_") + "_v")
	return chain
}

// routed is the part of the ruleset where packets are routed. A packet that is cut in the bridge never comes there, but one that the
// host sends waits before the bridge sees it: what is cut does not wait.
func (f family) routed(effects map[wire.Pair]wire.Effect, queue Queue, subnets []netip.Prefix, gateways []netip.Addr) (sets []Set, chains []Chain) {
	wait, twice := f.stage("wait", waitBefore, waitAfter), f.stage("twice", twiceBefore, twiceAfter)
	for pair, effect := range effects {
		if pair.IPv6() != f.v6 || effect.Cut {
			continue
		}
		if effect.Queued() && queue.Means == Routed {
			wait.add(pair, gateways, wait.waiting(queue))
		}
		// The host has no second way to itself, and a copy to outside would miss its address translation.
		if effect.Duplicate > 0 && pair.To.IsValid() && !slices.Contains(gateways, pair.To) {
			twice.add(pair, gateways, twice.doubling(effect.Duplicate))
		}
	}
	for _, stage := range []*stage{wait, twice} {
		if len(stage.chains) == 0 {
			continue
		}
		if stage == twice {
			sets = append(sets, Set{Name: TwiceSet(f.v6), Layer: f.layer(), v6: f.v6, kind: kindPassed, size: pairsSize})
		}
		moreSets, moreChains := stage.build(subnets, gateways)
		sets, chains = append(sets, moreSets...), append(chains, moreChains...)
	}
	return sets, chains
}

// Keeping is the ruleset with the chains that another has at hooks, empty where it has none of its own.
func (r Ruleset) Keeping(other Ruleset) Ruleset {
	r.Chains = slices.Clone(r.Chains)
	for _, chain := range other.Chains {
		if chain.Hook != nil && !slices.ContainsFunc(r.Chains, func(c Chain) bool { return c.Name == chain.Name }) {
			chain.Rules = nil
			r.Chains = append(r.Chains, chain)
		}
	}
	return r
}

// String is the ruleset in the words of nft(8).
func (r Ruleset) String() string {
	var b strings.Builder
	for _, set := range r.Sets {
		fmt.Fprintf(&b, "set %s%s\n", set.Layer.prefix(), set.Name)
		for _, pair := range slices.SortedFunc(maps.Keys(set.Elements), wire.Pair.Compare) {
			fmt.Fprintf(&b, "  %s\n", set.element(pair))
		}
	}
	for _, chain := range r.Chains {
		fmt.Fprintf(&b, "chain %s%s\n", chain.Layer.prefix(), chain.Name)
		if chain.Hook != nil {
			fmt.Fprintf(&b, "  type filter hook %s priority %d\n", chain.Hook.Point, chain.Hook.Priority)
		}
		for _, rule := range chain.Rules {
			fmt.Fprintf(&b, "  %s\n", rule)
		}
	}
	return b.String()
}

func (l Layer) prefix() string {
	if l == Bridge {
		return ""
	}
	return string(l) + " "
}

func (s Set) element(pair wire.Pair) string {
	text := fmt.Sprintf("%v . %v", pair.From, pair.To)
	switch s.kind {
	case kindOut:
		text = pair.From.String()
	case kindIn:
		text = pair.To.String()
	}
	if chain := s.Elements[pair]; chain != "" {
		text += " : goto " + chain
	}
	return text
}
