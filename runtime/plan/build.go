package plan

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// builder turns decisions into steps. Which steps wait for which is said by edges between steps that are not yet in order.
type builder struct {
	*maker
	removals map[string]int // of containers, by ID
	byName   map[string]int // of containers, by name
	stops    []int          // removals and stops: what frees ports and addresses
	gone     map[string]int // removals of networks, by ID
	made     map[string]int // creations of networks and volumes, "KIND NAME"
	creates  map[*action]int
	begins   map[*action]int // starts and resumptions
	waits    map[*action]int
}

func (m *maker) build() (Plan, error) {
	b := &builder{maker: m,
		removals: map[string]int{}, byName: map[string]int{}, gone: map[string]int{}, made: map[string]int{},
		creates: map[*action]int{}, begins: map[*action]int{}, waits: map[*action]int{}}
	b.removeContainers()
	b.networkSteps()
	b.volumeSteps()
	for _, name := range m.order {
		for _, a := range m.actions[name] {
			b.containerSteps(a)
		}
	}
	b.followProviders()
	if err := m.plan.sort(); err != nil {
		return Plan{}, err
	}
	return m.plan, nil
}

func (b *builder) removeContainers() {
	for _, s := range b.surplus {
		b.remove(s.container, s.reason)
		b.plan.outcome(engine.KindContainer, s.container.Name, s.container.Service, Removed, s.reason)
	}
	for _, name := range slices.Backward(b.order) {
		for _, a := range b.actions[name] {
			if a.existing != nil && a.creates() {
				b.remove(*a.existing, a.reason)
			}
		}
	}
}

func (b *builder) remove(c engine.Container, reason string) {
	i := b.plan.add(removal(c, reason, false))
	b.removals[c.ID], b.byName[c.Name] = i, i
	b.stops = append(b.stops, i)
}

func removal(c engine.Container, reason string, volumesGo bool) Step {
	return Step{Kind: RemoveContainer, Object: c.Name, ID: c.ID, Service: c.Service, Number: c.Number,
		Reason: reason, Running: runs(c), Grace: grace(c, volumesGo)}
}

func runs(c engine.Container) bool {
	return c.Phase == engine.PhaseRunning || c.Phase == engine.PhasePaused || c.Phase == engine.PhaseRestarting
}

func (b *builder) networkSteps() {
	names := slices.Sorted(maps.Keys(b.networks))
	for _, name := range names {
		for _, n := range b.networks[name].remove {
			b.gone[n.ID] = b.plan.add(Step{Kind: RemoveNetwork, Object: name, ID: n.ID, Reason: b.networks[name].reason,
				After: slices.Sorted(maps.Values(b.removals))})
		}
	}
	for _, name := range names {
		d := b.networks[name]
		b.plan.outcome(engine.KindNetwork, name, "", d.change, d.reason)
		if d.change != Created && d.change != Recreated {
			continue
		}
		i := slices.IndexFunc(b.desired.Networks, func(n Network) bool { return n.Name == name })
		b.made[engine.KindNetwork+" "+name] = b.plan.add(Step{Kind: CreateNetwork, Object: name, Reason: d.reason,
			Network: &b.desired.Networks[i].NetworkSpec, After: slices.Sorted(maps.Values(b.gone))})
	}
}

func (b *builder) volumeSteps() {
	for _, v := range b.volumes {
		b.made[engine.KindVolume+" "+v.Name] = b.plan.add(Step{Kind: CreateVolume, Object: v.Name, Volume: &v.VolumeSpec})
		b.plan.outcome(engine.KindVolume, v.Name, "", Created, "")
	}
}

func (b *builder) containerSteps(a *action) {
	s := a.service
	if a.existing == nil && !a.creates() {
		return // not selected
	}
	b.plan.outcome(engine.KindContainer, a.spec.Name, s.Name, a.change, a.reason)
	step := Step{Object: a.spec.Name, Service: s.Name, Number: a.number, Container: &a.spec, Optional: s.Optional}
	if !a.creates() {
		step.Object, step.ID = a.existing.Name, a.existing.ID
	}
	begin := -1
	switch a.change {
	case Created, Recreated:
		create := step
		create.Kind, create.Reason, create.Joins = CreateContainer, a.reason, b.joins(s)
		create.After = b.afterCreate(a)
		b.creates[a] = b.plan.add(create)
		begin = b.start(a, step, b.creates[a])
	case Restarted:
		stop := step
		stop.Kind, stop.Reason, stop.Running, stop.Grace = StopContainer, a.reason, true, grace(*a.existing, false)
		i := b.plan.add(stop)
		b.stops = append(b.stops, i)
		begin = b.start(a, step, i)
	case Started:
		step.Reason = a.reason
		begin = b.start(a, step)
		step.Reason = ""
	case Resumed:
		resume := step
		resume.Kind, resume.Reason = ResumeContainer, a.reason
		begin = b.plan.add(resume)
		b.begins[a] = begin
	}
	if s.Helper || !b.selected[s.Name] && begin < 0 || begin < 0 && !b.worthWaiting(a) {
		return
	}
	wait := step
	wait.Kind, wait.Probes, wait.OneShot, wait.Restarts, wait.Joins = WaitReady, s.Probes, s.OneShot, s.Restarts, b.joins(s)
	if begin >= 0 {
		wait.After = []int{begin}
	}
	b.waits[a] = b.plan.add(wait)
}

// worthWaiting says whether there is something to wait for at a container that stays as it is.
func (b *builder) worthWaiting(a *action) bool {
	if a.service.OneShot {
		return a.existing.Phase != engine.PhaseExited
	}
	return len(a.service.Probes) > 0
}

func (b *builder) afterCreate(a *action) []int {
	var after []int
	if i, ok := b.byName[a.spec.Name]; ok {
		after = append(after, i)
	}
	for _, attachment := range a.spec.Networks {
		if i, ok := b.made[engine.KindNetwork+" "+attachment.Network]; ok {
			after = append(after, i)
		}
	}
	for _, mount := range a.spec.Mounts {
		if i, ok := b.made[engine.KindVolume+" "+mount.Source]; ok && mount.Kind == engine.MountVolume {
			after = append(after, i)
		}
	}
	for _, share := range a.service.Shares {
		if i, ok := b.creates[b.actions[share.Service][0]]; ok {
			after = append(after, i)
		}
	}
	return after
}

// start waits for what the service depends on, in the way it asks for.
func (b *builder) start(a *action, step Step, after ...int) int {
	for _, d := range a.service.DependsOn {
		for _, dependency := range b.actions[d.Service] {
			steps := b.waits
			if d.Condition == types.ServiceConditionStarted {
				steps = b.begins
			}
			if i, ok := steps[dependency]; ok {
				after = append(after, i)
			}
		}
	}
	if claimsPlace(a.spec) {
		after = append(after, b.stops...)
	}
	step.Kind, step.After = StartContainer, after
	b.begins[a] = b.plan.add(step)
	return b.begins[a]
}

// claimsPlace says whether the container takes a host port or an address that one on its way out may still hold.
func claimsPlace(c engine.ContainerSpec) bool {
	return len(c.Service.Ports) > 0 || c.NetworkMode == "host" ||
		slices.ContainsFunc(c.Networks, func(a engine.Attachment) bool { return a.IPv4Address != "" || a.IPv6Address != "" })
}

func (b *builder) joins(s *Service) []Join {
	var joins []Join
	for _, share := range s.Shares {
		provider := b.actions[share.Service][0]
		join := Join{Share: share, Container: provider.spec.Name}
		if provider.existing != nil && !provider.creates() {
			join.Container, join.ID = provider.existing.Name, provider.existing.ID
		}
		joins = append(joins, join)
	}
	return joins
}

// followProviders lets containers that go, and share a namespace, go before their provider does anything: whoever is
// interrupted in between leaves them missing, which the next plan sees, rather than with a dead namespace.
func (b *builder) followProviders() {
	sharers := map[string][]int{} // removals, by the provider's ID
	for _, c := range b.actual.Containers {
		i, goes := b.removals[c.ID]
		if !goes {
			continue
		}
		for _, id := range providersOf(c) {
			sharers[id] = append(sharers[id], i)
		}
	}
	for i := range b.plan.Steps {
		step := &b.plan.Steps[i]
		switch step.Kind {
		case RemoveContainer, StopContainer, StartContainer:
			step.After = append(step.After, sharers[step.ID]...)
		}
	}
}

// providersOf reads the IDs of the containers whose namespaces c is in.
func providersOf(c engine.Container) []string {
	var ids []string
	for word := range strings.SplitSeq(c.Labels[LabelShares], ",") {
		if _, id, _ := strings.Cut(word, "="); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// sort puts the steps in an order in which they could be done one by one, keeping the order they are in otherwise.
func (p *Plan) sort() error {
	place := make([]int, len(p.Steps)) // by index before
	sorted := make([]Step, 0, len(p.Steps))
	done := make([]bool, len(p.Steps))
	for len(sorted) < len(p.Steps) {
		before := len(sorted)
		for i := range p.Steps {
			if !done[i] && !slices.ContainsFunc(p.Steps[i].After, func(j int) bool { return !done[j] }) {
				done[i], place[i] = true, len(sorted)
				sorted = append(sorted, p.Steps[i])
			}
		}
		if len(sorted) == before {
			return errors.New("the steps of the plan wait for each other")
		}
	}
	for i := range sorted {
		step := &sorted[i]
		step.Index = i
		after := make([]int, len(step.After))
		for k, j := range step.After {
			after[k] = place[j]
		}
		slices.Sort(after)
		step.After = slices.Compact(after)
	}
	p.Steps = sorted
	return nil
}
