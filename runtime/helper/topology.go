package helper

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Nodes are a project's containers that are nodes of its topology: all but the wire helper.
func Nodes(state engine.State) []engine.Container {
	nodes := slices.DeleteFunc(slices.Clone(state.Containers), func(c engine.Container) bool { return c.Helper() == engine.HelperWire })
	engine.Sort(nodes)
	return nodes
}

// Topology is what the wire helper must know of a project, from what the engine says of it. A node that lives in another's network
// namespace has no links of its own: its name stands for the other. A service's name stands for its replicas.
func Topology(project string, state engine.State) wire.Topology {
	t := wire.Topology{Project: project, Nodes: map[string][]netip.Addr{}, Groups: map[string][]string{}}
	for _, n := range slices.Concat(state.Networks, state.Outer) {
		if len(n.Subnets) > 0 {
			t.Networks = append(t.Networks, wire.Network{Name: n.Name, Bridge: n.Bridge, Subnets: n.Subnets, Gateways: n.Gateways})
		}
	}
	containers := Nodes(state)
	names := engine.NodeNames(containers)
	taken := map[netip.Addr]bool{}
	for _, c := range containers {
		var addresses []netip.Addr
		for _, network := range slices.Sorted(maps.Keys(c.Addresses)) {
			// An engine may show the last address of a container that was stopped; another may have it by now.
			if address := c.Addresses[network]; address.IsValid() && !taken[address] && c.Running() {
				taken[address] = true
				addresses = append(addresses, address)
			}
		}
		if provider := networkOf(c); provider != "" {
			if name, ok := names[provider]; ok {
				t.Groups[names[c.ID]] = []string{name}
				continue
			}
		}
		t.Nodes[names[c.ID]] = addresses
	}
	for _, c := range containers {
		name := names[c.ID]
		if _, isNode := t.Nodes[name]; !isNode {
			continue
		}
		if _, isNode := t.Nodes[c.Service]; !isNode {
			t.Groups[c.Service] = append(t.Groups[c.Service], name)
		}
	}
	return t
}

// networkOf is the ID of the container whose network namespace c is in, "" when it has its own.
func networkOf(c engine.Container) string {
	for word := range strings.SplitSeq(c.Labels[plan.LabelShares], ",") {
		if id, ok := strings.CutPrefix(word, plan.ShareNetwork+"="); ok {
			return id
		}
	}
	return c.NetworkOf
}

// AddressOf is where a node is reached in the lab's networks: its own address, or that of the node whose network it is in. The zero
// address means that there is none.
func AddressOf(state engine.State, c engine.Container) netip.Addr {
	if provider := networkOf(c); provider != "" {
		i := slices.IndexFunc(state.Containers, func(other engine.Container) bool { return other.ID == provider })
		if i < 0 {
			return netip.Addr{}
		}
		c = state.Containers[i]
	}
	if !c.Running() {
		return netip.Addr{}
	}
	for _, network := range slices.Sorted(maps.Keys(c.Addresses)) {
		if address := c.Addresses[network]; address.IsValid() {
			return address
		}
	}
	return netip.Addr{}
}
