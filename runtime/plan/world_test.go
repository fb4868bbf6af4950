package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// world is an engine of maps on which plans are tried out. It refuses what an engine would refuse.
type world struct {
	containers map[string]engine.Container // by ID
	networks   map[string]engine.Network   // by ID
	volumes    map[string]engine.Volume    // by name
	attached   map[string][]string         // container ID to network names
	ports      map[string]string           // container ID to the host port it has while it runs
	lives      map[string]int              // container ID to how often it was started
	joined     map[string]int              // "SHARER PROVIDER" to the provider's life it is in
	next       int
}

func newWorld() *world {
	return &world{containers: map[string]engine.Container{}, networks: map[string]engine.Network{}, volumes: map[string]engine.Volume{},
		attached: map[string][]string{}, ports: map[string]string{},
		lives: map[string]int{}, joined: map[string]int{}}
}

func (w *world) clone() *world {
	return &world{maps.Clone(w.containers), maps.Clone(w.networks), maps.Clone(w.volumes), maps.Clone(w.attached), maps.Clone(w.ports),
		maps.Clone(w.lives), maps.Clone(w.joined), w.next}
}

func (w *world) state() engine.State {
	var s engine.State
	for _, id := range slices.Sorted(maps.Keys(w.containers)) {
		c := w.containers[id]
		c.Addresses = map[string]netip.Addr{}
		if runs(c) {
			for _, n := range w.attached[id] {
				c.Addresses[n] = netip.MustParseAddr("10.0.0.9")
			}
		}
		s.Containers = append(s.Containers, c)
	}
	for _, id := range slices.Sorted(maps.Keys(w.networks)) {
		s.Networks = append(s.Networks, w.networks[id])
	}
	for _, name := range slices.Sorted(maps.Keys(w.volumes)) {
		s.Volumes = append(s.Volumes, w.volumes[name])
	}
	return s
}

func (w *world) find(name string) (engine.Container, bool) {
	for _, c := range w.containers {
		if c.Name == name {
			return c, true
		}
	}
	return engine.Container{}, false
}

func (w *world) network(name string) bool {
	for _, n := range w.networks {
		if n.Name == name {
			return true
		}
	}
	return false
}

func (w *world) id(prefix string) string {
	w.next++
	return fmt.Sprintf("%s%03d", prefix, w.next)
}

// do carries one step out, or says why an engine would not.
func (w *world) do(step Step) error {
	foreign := func(labels map[string]string) error {
		if !ours(labels) {
			return fmt.Errorf("%s: it is foreign", step)
		}
		return nil
	}
	switch step.Kind {
	case CreateNetwork:
		if w.network(step.Object) {
			return fmt.Errorf("%s: there already", step)
		}
		id := w.id("n")
		w.networks[id] = engine.Network{ID: id, Name: step.Network.Name, Key: step.Network.Labels[engine.LabelNetwork],
			Project: step.Network.Labels[engine.LabelProject], Labels: step.Network.Labels}
	case RemoveNetwork:
		n, ok := w.networks[step.ID]
		if !ok {
			return fmt.Errorf("%s: not there", step)
		}
		for id, names := range w.attached {
			if slices.Contains(names, n.Name) && runs(w.containers[id]) {
				return fmt.Errorf("%s: %s is on it", step, w.containers[id].Name)
			}
		}
		delete(w.networks, step.ID)
		for id, names := range w.attached { // a container that is stopped loses a network that goes
			w.attached[id] = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == n.Name && !w.network(name) })
		}
		return foreign(n.Labels)
	case CreateVolume:
		if _, ok := w.volumes[step.Object]; ok {
			return fmt.Errorf("%s: there already", step)
		}
		w.volumes[step.Object] = engine.Volume{Name: step.Object, Labels: step.Volume.Labels, Project: step.Volume.Labels[engine.LabelProject]}
	case RemoveVolume:
		v, ok := w.volumes[step.ID]
		if !ok {
			return fmt.Errorf("%s: not there", step)
		}
		delete(w.volumes, step.ID)
		return foreign(v.Labels)
	case CreateContainer:
		return w.create(step)
	case StartContainer:
		return w.start(step, foreign)
	case StopContainer:
		c := w.containers[step.ID]
		c.Phase = engine.PhaseExited
		w.containers[step.ID] = c
		return foreign(c.Labels)
	case ResumeContainer:
		c := w.containers[step.ID]
		c.Phase = engine.PhaseRunning
		w.containers[step.ID] = c
		return foreign(c.Labels)
	case RemoveContainer:
		c, ok := w.containers[step.ID]
		if !ok {
			return fmt.Errorf("%s: not there", step)
		}
		delete(w.containers, step.ID)
		delete(w.attached, step.ID)
		return foreign(c.Labels)
	case WaitReady:
		c, ok := w.find(step.Object)
		if !ok || c.Phase == engine.PhaseCreated || (c.Phase == engine.PhaseExited && !step.OneShot) {
			return fmt.Errorf("%s: it is %q", step, c.Phase)
		}
		if step.OneShot {
			c.Phase = engine.PhaseExited
			w.containers[c.ID] = c
		}
	default:
		return fmt.Errorf("unknown step %s", step)
	}
	return nil
}

func (w *world) create(step Step) error {
	if other, taken := w.find(step.Container.Name); taken {
		return fmt.Errorf("%s: the name is taken by %s", step, other.ID)
	}
	c := engine.Container{ID: w.id("c"), Name: step.Container.Name, Phase: engine.PhaseCreated, Number: step.Container.Number,
		Project: step.Container.Project, Service: step.Service, Labels: maps.Clone(step.Container.Labels)}
	c.ConfigHash = c.Labels[engine.LabelConfigHash]
	for _, a := range step.Container.Networks {
		if !w.network(a.Network) {
			return fmt.Errorf("%s: no network %s", step, a.Network)
		}
		w.attached[c.ID] = append(w.attached[c.ID], a.Network)
	}
	for _, m := range step.Container.Mounts {
		if _, ok := w.volumes[m.Source]; m.Kind == engine.MountVolume && m.Source != "" && !ok {
			return fmt.Errorf("%s: no volume %s", step, m.Source)
		}
	}
	if ports := step.Container.Service.Ports; len(ports) > 0 {
		w.ports[c.ID] = ports[0].Published
	}
	ids := map[string]string{}
	var shares []Share
	for _, j := range step.Joins {
		provider, ok := w.find(j.Container)
		if !ok || j.ID != "" && j.ID != provider.ID {
			return fmt.Errorf("%s: no provider %s %s", step, j.Container, j.ID)
		}
		ids[j.Service] = provider.ID
		shares = append(shares, j.Share)
	}
	if len(shares) > 0 {
		c.Labels[LabelShares] = SharesLabel(shares, ids)
	}
	w.containers[c.ID] = c
	return nil
}

func (w *world) start(step Step, foreign func(map[string]string) error) error {
	c, ok := w.find(step.Object)
	if !ok {
		return fmt.Errorf("%s: not there", step)
	}
	for _, id := range providersOf(c) {
		if p := w.containers[id]; !runs(p) {
			return fmt.Errorf("%s: its provider %q is %q", step, id, p.Phase)
		}
	}
	// Whoever shares the namespace of what is started has a dead one from then on.
	for _, other := range w.containers {
		if slices.Contains(providersOf(other), c.ID) && runs(other) {
			return fmt.Errorf("%s: %s runs in its old namespace", step, other.Name)
		}
	}
	for _, other := range w.containers {
		if port := w.ports[c.ID]; other.ID != c.ID && runs(other) && port != "" && w.ports[other.ID] == port {
			return fmt.Errorf("%s: %s has port %s", step, other.Name, port)
		}
	}
	for _, n := range w.attached[c.ID] {
		if !w.network(n) {
			return fmt.Errorf("%s: network %s is gone", step, n)
		}
	}
	c.ExitCode = 0
	w.lives[c.ID]++
	for _, id := range providersOf(c) {
		w.joined[c.ID+" "+id] = w.lives[id]
	}
	c.Phase = engine.PhaseRunning
	w.containers[c.ID] = c
	return foreign(c.Labels)
}

// living says whether the namespaces that c shares are those of containers that run, as they run now.
func (w *world) living(c engine.Container) (string, bool) {
	for _, id := range providersOf(c) {
		if provider, ok := w.containers[id]; !ok || !runs(provider) || w.joined[c.ID+" "+id] != w.lives[id] {
			return id, false
		}
	}
	return "", true
}

// load reads a Compose file for the project "lab".
func load(t require.TestingT, yaml string) *types.Project {
	project, err := loader.LoadWithContext(ctx, types.ConfigDetails{WorkingDir: "/lab",
		ConfigFiles: []types.ConfigFile{{Filename: "/lab/compose.yaml", Content: []byte(yaml)}}},
		func(o *loader.Options) { o.SetProjectName("lab", true) })
	require.NoError(t, err)
	project.ComposeFiles = []string{"/lab/compose.yaml"}
	return project
}

func want(t require.TestingT, yaml string, change ...func(*Spec)) Desired {
	spec := Spec{Lab: "story", Source: "catalogue", Project: load(t, yaml)}
	for _, f := range change {
		f(&spec)
	}
	desired, err := Want(spec)
	require.NoError(t, err)
	return desired
}

// up plans and carries out.
func (w *world) up(t *testing.T, yaml string, change ...func(*Spec)) Plan {
	t.Helper()
	return w.run(t, want(t, yaml, change...), Options{})
}

func (w *world) run(t *testing.T, desired Desired, options Options) Plan {
	t.Helper()
	p, err := Make(desired, w.state(), options)
	require.NoError(t, err)
	for _, step := range p.Steps {
		require.NoError(t, w.do(step))
	}
	return p
}

// lines makes a plan comparable with an indented text.
func lines(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
