// Package attached reads what a Compose project is that somebody else has started: from its files, where they are there and can be read, and from its
// containers.
//
//	lab, err := attached.Open(ctx, engine, "shop", state, nil)
//	links := lab.Links() // from depends_on, environment and published ports
//
// The containers decide: a service without one is not in the lab, and one that the files do not know is.
package attached

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Engine tells what containers were made with.
type Engine interface {
	Made(ctx context.Context, id string) (types.ServiceConfig, error)
}

// labelEnvFile is where Docker Compose says which file of variables it was given.
const labelEnvFile = "com.docker.compose.project.environment_file"

// Source is the folder that the project's containers say they were made from, where it is there on this machine, else "".
func Source(state engine.State) string {
	dir := speaker(state).Labels[engine.LabelWorkingDir]
	if !filepath.IsAbs(dir) {
		return ""
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// Open reads the project. Environment is what variables in its files stand for. What the files say that ddsctl does not run, and why nothing was
// read from them, is among the lab's notes; the containers stand for them then.
func Open(ctx context.Context, e Engine, project string, state engine.State, environment map[string]string) (*labs.Lab, error) {
	found, err := fromContainers(ctx, e, project, state)
	if err != nil {
		return nil, err
	}
	lab, note := fromFiles(ctx, project, state, environment)
	if lab == nil {
		if lab, err = labs.FromProject(found, Source(state)); err != nil { // the lab.yaml is not that of what runs
			note = err.Error()
			if lab, err = labs.FromProject(found, ""); err != nil {
				return nil, err
			}
		}
		if note != "" {
			lab.Notes = append(lab.Notes, note)
		}
		return lab, nil
	}
	lab.Notes = nil // they are about what `lab up` would do
	lab.Project = merge(lab.Project, found)
	return lab, nil
}

// fromFiles opens the files that the containers name; nil where there are none, with the reason where there are and they cannot be read.
func fromFiles(ctx context.Context, project string, state engine.State, environment map[string]string) (*labs.Lab, string) {
	dir := Source(state)
	if dir == "" {
		return nil, ""
	}
	labels := speaker(state).Labels
	options := labs.Options{Name: project, Profiles: []string{"*"}, Environment: environment, Trust: true} // nothing of it is run
	for file := range strings.SplitSeq(labels[engine.LabelConfigFiles], ",") {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Sprintf("%s is not there any more: all is read from the containers", file)
		}
		options.Files = append(options.Files, file)
	}
	for file := range strings.SplitSeq(labels[labelEnvFile], ",") {
		if _, err := os.Stat(file); file != "" && err == nil {
			options.EnvFiles = append(options.EnvFiles, file)
		}
	}
	lab, err := labs.Open(ctx, dir+string(filepath.Separator), options)
	if err != nil {
		return nil, fmt.Sprintf("the project's files say what ddsctl does not read, so that all is read from the containers: %v", err)
	}
	return lab, ""
}

// speaker is the container of the project that was made last: Docker Compose leaves those alone that did not change.
func speaker(state engine.State) engine.Container {
	var last engine.Container
	for _, c := range state.Containers {
		if !c.Attached() && (last.ID == "" || c.Created.After(last.Created)) {
			last = c
		}
	}
	return last
}

// fromContainers is the project as its containers are.
func fromContainers(ctx context.Context, e Engine, project string, state engine.State) (*types.Project, error) {
	p := &types.Project{Name: project, WorkingDir: speaker(state).Labels[engine.LabelWorkingDir], Services: types.Services{}, Networks: types.Networks{}}
	for _, n := range slices.Concat(state.Networks, state.Outer) {
		p.Networks[n.Name] = types.NetworkConfig{Name: n.Name, External: true}
	}
	containers := slices.DeleteFunc(slices.Clone(state.Containers), func(c engine.Container) bool {
		return c.Attached() || c.OneOff() || c.Service == ""
	})
	engine.Sort(containers)
	services := map[string]string{} // by container ID
	counts := map[string]int{}
	for _, c := range containers {
		services[c.ID] = c.Service
		counts[c.Service]++
	}
	for _, c := range containers {
		if _, known := p.Services[c.Service]; known {
			continue
		}
		made, err := e.Made(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("read the project %s: %w", project, err)
		}
		made.Name, made.Image = c.Service, cmp.Or(made.Image, c.Image)
		made.DependsOn = dependencies(c.Labels[engine.LabelDependsOn])
		made.Networks, made.NetworkMode = map[string]*types.ServiceNetworkConfig{}, ""
		for network := range c.Addresses {
			made.Networks[network] = nil
		}
		switch {
		case services[c.NetworkOf] != "":
			made.Networks, made.NetworkMode = nil, types.ServicePrefix+services[c.NetworkOf]
		case len(c.Addresses) == 0 && c.Running():
			made.Networks, made.NetworkMode = nil, "host"
		}
		made.SetScale(counts[c.Service])
		p.Services[c.Service] = made
	}
	for name, s := range p.Services {
		for other := range s.DependsOn {
			if _, in := p.Services[other]; !in {
				delete(s.DependsOn, other)
			}
		}
		p.Services[name] = s
	}
	return p, nil
}

// dependencies reads Docker Compose's label: SERVICE:CONDITION:RESTART, separated by commas.
func dependencies(label string) types.DependsOnConfig {
	all := types.DependsOnConfig{}
	for word := range strings.SplitSeq(label, ",") {
		service, rest, _ := strings.Cut(word, ":")
		condition, restart, _ := strings.Cut(rest, ":")
		if service != "" {
			all[service] = types.ServiceDependency{Condition: cmp.Or(condition, types.ServiceConditionStarted), Restart: restart == "true", Required: true}
		}
	}
	return all
}

// merge is the project of the files, without the services that have no container and with those that only the containers know.
func merge(files, found *types.Project) *types.Project {
	var without []string
	for _, name := range files.ServiceNames() {
		if _, runs := found.Services[name]; !runs {
			without = append(without, name)
		}
	}
	merged := files.WithServicesDisabled(without...)
	for name, made := range found.Services {
		s, known := merged.Services[name]
		if !known {
			for network := range made.Networks {
				if merged.Networks == nil {
					merged.Networks = types.Networks{}
				}
				merged.Networks[network] = found.Networks[network]
			}
			merged.Services[name] = made
			continue
		}
		if s.HealthCheck == nil { // the image may have one
			s.HealthCheck = made.HealthCheck
		}
		s.SetScale(made.GetScale())
		merged.Services[name] = s
	}
	return merged
}
