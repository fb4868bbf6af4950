// Package topology draws a lab as what it is: services in layers from the client to the leaves, with the links that are
// declared and those that carry traffic. It remembers every node that it has seen, so that one which dies keeps its place.
package topology

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// ghostTime is how long a vanished node is kept when others come.
const ghostTime = 30 * time.Second

// outsiders are ends of links that are no nodes.
var outsiders = []string{"host", "outside"}

// node is a node of the lab as last seen.
type node struct {
	telemetry.Node
	present  bool
	seen     time.Time
	outsider bool
	faults   []telemetry.Fault
	// Over the workloads that a client runs: their number, sums of requests, the highest p99.
	workloads      int
	achieved, errs float64
	p99            float64
}

// link is all links from one node to another, over all ports.
type link struct {
	from, to           string
	declared, observed bool
	bytes, packets     float64 // per second, both directions
	requests, p99      float64 // where a workload tells
	known              bool    // requests and p99 are
	faults             []telemetry.Fault
	present            bool
}

func (l *link) active() bool { return l.bytes > 0 || l.packets > 0 }

type linkName struct{ from, to string }

// Memory is the lab's structure: every node and link seen so far. Its version changes when the structure does, and not when
// a node dies or a rate changes.
type Memory struct {
	nodes   map[string]*node
	links   map[linkName]*link
	order   []*node // clients first, then by service and number
	edges   []*link
	version int
	top     float64 // the highest rate of bytes
	clock   time.Time
}

// NewMemory gives a memory that has seen nothing.
func NewMemory() *Memory {
	return &Memory{nodes: map[string]*node{}, links: map[linkName]*link{}}
}

// Update takes a Snapshot in.
func (m *Memory) Update(s telemetry.Snapshot) {
	m.clock = s.Time
	for _, n := range m.nodes {
		n.present = false
	}
	changed := false
	for _, seen := range s.Nodes {
		changed = m.see(seen, s, false) || changed
	}
	for _, l := range m.links {
		*l = link{from: l.from, to: l.to, declared: l.declared, observed: l.observed}
	}
	for _, seen := range s.Links {
		for _, end := range []string{seen.From, seen.To} {
			if slices.Contains(outsiders, end) && seen.Observed {
				changed = m.see(telemetry.Node{Name: end, Service: end}, s, true) || changed
			}
		}
		changed = m.seeLink(seen, s.Faults) || changed
	}
	m.traffic(s.Traffic)
	m.top = 0
	for _, l := range m.links {
		m.top = max(m.top, l.bytes)
	}
	if changed {
		m.forget(ghostTime)
		m.arrange()
	}
}

func (m *Memory) see(seen telemetry.Node, s telemetry.Snapshot, outsider bool) (fresh bool) {
	n := m.nodes[seen.Name]
	if n == nil {
		n, fresh = &node{}, true
		m.nodes[seen.Name] = n
	}
	*n = node{Node: seen, present: true, seen: s.Time, outsider: outsider}
	for _, f := range s.Faults {
		if slices.Contains(f.Nodes, seen.Name) && !isLinkFault(f) {
			n.faults = append(n.faults, f)
		}
	}
	return fresh
}

func isLinkFault(f telemetry.Fault) bool { return strings.ContainsAny(f.Target, ">|") }

func (m *Memory) seeLink(seen telemetry.Link, faults []telemetry.Fault) (fresh bool) {
	if m.nodes[seen.From] == nil || m.nodes[seen.To] == nil || seen.From == seen.To {
		return false
	}
	name := linkName{seen.From, seen.To}
	l := m.links[name]
	if l == nil {
		l, fresh = &link{from: seen.From, to: seen.To}, true
		m.links[name] = l
	}
	l.present = true
	l.declared, l.observed = l.declared || seen.Declared, l.observed || seen.Observed
	l.bytes += seen.Forward.BytesPerSecond + seen.Backward.BytesPerSecond
	l.packets += seen.Forward.PacketsPerSecond + seen.Backward.PacketsPerSecond
	for _, f := range faults {
		if slices.Contains(seen.Faults, f.ID) && !slices.ContainsFunc(l.faults, func(o telemetry.Fault) bool { return o.ID == f.ID }) {
			l.faults = append(l.faults, f)
		}
	}
	return fresh
}

// traffic says on a client's link what its workloads measured.
func (m *Memory) traffic(all []telemetry.Traffic) {
	for _, t := range all {
		if client := m.nodes[t.Client]; client != nil {
			client.workloads++
			client.achieved += t.Achieved
			client.errs += t.Achieved - t.Succeeded
			client.p99 = max(client.p99, t.Latency.P99)
		}
		host := targetHost(t.Target)
		for name, l := range m.links {
			if name.from != t.Client {
				continue
			}
			if to := m.nodes[name.to]; to != nil && (to.Name == host || to.Service == host && m.replicas(host) == 1) {
				l.known = true
				l.requests += t.Achieved
				l.p99 = max(l.p99, t.Latency.P99)
			}
		}
	}
}

func (m *Memory) replicas(service string) int {
	n := 0
	for _, o := range m.nodes {
		if o.Service == service {
			n++
		}
	}
	return n
}

func targetHost(target string) string {
	if _, rest, ok := strings.Cut(target, "://"); ok {
		target = rest
	}
	if _, rest, ok := strings.Cut(target, "@"); ok {
		target = rest
	}
	if i := strings.IndexAny(target, ":/,"); i >= 0 {
		target = target[:i]
	}
	return target
}

// Forget drops what is not there any more and lets the rest close up.
func (m *Memory) Forget() {
	m.forget(0)
	m.arrange()
}

func (m *Memory) forget(after time.Duration) {
	for name, n := range m.nodes {
		if !n.present && (after == 0 || m.clock.Sub(n.seen) > after) {
			delete(m.nodes, name)
		}
	}
	for name := range m.links {
		if m.nodes[name.from] == nil || m.nodes[name.to] == nil {
			delete(m.links, name)
		}
	}
}

func (m *Memory) arrange() {
	m.version++
	m.order, m.edges = m.order[:0], m.edges[:0]
	for _, n := range m.nodes {
		m.order = append(m.order, n)
	}
	slices.SortFunc(m.order, func(a, b *node) int {
		return cmp.Or(-compareBool(a.root(), b.root()), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Name, b.Name))
	})
	for _, l := range m.links {
		m.edges = append(m.edges, l)
	}
	slices.SortFunc(m.edges, func(a, b *link) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
}

// root says that a node belongs to the left: it asks, and nobody asks it.
func (n *node) root() bool {
	return n.outsider && n.Name == "host" || n.Role == "client" || n.Kind == "client"
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Names are the nodes that are there, in the order in which they are drawn.
func (m *Memory) Names() []string {
	var names []string
	for _, n := range m.order {
		if n.present && !n.outsider {
			names = append(names, n.Name)
		}
	}
	return names
}
