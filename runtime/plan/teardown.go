package plan

import (
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// TeardownOptions changes what Teardown plans.
type TeardownOptions struct {
	// KeepVolumes leaves the project's volumes, with what is in them.
	KeepVolumes bool
}

// Teardown plans the way from actual to nothing, for everything of it that ddsctl made: containers, dependents before
// what they depend on, then networks, then volumes.
func Teardown(actual engine.State, options TeardownOptions) Plan {
	t := teardown{visited: map[string]int{}, byService: map[string][]*engine.Container{}}
	containers := slices.DeleteFunc(slices.Clone(actual.Containers), func(c engine.Container) bool { return !ours(c.Labels) })
	engine.Sort(containers)
	// Dependents are found from what they depend on, so that each removal is added after those it waits for.
	for i := range containers {
		c := &containers[i]
		for _, service := range dependenciesOf(*c) {
			t.byService[service] = append(t.byService[service], c)
		}
		for _, id := range providersOf(*c) {
			t.byService["\x00"+id] = append(t.byService["\x00"+id], c)
		}
	}
	for i := range containers {
		t.visit(&containers[i], !options.KeepVolumes)
	}
	removed := make([]int, len(t.plan.Steps))
	for i := range removed {
		removed[i] = i
	}
	networks := slices.Clone(actual.Networks)
	slices.SortFunc(networks, func(a, b engine.Network) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	for _, n := range networks {
		if ours(n.Labels) {
			t.plan.add(Step{Kind: RemoveNetwork, Object: n.Name, ID: n.ID, After: slices.Clone(removed)})
			t.plan.outcome(engine.KindNetwork, n.Name, "", Removed, "")
		}
	}
	if options.KeepVolumes {
		return t.plan
	}
	volumes := slices.Clone(actual.Volumes)
	slices.SortFunc(volumes, func(a, b engine.Volume) int { return strings.Compare(a.Name, b.Name) })
	for _, v := range volumes {
		if ours(v.Labels) {
			t.plan.add(Step{Kind: RemoveVolume, Object: v.Name, ID: v.Name, After: slices.Clone(removed)})
			t.plan.outcome(engine.KindVolume, v.Name, "", Removed, "")
		}
	}
	return t.plan
}

type teardown struct {
	plan      Plan
	visited   map[string]int                 // container ID to index of its step, -1 while on the way
	byService map[string][]*engine.Container // dependents by service, and by "\x00" and a provider's ID
}

// visit adds the removal of c after those of its dependents. Labels of containers from different versions of a project
// may form a circle; it is broken where it closes.
func (t *teardown) visit(c *engine.Container, volumesGo bool) int {
	if i, ok := t.visited[c.ID]; ok {
		return i
	}
	t.visited[c.ID] = -1
	var after []int
	for _, dependent := range slices.Concat(t.byService[c.Service], t.byService["\x00"+c.ID]) {
		if i := t.visit(dependent, volumesGo); i >= 0 {
			after = append(after, i)
		}
	}
	slices.Sort(after)
	step := removal(*c, "", volumesGo)
	step.After = slices.Compact(after)
	i := t.plan.add(step)
	t.visited[c.ID] = i
	t.plan.outcome(engine.KindContainer, c.Name, c.Service, Removed, "")
	return i
}
