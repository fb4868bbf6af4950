package plan

import (
	"fmt"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// decision is what happens to a network. Docker allows several networks of one name, so that there may
// be several to remove.
type decision struct {
	change Change
	remove []engine.Network
	reason string
}

func (m *maker) decideNetworks() error {
	m.networks = map[string]decision{}
	existing := map[string][]engine.Network{}
	for _, n := range m.actual.Networks {
		existing[n.Name] = append(existing[n.Name], n)
	}
	keep := map[string]bool{}
	for _, n := range m.desired.Networks {
		keep[n.Name] = true
		if n.External || !m.needs(engine.KindNetwork, n.Name) {
			continue
		}
		d := decision{change: Unchanged}
		switch found := existing[n.Name]; {
		case len(found) == 0:
			d.change = Created
		case len(found) > 1:
			d = decision{Recreated, found, "there is more than one of that name"}
		case found[0].Labels[engine.LabelConfigHash] != n.Hash:
			d = decision{Recreated, found, "its configuration changed"}
		}
		if d.change == Recreated {
			if err := m.mayRecreate(n.Name); err != nil {
				return err
			}
		}
		m.networks[n.Name] = d
	}
	if m.options.KeepOrphans || len(m.options.Services) > 0 {
		return nil
	}
	for name, found := range existing {
		if !keep[name] {
			m.networks[name] = decision{Removed, found, "nothing uses it any more"}
		}
	}
	return nil
}

// needs says whether a selected service uses the network or volume.
func (m *maker) needs(kind, name string) bool {
	for service := range m.selected {
		if uses(m.services[service], kind, name) {
			return true
		}
	}
	return false
}

func uses(s *Service, kind, name string) bool {
	if kind == engine.KindNetwork {
		for _, a := range s.template.Networks {
			if a.Network == name {
				return true
			}
		}
		return false
	}
	for _, mount := range s.template.Mounts {
		if mount.Kind == engine.MountVolume && mount.Source == name {
			return true
		}
	}
	return false
}

// mayRecreate refuses to pull a network from under containers that the plan leaves alone.
func (m *maker) mayRecreate(network string) error {
	for _, c := range m.actual.Containers {
		_, attached := c.Addresses[network]
		s := m.services[c.Service]
		if s != nil {
			attached = attached || uses(s, engine.KindNetwork, network)
		}
		untouched := s == nil && (m.options.KeepOrphans || len(m.options.Services) > 0) || s != nil && !m.selected[s.Name]
		if attached && untouched {
			return hint.Wrap(fmt.Errorf("network %q has to be recreated, and container %q on it is not part of this", network, c.Name),
				"do it for all services at once: leave their names out")
		}
	}
	return nil
}

func (m *maker) decideVolumes() error {
	existing := map[string]engine.Volume{}
	for _, v := range m.actual.Volumes {
		existing[v.Name] = v
	}
	for i := range m.desired.Volumes {
		v := &m.desired.Volumes[i]
		if v.External || !m.needs(engine.KindVolume, v.Name) {
			continue
		}
		found, ok := existing[v.Name]
		switch {
		case !ok:
			m.volumes = append(m.volumes, v)
		case found.Labels[engine.LabelConfigHash] != v.Hash:
			return hint.Wrap(fmt.Errorf("volume %q was made with another configuration, and would lose its contents", v.Name),
				"take the lab down first (ddsctl lab down %s), or give the volume another name", m.desired.Project)
		default:
			m.plan.outcome(engine.KindVolume, v.Name, "", Unchanged, "")
		}
	}
	return nil
}
