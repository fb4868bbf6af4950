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

// checkForeign refuses a plan that would touch, or stand beside, what somebody else made.
func checkForeign(d Desired, actual engine.State, claims []engine.Claim) error {
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
	for _, c := range claims {
		switch {
		case external[c.Kind+" "+c.Name] || c.Project() == d.Project: // the latter stand in actual
		case c.Ours():
			errs = append(errs, fmt.Errorf("%s %q belongs to the lab %q: %w", c.Kind, c.Name, c.Project(), engine.ErrConflict))
		default:
			errs = append(errs, fmt.Errorf("%s %q is there already: %w", c.Kind, c.Name, engine.ErrForeign))
		}
	}
	return hint.Wrap(errors.Join(errs...), "nothing was touched; use another name for the lab: --name OTHER")
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
