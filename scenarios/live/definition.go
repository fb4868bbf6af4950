package live

import (
	"maps"

	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry/assemble"
	"github.com/ddsctl/ddsctl/runtime/telemetry/collect"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
)

// watching is what the collector needs to know of the lab.
func (l *Lab) watching() collect.Options {
	l.mu.Lock()
	interval := l.options.Interval
	l.mu.Unlock()
	options := collect.Options{About: assemble.About{Lab: l.Slug, Project: l.Project, Services: map[string]assemble.Service{}},
		Components: map[string]probe.Component{}, Probes: map[string][]ready.Probe{}, Interval: interval}
	if l.Definition == nil {
		return options
	}
	spec := l.Definition.Spec()
	ends := endings(spec)
	readers, commands := component.Readers(), component.CommandReaders()
	for _, name := range l.Definition.Project.ServiceNames() {
		service := l.Definition.Service(name)
		options.About.Services[name] = assemble.Service{Kind: service.Kind, Role: service.Role, Ends: ends[name]}
		c := probe.Component{Kind: service.Kind}
		if s := service.Stats; s != nil {
			if s.Off {
				continue
			}
			c.Port, c.Path, c.User, c.Password = s.Port, s.Path, s.User, s.Password
			if s.Reader != "" {
				c.Kind = s.Reader
			}
		}
		_, reads := readers[c.Kind]
		_, runs := commands[c.Kind]
		if reads || runs {
			options.Components[name] = c
		}
	}
	for _, link := range l.Definition.Links() {
		options.About.Links = append(options.About.Links, assemble.Link{From: link.From, To: link.To, Port: link.Port, Protocol: link.Protocol})
	}
	maps.Copy(options.Probes, spec.Probes)
	return options
}

// endings are the services of which exiting with 0 is the end and no failure.
func endings(spec plan.Spec) map[string]bool {
	ends := map[string]bool{}
	desired, err := plan.Want(spec)
	if err != nil {
		return ends // whoever brings the lab up says so
	}
	for _, s := range desired.Services {
		ends[s.Name] = s.Ends
	}
	return ends
}
