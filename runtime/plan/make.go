package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Options changes what Make plans. The zero value brings everything to the desired state.
type Options struct {
	// ForceRecreate recreates containers whose configuration did not change.
	ForceRecreate bool
	// Services restricts the plan to these services and what they depend on; empty means all.
	Services []string
	// NoDeps leaves out what Services depend on.
	NoDeps bool
	// KeepOrphans leaves containers alone whose service is not in the project any more.
	KeepOrphans bool
	// Beside says that the project is somebody else's, and what is desired stands beside it: only what ddsctl made is looked at.
	Beside bool
	// Claims are whose the names are that the plan needs, as far as that was asked.
	Claims []engine.Claim
}

// LabelShares is on containers that use another container's namespaces: NAMESPACE=ID, separated by commas. A provider
// that is not that container any more means that the namespace is gone.
const LabelShares = "ddsctl.shares"

// SharesLabel is the value of LabelShares for a container, given the IDs of the providers by service.
func SharesLabel(shares []Share, ids map[string]string) string {
	words := make([]string, len(shares))
	for i, s := range shares {
		words[i] = s.Namespace + "=" + ids[s.Service]
	}
	return strings.Join(words, ",")
}

// Make plans the way from actual to desired. It returns an error that wraps engine.ErrForeign, and plans nothing, when
// something in the way was not made by ddsctl.
func Make(desired Desired, actual engine.State, options Options) (Plan, error) {
	if options.Beside {
		actual = Own(actual)
	}
	if err := checkForeign(desired, actual, options); err != nil {
		return Plan{}, err
	}
	m := &maker{desired: desired, actual: actual, options: options}
	if err := m.selectServices(); err != nil {
		return Plan{}, err
	}
	m.matchContainers()
	if err := m.decideNetworks(); err != nil {
		return Plan{}, err
	}
	m.decideContainers()
	if err := m.decideVolumes(); err != nil {
		return Plan{}, err
	}
	return m.build()
}

// action is what happens to one container.
type action struct {
	service  *Service
	number   int
	spec     engine.ContainerSpec
	existing *engine.Container
	change   Change
	reason   string
}

func (a *action) creates() bool { return a.change == Created || a.change == Recreated }
func (a *action) starts() bool {
	return a.creates() || a.change == Started || a.change == Restarted
}

type maker struct {
	desired Desired
	actual  engine.State
	options Options

	services map[string]*Service
	order    []string // services, providers and dependencies first
	selected map[string]bool
	actions  map[string][]*action // by service, by number
	surplus  []surplus
	networks map[string]decision // by name
	volumes  []*Volume           // to create
	plan     Plan
}

// surplus is a container that has to go.
type surplus struct {
	container engine.Container
	reason    string
}

func (m *maker) selectServices() error {
	m.services = map[string]*Service{}
	for i := range m.desired.Services {
		m.services[m.desired.Services[i].Name] = &m.desired.Services[i]
	}
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, d := range m.services[name].DependsOn {
			visit(d.Service)
		}
		m.order = append(m.order, name)
	}
	for _, s := range m.desired.Services {
		visit(s.Name)
	}
	m.selected = map[string]bool{}
	if len(m.options.Services) == 0 {
		m.selected = seen
		return nil
	}
	var choose func(name string)
	choose = func(name string) {
		if m.selected[name] {
			return
		}
		m.selected[name] = true
		if m.options.NoDeps {
			return
		}
		for _, d := range m.services[name].DependsOn {
			choose(d.Service)
		}
	}
	for _, name := range m.options.Services {
		if m.services[name] == nil {
			return hint.Wrap(fmt.Errorf("no service %q in the project", name),
				"its services are: %s", strings.Join(slices.Sorted(maps.Keys(m.services)), ", "))
		}
		choose(name)
	}
	return nil
}

// matchContainers gives each desired container the existing one that stands for it, and finds those that stand for none.
func (m *maker) matchContainers() {
	m.actions = map[string][]*action{}
	for i := range m.desired.Services {
		s := &m.desired.Services[i]
		for number := 1; number <= s.Scale; number++ {
			m.actions[s.Name] = append(m.actions[s.Name], &action{service: s, number: number, spec: s.Container(number)})
		}
	}
	containers := slices.Clone(m.actual.Containers)
	engine.Sort(containers)
	for i := range containers {
		c := &containers[i]
		s := m.services[c.Service]
		switch {
		case s == nil:
			if !m.options.KeepOrphans && len(m.options.Services) == 0 {
				m.surplus = append(m.surplus, surplus{*c, "its service is gone"})
			}
		case c.Number < 1 || c.Number > s.Scale:
			if m.selected[s.Name] {
				m.surplus = append(m.surplus, surplus{*c, "scaled down"})
			}
		default:
			a := m.actions[s.Name][c.Number-1]
			if a.existing == nil {
				a.existing = c
				continue
			}
			keep, drop := a.existing, c
			if c.ConfigHash == s.Hash && keep.ConfigHash != s.Hash {
				keep, drop = c, keep
			}
			a.existing = keep
			m.surplus = append(m.surplus, surplus{*drop, "there twice"})
		}
	}
	// The highest numbers go first.
	slices.SortStableFunc(m.surplus, func(a, b surplus) int {
		if a.container.Service != b.container.Service {
			return strings.Compare(a.container.Service, b.container.Service)
		}
		return b.container.Number - a.container.Number
	})
}

func (m *maker) decideContainers() {
	for _, name := range m.order {
		for _, a := range m.actions[name] {
			a.change, a.reason = m.decide(a)
		}
	}
}

func (m *maker) decide(a *action) (Change, string) {
	s, c := a.service, a.existing
	if reason := m.providerMoves(s); reason != "" && c != nil {
		return Recreated, reason // asked for or not
	}
	if !m.selected[s.Name] {
		return Unchanged, ""
	}
	if c == nil {
		return Created, ""
	}
	switch {
	case c.ConfigHash != s.Hash:
		return Recreated, "its configuration changed"
	case c.Name != a.spec.Name:
		return Recreated, "it is called " + c.Name
	case c.Phase == engine.PhaseCreated:
		// Made by an `up` that did not live to start it: files and networks may be missing.
		return Recreated, "it was never started"
	case c.Phase == engine.PhaseDead || c.Phase == engine.PhaseRemoving:
		return Recreated, "it is " + string(c.Phase)
	case m.options.ForceRecreate:
		return Recreated, "asked for"
	case m.networkMoves(a):
		return Recreated, "its network changed"
	case c.Labels[LabelShares] != m.wantedShares(s):
		return Recreated, "what it shares a namespace with is another container now"
	}
	switch c.Phase {
	case engine.PhasePaused:
		return Resumed, "it was paused"
	case engine.PhaseExited:
		if s.OneShot && c.ExitCode == 0 {
			return Unchanged, ""
		}
		return Started, fmt.Sprintf("it had exited with code %d", c.ExitCode)
	}
	for _, d := range s.DependsOn {
		if d.Restart && slices.ContainsFunc(m.actions[d.Service], (*action).creates) {
			return Restarted, d.Service + " was recreated"
		}
	}
	return Unchanged, ""
}

// providerMoves says why the namespaces that s takes from others will be new ones, or "".
func (m *maker) providerMoves(s *Service) string {
	for _, share := range s.Shares {
		if provider := m.actions[share.Service][0]; provider.starts() {
			return fmt.Sprintf("it shares the %s namespace of %s, which is %s", share.Namespace, share.Service, provider.change)
		}
	}
	return ""
}

// wantedShares is the label that fits the providers as they are now; only asked when they stay.
func (m *maker) wantedShares(s *Service) string {
	ids := map[string]string{}
	for _, share := range s.Shares {
		if c := m.actions[share.Service][0].existing; c != nil {
			ids[share.Service] = c.ID
		}
	}
	return SharesLabel(s.Shares, ids)
}

func (m *maker) networkMoves(a *action) bool {
	for _, attachment := range a.spec.Networks {
		if d := m.networks[attachment.Network]; d.change == Created || d.change == Recreated {
			return true
		}
	}
	for network := range a.existing.Addresses {
		if d := m.networks[network]; d.change == Recreated || d.change == Removed {
			return true
		}
	}
	return false
}
