// Package assemble makes Snapshots out of what the sources of a lab say. It is pure: it opens nothing and asks no clock, so that what a
// Snapshot shows can be told from what went in.
//
//	a := assemble.New(about, assemble.DefaultWindow)
//	snapshot := a.Next(inputs)
//
// It remembers what it needs for rates and events, and nothing else. Counters that began anew (a restarted component, a helper that
// died, an element that the kernel let expire) have no rate until there are two readings again, and totals go on from where they were.
package assemble

import (
	"cmp"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// DefaultWindow is what rates are averaged over: long enough that a rate is steady, short enough that a fault shows at once.
const DefaultWindow = 2 * time.Second

// About is what a lab's definition says of it. All of it may be empty.
type About struct {
	Lab, Project string
	Services     map[string]Service // by the Compose service's name
	Links        []Link
}

// Service is what is known of a service. Ends says that exiting with 0 is its end and no failure.
type Service struct {
	Kind, Role string
	Ends       bool
}

// Link is a connection that the lab is expected to have, between services, nodes, client or host. Port 0 is any.
type Link struct {
	From, To string
	Port     uint16
	Protocol string
}

// Reading is what a component said, and when.
type Reading struct {
	Time time.Time
	component.Reading
}

// Inputs are what the sources say at one instant. A source that says nothing (any more) is nil: its figures are then absent.
type Inputs struct {
	Time     time.Time
	State    engine.State
	Usage    map[string]engine.Usage // by container ID, as the next ones
	Readings map[string]Reading
	Ready    map[string]bool // whether readiness probes hold
	Counters *wire.Counters
	Records  []wire.Record // the journal of faults; nil where it cannot be read
	States   []wire.State
	Traffic  []telemetry.Traffic
	Events   []engine.Event // since the inputs before
	Sources  []telemetry.Source
}

// Assembler makes Snapshots of one lab, one after another. It is not safe for use by several goroutines.
type Assembler struct {
	about  About
	window time.Duration

	names     map[string]string // of containers, by ID, those gone included
	cpu       map[string]*counter
	stats     map[string]map[string]*counter // by container ID and the component's counter
	links     map[wire.Link]*link
	since     time.Time // when the wire helper began to count
	counted   time.Time // when it last did
	wasReady  map[string]bool
	roles     map[string]string // by container ID
	faults    map[string]telemetry.Fault
	workloads map[string]telemetry.Traffic
	journal   bool // the journal of faults was read before
	client    bool // the traffic client has said something before
}

// New returns an Assembler whose rates are averaged over window.
func New(about About, window time.Duration) *Assembler {
	return &Assembler{about: about, window: window, names: map[string]string{}, cpu: map[string]*counter{},
		stats: map[string]map[string]*counter{}, links: map[wire.Link]*link{}, wasReady: map[string]bool{}, roles: map[string]string{},
		faults: map[string]telemetry.Fault{}, workloads: map[string]telemetry.Traffic{}}
}

// Next makes the Snapshot of inputs.
func (a *Assembler) Next(in Inputs) telemetry.Snapshot {
	containers := helper.Nodes(in.State)
	names := engine.NodeNames(containers)
	for _, c := range in.State.Containers {
		a.names[c.ID] = cmp.Or(names[c.ID], c.Helper(), c.Name)
	}
	s := telemetry.Snapshot{Time: in.Time, Window: a.window, Lab: a.about.Lab, Project: a.about.Project,
		Nodes: []telemetry.Node{}, Links: []telemetry.Link{}, Traffic: []telemetry.Traffic{}, Events: []telemetry.Event{},
		Faults: fault.Standings(in.Records, in.States), Sources: []telemetry.Source{}}
	s.Traffic = append(s.Traffic, in.Traffic...)
	slices.SortFunc(s.Traffic, func(x, y telemetry.Traffic) int { return cmp.Compare(x.Workload, y.Workload) })
	s.Sources = append(s.Sources, in.Sources...)
	slices.SortStableFunc(s.Sources, func(x, y telemetry.Source) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Node, y.Node))
	})

	s.Events = append(s.Events, a.containerEvents(in)...)
	for _, c := range containers {
		node := a.node(c, names[c.ID], in)
		s.Events = append(s.Events, a.roleEvents(node, in.Time)...)
		s.Nodes = append(s.Nodes, node)
	}
	s.Events = append(s.Events, a.faultEvents(in, s.Faults)...)
	s.Events = append(s.Events, a.trafficEvents(in.Traffic, in.Time)...)
	slices.SortStableFunc(s.Events, func(x, y telemetry.Event) int { return x.Time.Compare(y.Time) })
	slices.SortFunc(s.Nodes, func(x, y telemetry.Node) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })

	topology := helper.Topology(a.about.Project, in.State)
	s.Links = append(s.Links, a.linksOf(topology, in)...)
	if in.Counters != nil {
		total(s.Nodes, s.Links)
	}
	a.forget(in.State)
	return s
}

// forget drops what is known of containers that are gone. Their names stay a while for events that come late; there are few.
func (a *Assembler) forget(state engine.State) {
	there := map[string]bool{}
	for _, c := range state.Containers {
		there[c.ID] = true
	}
	for _, known := range []func(func(string) bool){
		func(gone func(string) bool) { deleteKeys(a.cpu, gone) },
		func(gone func(string) bool) { deleteKeys(a.stats, gone) },
		func(gone func(string) bool) { deleteKeys(a.wasReady, gone) },
		func(gone func(string) bool) { deleteKeys(a.roles, gone) },
	} {
		known(func(id string) bool { return !there[id] })
	}
	const remembered = 1000
	if len(a.names) > remembered {
		deleteKeys(a.names, func(id string) bool { return !there[id] })
	}
}

func deleteKeys[V any](m map[string]V, gone func(string) bool) {
	for key := range m {
		if gone(key) {
			delete(m, key)
		}
	}
}
