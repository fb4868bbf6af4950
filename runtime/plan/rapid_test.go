package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// drawProject makes a project whose services depend on, and share namespaces with, services of lower numbers.
func drawProject(t *rapid.T, label string) *types.Project {
	p := &types.Project{Name: "lab", WorkingDir: "/lab", Services: types.Services{}, Networks: types.Networks{}, Volumes: types.Volumes{}}
	for i := range 3 {
		key := fmt.Sprintf("n%d", i)
		p.Networks[key] = types.NetworkConfig{Name: "lab_" + key, Internal: rapid.IntRange(0, 4).Draw(t, label+key) == 0}
		p.Volumes[fmt.Sprintf("v%d", i)] = types.VolumeConfig{}
	}
	for i := range rapid.SampledFrom([]int{5, 6, 4, 3, 7, 2, 1, 0}).Draw(t, label+"services") {
		name := fmt.Sprintf("s%d", i)
		if rapid.IntRange(0, 5).Draw(t, label+name+" absent") == 0 {
			continue
		}
		p.Services[name] = drawService(t, label+name, name, p)
	}
	return p
}

func drawService(t *rapid.T, label, name string, p *types.Project) types.ServiceConfig {
	s := types.ServiceConfig{Name: name}
	s.DependsOn = types.DependsOnConfig{}
	s.Image = rapid.SampledFrom([]string{"a", "b"}).Draw(t, label+" image")
	s.SetScale(rapid.IntRange(0, 3).Draw(t, label+" scale"))
	test := types.HealthCheckTest{"CMD", "ok"}
	s.HealthCheck = &types.HealthCheckConfig{Test: test}
	lower := p.ServiceNames()
	for _, other := range lower {
		if rapid.IntRange(0, 2).Draw(t, label+" on "+other) != 0 {
			continue
		}
		s.DependsOn[other] = types.ServiceDependency{Required: rapid.Bool().Draw(t, label+" required"), Restart: rapid.Bool().Draw(t, label+" restart"),
			Condition: rapid.SampledFrom([]string{types.ServiceConditionStarted, types.ServiceConditionHealthy,
				types.ServiceConditionCompletedSuccessfully}).Draw(t, label+" condition")}
	}
	providers := slices.DeleteFunc(lower, func(n string) bool { return p.Services[n].Scale == nil || *p.Services[n].Scale == 0 })
	if len(providers) > 0 && rapid.IntRange(0, 3).Draw(t, label+" shares") == 0 {
		s.NetworkMode = "service:" + rapid.SampledFrom(providers).Draw(t, label+" provider")
	} else {
		s.Networks = map[string]*types.ServiceNetworkConfig{}
		for _, key := range p.NetworkNames() {
			if rapid.Bool().Draw(t, label+" in "+key) {
				s.Networks[key] = nil
			}
		}
	}
	if len(providers) > 0 && rapid.IntRange(0, 5).Draw(t, label+" pid") == 0 {
		s.Pid = "service:" + rapid.SampledFrom(providers).Draw(t, label+" pid provider")
	}
	if rapid.Bool().Draw(t, label+" volume") {
		s.Volumes = []types.ServiceVolumeConfig{{Type: "volume", Source: rapid.SampledFrom([]string{"v0", "v1"}).Draw(t, label+" which"), Target: "/d"}}
	}
	published := rapid.SampledFrom([]string{"", "8080", "8081"}).Draw(t, label+" port")
	taken := func(other types.ServiceConfig) bool {
		return len(other.Ports) > 0 && other.Ports[0].Published == published
	}
	if published != "" && *s.Scale == 1 && !slices.ContainsFunc(slices.Collect(maps.Values(p.Services)), taken) {
		s.Ports = []types.ServicePortConfig{{Target: 80, Published: published}}
	}
	return s
}

// wanted skips projects in which a provider is one-shot: what shares its namespace could never start.
func wanted(t *rapid.T, p *types.Project) Desired {
	d, err := Want(Spec{Project: p})
	if err != nil {
		t.Fatalf("the project is sound: %v", err)
	}
	oneShot := map[string]bool{}
	for _, s := range d.Services {
		oneShot[s.Name] = s.OneShot
	}
	for _, s := range d.Services {
		for _, share := range s.Shares {
			if oneShot[share.Service] {
				t.Skip("shares the namespace of a one-shot service")
			}
		}
	}
	return d
}

// carry does up to limit steps of the plan in any order that the dependencies allow.
func carry(t *rapid.T, w *world, p Plan, limit int, check func(Step)) {
	// An even draw among the free steps: rapid's own prefers the first.
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
	done := make([]bool, len(p.Steps))
	for range min(limit, len(p.Steps)) {
		var free []int
		for i, step := range p.Steps {
			if !done[i] && !slices.ContainsFunc(step.After, func(j int) bool { return !done[j] }) {
				free = append(free, i)
			}
		}
		i := free[random.IntN(len(free))]
		if check != nil {
			check(p.Steps[i])
		}
		if err := w.do(p.Steps[i]); err != nil {
			t.Fatalf("%v\nplan:\n%s", err, p)
		}
		done[i] = true
	}
}

// disturb does to the containers what faults, users and killed processes do.
func disturb(t *rapid.T, w *world) {
	for _, c := range w.state().Containers {
		switch rapid.SampledFrom([]string{"", "", "", "exit", "fail", "pause", "remove", "dead"}).Draw(t, "what happens to "+c.Name) {
		case "exit":
			w.exit(c.Name, 0)
		case "fail":
			w.exit(c.Name, 1)
		case "pause":
			if c.Phase == engine.PhaseRunning {
				w.phase(c.Name, engine.PhasePaused)
			}
		case "remove":
			delete(w.containers, c.ID)
			delete(w.attached, c.ID)
		case "dead":
			w.phase(c.Name, engine.PhaseDead)
		}
	}
	for _, n := range w.state().Networks {
		switch rapid.SampledFrom([]string{"", "", "", "twice", "remove"}).Draw(t, "what happens to "+n.Name) {
		case "twice":
			twin := n
			twin.ID = w.id("n")
			w.networks[twin.ID] = twin
		case "remove": // which an engine allows while nothing runs on it
			if !slices.ContainsFunc(w.state().Containers, func(c engine.Container) bool { return runs(c) && slices.Contains(w.attached[c.ID], n.Name) }) {
				delete(w.networks, n.ID)
			}
		}
	}
}

func mustMake(t *rapid.T, d Desired, w *world, options Options) Plan {
	p, err := Make(d, w.state(), options)
	if err != nil {
		t.Fatalf("make: %v", err)
	}
	for i, step := range p.Steps {
		if step.Index != i || slices.ContainsFunc(step.After, func(j int) bool { return j >= i }) {
			t.Fatalf("step %d %q waits for %v, which is not before it", i, step, step.After)
		}
	}
	return p
}

// dependenciesHold checks, when a container is started, that what it depends on is as its condition says.
func dependenciesHold(t *rapid.T, d Desired, w *world) func(Step) {
	services := map[string]Service{}
	for _, s := range d.Services {
		services[s.Name] = s
	}
	return func(step Step) {
		if step.Kind != StartContainer {
			return
		}
		for _, dependency := range services[step.Service].DependsOn {
			provider := services[dependency.Service]
			for number := 1; number <= provider.Scale; number++ {
				c, ok := w.find(provider.containerName(number))
				switch {
				case !ok || c.Phase == engine.PhaseCreated:
					t.Fatalf("%s: %s has not started", step, c.Name)
				case dependency.Condition == types.ServiceConditionCompletedSuccessfully && c.Phase != engine.PhaseExited:
					t.Fatalf("%s: %s is not done", step, c.Name)
				case !provider.OneShot && c.Phase != engine.PhaseRunning:
					t.Fatalf("%s: %s is %s", step, c.Name, c.Phase)
				}
			}
		}
	}
}

// requireAllRuns checks that exactly what is desired is there, runs, and lives in namespaces that are alive.
func requireAllRuns(t *rapid.T, d Desired, w *world) {
	count := 0
	for _, s := range d.Services {
		for number := 1; number <= s.Scale; number++ {
			count++
			c, ok := w.find(s.containerName(number))
			if !ok || c.ConfigHash != s.Hash || c.Phase != engine.PhaseRunning && !(s.OneShot && c.Phase == engine.PhaseExited) {
				t.Fatalf("%s is %q", s.containerName(number), c.Phase)
			}
			if i, runs := w.living(c); !runs {
				t.Fatalf("%s is in a dead namespace of %s", c.Name, i)
			}
			for _, a := range s.template.Networks {
				if !slices.Contains(w.attached[c.ID], a.Network) || !w.network(a.Network) {
					t.Fatalf("%s is not on %s", c.Name, a.Network)
				}
			}
		}
	}
	if len(w.containers) != count {
		t.Fatalf("%d containers, wanted %d", len(w.containers), count)
	}
}

// Whatever was there before, in whatever state an interrupted plan and the world's faults left it: one plan leads to what
// is desired, a second has nothing to do, and a teardown leaves nothing.
func TestOnePlanIsEnoughAndTeardownLeavesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		d := wanted(t, drawProject(t, "first"))
		for i := range rapid.SampledFrom([]int{1, 2, 3, 0}).Draw(t, "earlier plans") {
			if rapid.Bool().Draw(t, "another project") {
				d = wanted(t, drawProject(t, fmt.Sprint("earlier", i)))
			}
			earlier := mustMake(t, d, w, Options{})
			limit := len(earlier.Steps)
			if rapid.Bool().Draw(t, "killed") {
				limit = rapid.IntRange(0, limit).Draw(t, "after")
			}
			carry(t, w, earlier, limit, nil)
			disturb(t, w)
		}
		before := w.clone()

		if rapid.Bool().Draw(t, "another project") {
			d = wanted(t, drawProject(t, "now"))
		}
		carry(t, w, mustMake(t, d, w, Options{}), 1<<20, dependenciesHold(t, d, w))
		requireAllRuns(t, d, w)
		if again := mustMake(t, d, w, Options{}); !again.Empty() {
			t.Fatalf("planning again gives\n%s", again)
		}

		for _, world := range []*world{before, w} {
			carry(t, world, Teardown(world.state(), TeardownOptions{}), 1<<20, nil)
			if s := world.state(); !s.Empty() {
				t.Fatalf("left: %+v", s)
			}
		}
	})
}

// Somebody else's things among those of the project stop every plan, and no teardown touches them.
func TestForeignThingsAreNeverTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		d := wanted(t, drawProject(t, "now"))
		carry(t, w, mustMake(t, d, w, Options{}), 1<<20, nil)
		theirs := map[string]string{engine.LabelProject: "lab", engine.LabelService: "s0"}
		switch rapid.SampledFrom([]string{engine.KindContainer, engine.KindNetwork, engine.KindVolume}).Draw(t, "kind") {
		case engine.KindContainer:
			w.containers["theirs"] = engine.Container{ID: "theirs", Name: "theirs", Project: "lab", Service: "s0", Number: 9, Labels: theirs, Phase: engine.PhaseRunning}
		case engine.KindNetwork:
			w.networks["theirs"] = engine.Network{ID: "theirs", Name: "lab_theirs", Labels: theirs}
		default:
			w.volumes["theirs"] = engine.Volume{Name: "theirs", Labels: theirs}
		}
		_, err := Make(d, w.state(), Options{})
		require.ErrorIs(t, err, engine.ErrForeign)
		carry(t, w, Teardown(w.state(), TeardownOptions{}), 1<<20, nil) // world.do refuses what is foreign
		s := w.state()
		require.Equal(t, 1, len(s.Containers)+len(s.Networks)+len(s.Volumes))
	})
}

// A restricted plan leaves every other container as it is, unless it shares a namespace with one of them.
func TestARestrictedPlanLeavesTheOthersAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		project := drawProject(t, "now")
		d := wanted(t, project)
		if len(d.Services) == 0 {
			t.Skip("no service")
		}
		carry(t, w, mustMake(t, d, w, Options{}), 1<<20, nil)
		chosen := rapid.SampledFrom(d.Services).Draw(t, "service").Name
		changed := project.Services[chosen]
		changed.Image = "c"
		project.Services[chosen] = changed
		p := mustMake(t, wanted(t, project), w, Options{Services: []string{chosen}, NoDeps: true})
		follows := map[string]bool{chosen: true}
		for _, s := range d.Services { // in the order of names, which is that of providers first
			for _, share := range s.Shares {
				follows[s.Name] = follows[s.Name] || follows[share.Service]
			}
		}
		for _, step := range p.Steps {
			if step.Changes() && !follows[step.Service] {
				t.Fatalf("%s, though only %s was asked for", step, chosen)
			}
		}
		carry(t, w, p, 1<<20, nil)
	})
}
