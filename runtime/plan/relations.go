package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// The namespaces that a service may take from another.
const (
	ShareNetwork = "network"
	SharePID     = "pid"
	ShareIPC     = "ipc"
)

func shares(config types.ServiceConfig) []Share {
	var all []Share
	for _, s := range []Share{{ShareNetwork, config.NetworkMode}, {SharePID, config.Pid}, {ShareIPC, config.Ipc}} {
		if provider, ok := strings.CutPrefix(s.Service, types.ServicePrefix); ok {
			all = append(all, Share{s.Namespace, provider})
		}
	}
	return all
}

// dependencies are the service's depends_on, and the providers of what it shares, sorted by service. Those that are not in
// the project, which they may be when not required, are dropped by relate.
func dependencies(config types.ServiceConfig, shares []Share) []Dependency {
	var all []Dependency
	for name, d := range config.DependsOn {
		all = append(all, Dependency{Service: name, Condition: cmp.Or(d.Condition, types.ServiceConditionStarted), Restart: d.Restart})
	}
	for _, s := range shares {
		if _, ok := config.DependsOn[s.Service]; !ok {
			all = append(all, Dependency{Service: s.Service, Condition: types.ServiceConditionStarted})
		}
	}
	slices.SortFunc(all, func(a, b Dependency) int { return cmp.Compare(a.Service, b.Service) })
	return slices.CompactFunc(all, func(a, b Dependency) bool { return a.Service == b.Service })
}

// dependsOnLabel is in Docker Compose's form: SERVICE:CONDITION:RESTART, separated by commas.
func dependsOnLabel(dependencies []Dependency) string {
	words := make([]string, len(dependencies))
	for i, d := range dependencies {
		words[i] = d.Service + ":" + d.Condition + ":" + strconv.FormatBool(d.Restart)
	}
	return strings.Join(words, ",")
}

// dependenciesOf reads the services out of a container's label.
func dependenciesOf(c engine.Container) []string {
	var services []string
	for word := range strings.SplitSeq(c.Labels[engine.LabelDependsOn], ",") {
		if service, _, _ := strings.Cut(word, ":"); service != "" {
			services = append(services, service)
		}
	}
	return services
}

// relate checks what services ask of each other and marks one-shot and optional services.
func (w *wanter) relate() error {
	services := w.desired.Services
	index := make(map[string]int, len(services))
	for i, s := range services {
		index[s.Name] = i
	}
	requiredBy, optionalFor := map[string]bool{}, map[string]bool{}
	for i := range services {
		s := &services[i]
		for _, d := range s.DependsOn {
			own, declared := w.spec.Project.Services[s.Name].DependsOn[d.Service]
			required := !declared || own.Required
			j, found := index[d.Service]
			switch {
			case !found && required:
				return fmt.Errorf("service %q depends on service %q, which is not in the project", s.Name, d.Service)
			case !found:
				continue
			case required:
				requiredBy[d.Service] = true
			default:
				optionalFor[d.Service] = true
			}
			switch d.Condition {
			case types.ServiceConditionCompletedSuccessfully:
				services[j].OneShot, services[j].Ends = true, true
			case types.ServiceConditionHealthy:
				if len(services[j].Probes) == 0 {
					return hint.Wrap(fmt.Errorf("service %q waits until %q is healthy, and nothing says what that means", s.Name, d.Service),
						"give service %s a healthcheck in compose.yaml, or a readiness probe in lab.yaml", d.Service)
				}
			case types.ServiceConditionStarted:
			default:
				return fmt.Errorf("service %q depends on %q with the unknown condition %q", s.Name, d.Service, d.Condition)
			}
		}
		s.DependsOn = slices.DeleteFunc(s.DependsOn, func(d Dependency) bool { _, ok := index[d.Service]; return !ok })
		for _, share := range s.Shares {
			if services[index[share.Service]].Scale < 1 {
				return fmt.Errorf("service %q shares the %s namespace of %q, which has no container", s.Name, share.Namespace, share.Service)
			}
		}
	}
	for i := range services {
		name := services[i].Name
		services[i].Optional = optionalFor[name] && !requiredBy[name] || services[i].Helper
	}
	return checkCycles(services, index)
}

// checkCycles refuses services that wait for each other, and names the circle.
func checkCycles(services []Service, index map[string]int) error {
	const visiting, done = 1, 2
	state := make([]int, len(services))
	var path []string
	var visit func(i int) error
	visit = func(i int) error {
		path = append(path, services[i].Name)
		defer func() { path = path[:len(path)-1] }()
		switch state[i] {
		case done:
			return nil
		case visiting:
			start := slices.Index(path, services[i].Name)
			return fmt.Errorf("services wait for each other: %s", strings.Join(path[start:], " -> "))
		}
		state[i] = visiting
		for _, d := range services[i].DependsOn {
			if err := visit(index[d.Service]); err != nil {
				return err
			}
		}
		state[i] = done
		return nil
	}
	for i := range services {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}
