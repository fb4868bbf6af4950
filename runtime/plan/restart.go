package plan

import (
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// RestartOptions changes what Restart plans.
type RestartOptions struct {
	// Only says which containers are restarted; nil means all of the lab's own. Helpers are not unless it says so.
	Only func(engine.Container) bool
	// Services are what is known of the services by name: how to tell that one is ready, and whether one is to end by itself. May be empty.
	Services map[string]Service
}

// Restart plans that containers are stopped and started again as they are: what they depend on first, each once that is ready. Nothing of a changed
// configuration is taken over. A container that is in the namespace of one of them is restarted with it, because the namespace is a new one.
func Restart(actual engine.State, options RestartOptions) Plan {
	r := restart{options: options, chosen: map[string]bool{}, stops: map[string]int{}, seen: map[string]bool{}, ready: map[string]int{}}
	r.containers = slices.DeleteFunc(slices.Clone(actual.Containers), func(c engine.Container) bool { return !ours(c.Labels) })
	engine.Sort(r.containers)
	for _, c := range r.containers {
		r.chosen[c.ID] = c.Helper() == "" && options.Only == nil || options.Only != nil && options.Only(c)
	}
	for more := true; more; {
		more = false
		for _, c := range r.containers {
			if !r.chosen[c.ID] && slices.ContainsFunc(providersOf(c), func(id string) bool { return r.chosen[id] }) {
				r.chosen[c.ID], more = true, true
			}
		}
	}
	for _, c := range r.containers {
		if r.chosen[c.ID] && runs(c) {
			r.stops[c.ID] = r.plan.add(Step{Kind: StopContainer, Object: c.Name, ID: c.ID, Service: c.Service, Number: c.Number,
				Reason: "asked for", Running: true, Grace: grace(c, false)})
		}
	}
	for _, c := range r.containers {
		r.visit(c)
	}
	return r.plan
}

type restart struct {
	options    RestartOptions
	containers []engine.Container
	chosen     map[string]bool // by ID
	plan       Plan
	stops      map[string]int // by ID: the step that stops it
	seen       map[string]bool
	ready      map[string]int // by ID: the step after which it is ready
}

// visit adds a container's steps after those of what it depends on. A circle of labels from different versions of a project is broken where
// it closes.
func (r *restart) visit(c engine.Container) {
	if r.seen[c.ID] || !r.chosen[c.ID] {
		return
	}
	r.seen[c.ID] = true
	service := r.options.Services[c.Service]
	known := service.template // the zero value where nothing is known of it
	step := Step{Object: c.Name, ID: c.ID, Service: c.Service, Number: c.Number, Container: &known}
	var after []int
	for _, other := range r.containers {
		// What is in its namespace is gone from there before it is a new one.
		if i, ok := r.stops[other.ID]; ok && (other.ID == c.ID || slices.Contains(providersOf(other), c.ID)) {
			after = append(after, i)
		}
	}
	for _, other := range r.containers {
		if other.ID == c.ID || !slices.Contains(dependenciesOf(c), other.Service) && !slices.Contains(providersOf(c), other.ID) {
			continue
		}
		r.visit(other)
		if i, ok := r.ready[other.ID]; ok {
			after = append(after, i)
		}
	}
	start := step
	start.Kind, start.After = StartContainer, after
	r.ready[c.ID] = r.plan.add(start)
	r.plan.outcome(engine.KindContainer, c.Name, c.Service, Restarted, "asked for")
	if c.Helper() != "" || service.Ends && !service.OneShot {
		return // nothing says when the latter is over
	}
	wait := step
	wait.Kind, wait.After, wait.Probes, wait.OneShot, wait.Restarts = WaitReady, []int{r.ready[c.ID]}, service.Probes, service.OneShot, service.Restarts
	for _, id := range providersOf(c) {
		if strings.Contains(c.Labels[LabelShares], ShareNetwork+"="+id) {
			wait.Joins = append(wait.Joins, Join{Share: Share{Namespace: ShareNetwork}, ID: id})
		}
	}
	r.ready[c.ID] = r.plan.add(wait)
}
