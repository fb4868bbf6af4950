//go:build linux

package nft

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Op is one step of a change; all steps of a change are one transaction.
type Op struct {
	Verb     Verb
	Set      Set                  // AddSet, DeleteSet, AddElements, DeleteElements
	Elements map[wire.Pair]string // AddElements, DeleteElements
	Chain    Chain                // AddChain, FlushChain, DeleteChain, AddRules
}

// Verb is what a step does.
type Verb string

// The verbs, in the order in which a change uses them: nothing is removed while something still points to it.
const (
	AddSet         Verb = "add set"
	AddChain       Verb = "add chain"
	DeleteElements Verb = "delete elements"
	FlushChain     Verb = "flush chain"
	AddRules       Verb = "add rules"
	AddElements    Verb = "add elements"
	DeleteChain    Verb = "delete chain"
	DeleteSet      Verb = "delete set"
)

func (o Op) String() string {
	switch o.Verb {
	case AddSet, DeleteSet:
		return fmt.Sprintf("%s %s", o.Verb, o.Set.Name)
	case AddElements, DeleteElements:
		return fmt.Sprintf("%s %s: %d", o.Verb, o.Set.Name, len(o.Elements))
	default:
		return fmt.Sprintf("%s %s", o.Verb, o.Chain.Name)
	}
}

// Diff gives the steps from one ruleset to another. What is the same in both is not touched, so that counters go on.
func Diff(from, to Ruleset) []Op {
	oldSets, newSets := byName(from.Sets, setOf), byName(to.Sets, setOf)
	oldChains, newChains := byName(from.Chains, chainOf), byName(to.Chains, chainOf)
	steps := map[Verb][]Op{}
	add := func(op Op) { steps[op.Verb] = append(steps[op.Verb], op) }

	for _, set := range to.Sets {
		before, there := oldSets[set.Name]
		if !there {
			add(Op{Verb: AddSet, Set: set})
		}
		if gone := missing(before.Elements, set.Elements); len(gone) > 0 {
			add(Op{Verb: DeleteElements, Set: set, Elements: gone})
		}
		if fresh := missing(set.Elements, before.Elements); len(fresh) > 0 {
			add(Op{Verb: AddElements, Set: set, Elements: fresh})
		}
	}
	for _, set := range from.Sets {
		if _, stays := newSets[set.Name]; stays {
			continue
		}
		if len(set.Elements) > 0 { // they may point to chains that go as well
			add(Op{Verb: DeleteElements, Set: set, Elements: set.Elements})
		}
		add(Op{Verb: DeleteSet, Set: set})
	}
	for _, chain := range to.Chains {
		before, there := oldChains[chain.Name]
		switch {
		case !there:
			add(Op{Verb: AddChain, Chain: chain})
		case slices.EqualFunc(before.Rules, chain.Rules, func(a, b Rule) bool { return a.String() == b.String() }):
			continue
		default:
			add(Op{Verb: FlushChain, Chain: chain})
		}
		if len(chain.Rules) > 0 {
			add(Op{Verb: AddRules, Chain: chain})
		}
	}
	for _, chain := range from.Chains {
		if _, stays := newChains[chain.Name]; !stays {
			add(Op{Verb: FlushChain, Chain: chain}) // chains may point to each other
			add(Op{Verb: DeleteChain, Chain: chain})
		}
	}
	var ops []Op
	for _, verb := range []Verb{AddSet, AddChain, DeleteElements, FlushChain, AddRules, AddElements, DeleteChain, DeleteSet} {
		ops = append(ops, steps[verb]...)
	}
	return ops
}

func setOf(s Set) string     { return s.Name }
func chainOf(c Chain) string { return c.Name }

func byName[T any](all []T, name func(T) string) map[string]T {
	named := make(map[string]T, len(all))
	for _, one := range all {
		named[name(one)] = one
	}
	return named
}

// missing gives what a has and b has not, or has otherwise.
func missing(a, b map[wire.Pair]string) map[wire.Pair]string {
	only := maps.Clone(a)
	maps.DeleteFunc(only, func(pair wire.Pair, value string) bool {
		other, there := b[pair]
		return there && other == value
	})
	return only
}
