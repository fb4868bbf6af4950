// Package wire holds the words for a lab's network as it is observed and broken: the topology that a wire helper is told,
// the counters it gives, the faults it keeps, and the Client that the host speaks to it with. The helper itself is wire/agent.
//
//	client := wire.NewClient(control.Dial(ctx, stream))
//	err := client.Configure(ctx, wire.Topology{Project: "demo", Nodes: ..., Networks: ...})
//	fault, err := wire.ParseTarget("twemproxy->redis-2")
//	fault.Kind, fault.Delay, fault.Jitter = wire.Delay, 100*time.Millisecond, 10*time.Millisecond
//	state, err := client.Inject(ctx, fault)
//	for counters, err := range client.Counters(ctx, time.Second) { ... }
//	_, err = client.Heal(ctx, state.ID)
//
// Faults compose: all that are on a link apply at once. Delays add up, losses combine, the tightest rate rules, a cut beats
// everything; healing one leaves the others.
package wire

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Names that stand beside the nodes' own.
const (
	// Host is the machine the lab runs on: what comes from a network's gateway, such as a client of a published port.
	Host = "host"
	// Outside is every address that is neither in the lab's networks nor a gateway.
	Outside = "outside"
	// Any is every node, Host and Outside.
	Any = "*"
)

// The helper's own probes and collectors speak from these source ports, and are neither counted nor subject to faults.
// Systems choose ports of outgoing connections below 61000 unless told otherwise.
const (
	ProbePortFirst = 61000
	ProbePortLast  = 65535
)

// Topology is what a wire helper must know of its lab.
type Topology struct {
	Project string `json:"project"`
	// Nodes are the addresses of each node, by the name that people use for it.
	Nodes map[string][]netip.Addr `json:"nodes"`
	// Groups are names that stand for several nodes, such as a service for its replicas. A node's name comes first.
	Groups   map[string][]string `json:"groups,omitempty"`
	Networks []Network           `json:"networks"`
}

// Network is one network of the lab.
type Network struct {
	Name     string         `json:"name"`
	Bridge   string         `json:"bridge,omitempty"` // the bridge's interface; needed by duplication only
	Subnets  []netip.Prefix `json:"subnets"`
	Gateways []netip.Addr   `json:"gateways"`
}

// Validate says what is missing or contradicts itself.
func (t Topology) Validate() error {
	if t.Project == "" {
		return fmt.Errorf("topology: no project")
	}
	for _, network := range t.Networks {
		if len(network.Subnets) == 0 {
			return fmt.Errorf("topology: network %q has no subnet", network.Name)
		}
	}
	owner := map[netip.Addr]string{}
	for name, addresses := range t.Nodes {
		if name == "" || name == Host || name == Outside || name == Any {
			return fmt.Errorf("topology: %q cannot be a node's name", name)
		}
		for _, address := range addresses {
			if !address.IsValid() {
				return fmt.Errorf("topology: node %q has an empty address", name)
			}
			if other, taken := owner[address]; taken && other != name {
				return fmt.Errorf("topology: nodes %q and %q have the same address %v", other, name, address)
			}
			owner[address] = name
		}
	}
	return nil
}

// Expand gives the nodes that names stand for: nodes, groups, Host, Outside or Any; sorted, each once.
func (t Topology) Expand(names []string) ([]string, error) {
	var nodes []string
	for _, name := range names {
		_, isNode := t.Nodes[name]
		group, isGroup := t.Groups[name]
		switch {
		case isNode, name == Host, name == Outside:
			nodes = append(nodes, name)
		case isGroup:
			nodes = append(nodes, group...)
		case name == Any:
			nodes = append(nodes, Host, Outside)
			for node := range t.Nodes {
				nodes = append(nodes, node)
			}
		default:
			return nil, hint.Wrap(fmt.Errorf("no node or service %q in project %s", name, t.Project),
				"the nodes are %s", t.names())
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), nil
}

func (t Topology) names() string {
	var names []string
	for name := range t.Nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	const shown = 20
	if len(names) > shown {
		return fmt.Sprintf("%v and %d more", names[:shown], len(names)-shown)
	}
	return fmt.Sprint(names)
}

// Link tells links apart. From opened the connections that To serves on Port.
type Link struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Port     uint16 `json:"port"`     // 0 where the protocol has none or it is not known
	Protocol string `json:"protocol"` // tcp, udp, icmp, or the number of another
}

// Flow is what passed in one direction since the helper began to count, before faults dropped any of it.
type Flow struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`   // of IP packets
	Dropped uint64 `json:"dropped"` // packets, by faults
}

// Add gives the sum of two flows.
func (f Flow) Add(g Flow) Flow {
	return Flow{Packets: f.Packets + g.Packets, Bytes: f.Bytes + g.Bytes, Dropped: f.Dropped + g.Dropped}
}

// etherHeader is what an Ethernet interface counts for each packet beside the IP packet.
const etherHeader = 14

// FrameBytes is what the interfaces of the two containers count: the packets with their Ethernet headers.
func (f Flow) FrameBytes() uint64 { return f.Bytes + etherHeader*f.Packets }

// LinkCount is one link's traffic: Forward from From to To, Backward the answers.
type LinkCount struct {
	Link
	// Guessed is true where nobody saw the connection's beginning, so that who serves whom was told from the port numbers
	// (UDP always; TCP connections older than the helper).
	Guessed  bool `json:"guessed,omitempty"`
	Forward  Flow `json:"forward"`
	Backward Flow `json:"backward"`
}

// Counters are all links that carried traffic, sorted by Link.
type Counters struct {
	Time  time.Time   `json:"time"`
	Since time.Time   `json:"since"` // when the helper began to count; a later one than before means that it was restarted
	Links []LinkCount `json:"links"`
	// Full is true once there were more links than the kernel's set holds: some traffic is not counted.
	Full bool `json:"full,omitempty"`
}

// Capabilities says what serves in this helper, and why.
type Capabilities struct {
	Kernel    string     `json:"kernel"`
	Counters  Capability `json:"counters"`
	Cut       Capability `json:"cut"`
	Loss      Capability `json:"loss"`
	Delay     Capability `json:"delay"` // delay, jitter, rate and reorder
	Duplicate Capability `json:"duplicate"`
}

// Capability is one of them. Mechanism is "" where it is not available.
type Capability struct {
	Mechanism string `json:"mechanism"`
	Why       string `json:"why,omitempty"`
}

// Available says that it is.
func (c Capability) Available() bool { return c.Mechanism != "" }
