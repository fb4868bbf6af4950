package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Names are the names that the desired state needs in the engine: those it takes, and those of external networks and
// volumes, which must be there.
func (d Desired) Names() engine.Names {
	var names engine.Names
	for _, n := range d.Networks {
		names.Networks = append(names.Networks, n.Name)
	}
	for _, v := range d.Volumes {
		names.Volumes = append(names.Volumes, v.Name)
	}
	for _, s := range d.Services {
		for number := 1; number <= s.Scale; number++ {
			names.Containers = append(names.Containers, s.containerName(number))
		}
	}
	return names
}

func ours(labels map[string]string) bool { return labels[engine.LabelLab] != "" }

// Own is what ddsctl made of a project.
func Own(actual engine.State) engine.State {
	return engine.State{
		Containers: slices.DeleteFunc(slices.Clone(actual.Containers), func(c engine.Container) bool { return !ours(c.Labels) }),
		Networks:   slices.DeleteFunc(slices.Clone(actual.Networks), func(n engine.Network) bool { return !ours(n.Labels) }),
		Volumes:    slices.DeleteFunc(slices.Clone(actual.Volumes), func(v engine.Volume) bool { return !ours(v.Labels) }),
	}
}

// checkForeign refuses a plan that would touch, or stand beside, what somebody else made.
func checkForeign(d Desired, actual engine.State, options Options) error {
	var errs []error
	refuse := func(kind, name string) {
		errs = append(errs, fmt.Errorf("%s %q of project %q is there already: %w", kind, name, d.Project, engine.ErrForeign))
	}
	for _, c := range actual.Containers {
		if !ours(c.Labels) {
			refuse(engine.KindContainer, c.Name)
		}
	}
	for _, n := range actual.Networks {
		if !ours(n.Labels) {
			refuse(engine.KindNetwork, n.Name)
		}
	}
	for _, v := range actual.Volumes {
		if !ours(v.Labels) {
			refuse(engine.KindVolume, v.Name)
		}
	}
	external := d.external()
	for _, c := range options.Claims {
		standsInActual := c.Project() == d.Project && (c.Ours() || !options.Beside)
		switch {
		case external[c.Kind+" "+c.Name] || standsInActual:
		case c.Ours():
			errs = append(errs, fmt.Errorf("%s %q belongs to the lab %q: %w", c.Kind, c.Name, c.Project(), engine.ErrConflict))
		default:
			errs = append(errs, fmt.Errorf("%s %q is there already: %w", c.Kind, c.Name, engine.ErrForeign))
		}
	}
	next := "nothing was touched; use another name for the lab: --name OTHER"
	if slices.ContainsFunc(actual.Containers, func(c engine.Container) bool { return !ours(c.Labels) && c.Running() }) {
		next += "; or use what runs there as it is: ddsctl attach " + d.Project
	}
	return hint.Wrap(errors.Join(errs...), "%s", next)
}

func (d Desired) external() map[string]bool {
	external := map[string]bool{}
	for _, n := range d.Networks {
		if n.External {
			external[engine.KindNetwork+" "+n.Name] = true
		}
	}
	for _, v := range d.Volumes {
		if v.External {
			external[engine.KindVolume+" "+v.Name] = true
		}
	}
	return external
}

// CheckExternal says which external networks and volumes are missing. Claims must answer for Desired.Names.
func (d Desired) CheckExternal(claims []engine.Claim) error {
	var missing []error
	for key := range d.external() {
		if !slices.ContainsFunc(claims, func(c engine.Claim) bool { return c.Kind+" "+c.Name == key }) {
			missing = append(missing, fmt.Errorf("external %s does not exist: %w", key, engine.ErrNotFound))
		}
	}
	slices.SortFunc(missing, func(a, b error) int {
		if a.Error() < b.Error() {
			return -1
		}
		return 1
	})
	return hint.Wrap(errors.Join(missing...), "create it, or remove `external: true` from the project")
}
