// Package fault breaks a lab on purpose, and mends it. A fault is on links (cut, delay, loss, ...), where the wire helper applies, expires
// and heals it, or on nodes (kill, pause, cpu, ...), where the engine does what the fault says.
//
//	injector := fault.New(engine, wire.NewClient(client), fault.Options{Project: "sharded-redis"})
//	faults, err := injector.Inject(ctx, fault.Spec{Kind: "kill", Targets: []string{"redis-2"}, For: 10 * time.Second})
//	healed, err := injector.Heal(ctx, faults[0].ID)
//
// Every fault is in the lab's journal before it is applied, with what is needed to undo it, so that whoever comes later can: a fault on
// nodes that should have ended is healed by the Keeper that Inject starts, and by every later HealOverdue.
//
// A new kind is one file and its line in Kinds.
package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Spec is a fault as a person asks for it.
type Spec struct {
	Kind string `json:"kind"`
	// Targets are nodes or services; for faults on links also a->b (one way), a<->b, and a,b|c,d for partitions.
	Targets []string `json:"targets"`
	// For is how long the fault stands; 0 until it is healed.
	For time.Duration `json:"for_ns,omitempty"`
	// Params are the kind's parameters, by name.
	Params Params `json:"params,omitempty"`
	// Random puts the fault on one of the nodes that Targets name (all of the lab's own where there are none), chosen by Seed.
	Random bool   `json:"random,omitempty"`
	Seed   uint64 `json:"seed,omitempty"`
}

// Kind is one kind of fault. It is a LinkKind or a NodeKind as well.
type Kind interface{ Help() Help }

// Help describes a kind.
type Help struct {
	Name    string  `json:"name"`
	Summary string  `json:"summary"`
	On      string  `json:"on"` // links or nodes
	Params  []Param `json:"params"`
	Example string  `json:"example"` // what stands behind `ddsctl fault inject`
}

// Param is one parameter of a kind.
type Param struct {
	Name     string `json:"name"`
	Usage    string `json:"usage"`
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required,omitempty"`
}

// The places a fault is put on.
const (
	OnLinks = "links"
	OnNodes = "nodes"
)

// LinkKind is put on links by the wire helper.
type LinkKind interface {
	Kind
	// Faults translates targets into what the wire helper is asked for.
	Faults(targets []string, p Params) ([]wire.Fault, error)
}

// NodeKind is put on nodes through the engine.
type NodeKind interface {
	Kind
	// Before refuses a node that the fault cannot be put on, and gives what an undo must know. standing are the faults that are on it
	// already, oldest first. It changes nothing.
	Before(node engine.Detail, p Params, standing []Standing) (Before, error)
	// Apply puts the fault on the node. standing are the other faults on it.
	Apply(ctx context.Context, e Engine, node engine.Detail, p Params, before Before, standing []Standing) error
	// Undo gives the node back what it had before, as far as the faults that still stand allow. That there is nothing to undo is no error.
	Undo(ctx context.Context, e Engine, node engine.Detail, p Params, before Before, standing []Standing) error
	// Holds says whether the fault is in force, as far as the engine tells.
	Holds(node engine.Detail, p Params, before Before) wire.Verdict
}

// Before is what a node was before any fault of its kind: what undoing restores.
type Before struct {
	Running  bool   `json:"running,omitempty"`
	Paused   bool   `json:"paused,omitempty"`
	NanoCPUs int64  `json:"nano_cpus,omitempty"`
	Memory   int64  `json:"memory,omitempty"`
	Path     string `json:"path,omitempty"` // of the file that fills a disk
	// Started is when the node that has the file was started.
	Started time.Time `json:"started,omitzero"`
}

// Standing is another fault on a node.
type Standing struct {
	Kind   string
	Params Params
	Before Before
}

// Engine is what faults on nodes need of a container engine.
type Engine interface {
	State(ctx context.Context, project string) (engine.State, error)
	Detail(ctx context.Context, id string) (engine.Detail, error)
	Exec(ctx context.Context, id string, spec engine.ExecSpec) (int, error)
	UpdateContainer(ctx context.Context, id string, r engine.Resources) error
	Life
}

// Life begins, ends and freezes containers.
type Life interface {
	StartContainer(ctx context.Context, id string) error
	StopContainer(ctx context.Context, id string, grace *time.Duration) error
	RestartContainer(ctx context.Context, id string, grace *time.Duration) error
	KillContainer(ctx context.Context, id, signal string) error
	WaitContainer(ctx context.Context, id string) (int, error)
	PauseContainer(ctx context.Context, id string) error
	UnpauseContainer(ctx context.Context, id string) error
}

// Kinds are all of them, in the order in which help lists them.
func Kinds() []Kind {
	return []Kind{
		kill{}, stop{}, restart{}, pause{}, cpu{}, memory{}, disk{},
		cut{}, isolate{}, partition{}, delay{}, loss{}, rate{}, reorder{}, duplicate{},
	}
}

// Lookup finds a kind by its name.
func Lookup(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Help().Name == name {
			return k, nil
		}
		names = append(names, k.Help().Name)
	}
	return nil, hint.Wrap(fmt.Errorf("no fault is called %q", name), "there are %s", strings.Join(names, ", "))
}

// Validate says what is wrong with a fault as far as that can be told without a lab.
func (s Spec) Validate() error {
	kind, err := Lookup(s.Kind)
	if err != nil {
		return err
	}
	help := kind.Help()
	if err := s.Params.check(help); err != nil {
		return err
	}
	if s.For < 0 {
		return fmt.Errorf("%s: it cannot last %v", s.Kind, s.For)
	}
	if len(s.Targets) == 0 && !s.Random {
		return hint.Wrap(fmt.Errorf("%s: no target", s.Kind), "name %s, or let --random choose: ddsctl fault inject %s", targetWords(help.On), help.Example)
	}
	targets := s.Targets
	if s.Random {
		targets = []string{"anybody"}
	}
	switch k := kind.(type) {
	case LinkKind:
		if s.Kind == "partition" && s.Random {
			return hint.Wrap(fmt.Errorf("partition: it has sides, not a random target"), "use isolate with --random")
		}
		_, err = k.Faults(targets, s.Params)
	case NodeKind:
		for _, target := range targets {
			if strings.ContainsAny(target, "<>|") {
				return hint.Wrap(fmt.Errorf("%s: %q is a link, and %s is put on nodes", s.Kind, target, s.Kind), "ddsctl fault inject %s", help.Example)
			}
		}
		if v, ok := k.(interface{ validate(Params) error }); ok {
			err = v.validate(s.Params)
		}
	}
	return err
}

func targetWords(on string) string {
	if on == OnNodes {
		return "a node or a service"
	}
	return "a node or a link a->b"
}

// undo is what the journal keeps of a fault on nodes.
type undo struct {
	Params   Params       `json:"params,omitempty"`
	Nodes    []undoNode   `json:"nodes"`
	Verified wire.Verdict `json:"verified,omitempty"`
}

type undoNode struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Before Before `json:"before"`
}

func (u undo) encode() json.RawMessage {
	raw, err := json.Marshal(u)
	if err != nil {
		panic(err) // strings, numbers and maps of strings always encode
	}
	return raw
}

func undoOf(r wire.Record) (undo, error) {
	var u undo
	if err := json.Unmarshal(r.Undo, &u); err != nil {
		return u, fmt.Errorf("fault %s in the journal: %w", r.ID, err)
	}
	return u, nil
}

// of picks the faults of one kind.
func of(kind string, all []Standing) []Standing {
	return slices.DeleteFunc(slices.Clone(all), func(s Standing) bool { return s.Kind != kind })
}

// standing are the faults of records on a container, without the one called except.
func standing(records []wire.Record, id, except string) []Standing {
	var all []Standing
	for _, r := range records {
		if r.Link != nil || r.ID == except {
			continue
		}
		u, err := undoOf(r)
		if err != nil {
			continue // of another version: it cannot be composed with, and List still shows it
		}
		for _, n := range u.Nodes {
			if n.ID == id {
				all = append(all, Standing{Kind: r.Kind, Params: u.Params, Before: n.Before})
			}
		}
	}
	return all
}

// targets are the containers that names mean, by node name: nodes, or services for all of their nodes. No names mean all of the lab's
// own. The wire helper is never one: it holds the journal.
func targets(state engine.State, lists []string) (map[string]engine.Container, error) {
	nodeNames := engine.NodeNames(state.Containers)
	byNode, byService := map[string]engine.Container{}, map[string][]engine.Container{}
	for _, c := range state.Containers {
		if c.Helper() != engine.HelperWire {
			byNode[nodeNames[c.ID]] = c
			byService[c.Service] = append(byService[c.Service], c)
		}
	}
	chosen := map[string]engine.Container{}
	if len(lists) == 0 {
		for name, c := range byNode {
			if c.Helper() == "" {
				chosen[name] = c
			}
		}
		return chosen, nil
	}
	wanted, err := names(lists)
	if err != nil {
		return nil, err
	}
	for _, name := range wanted {
		if c, ok := byNode[name]; ok {
			chosen[name] = c
			continue
		}
		if len(byService[name]) == 0 {
			nodes := strings.Join(slices.Sorted(maps.Keys(byNode)), ", ")
			return nil, hint.Wrap(fmt.Errorf("no node or service %q: %w", name, engine.ErrNotFound), "the nodes are %s", cmp.Or(nodes, "none: is the lab up?"))
		}
		for _, c := range byService[name] {
			chosen[nodeNames[c.ID]] = c
		}
	}
	return chosen, nil
}
