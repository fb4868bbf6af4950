package format

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/labs/strict"
	"github.com/ddsctl/ddsctl/labs/workload"
)

// ComposeService is a service of the Compose file, as far as a lab.yaml refers to it.
type ComposeService struct {
	Replicas int
	// Ports are the container's ports that are published on the host.
	Ports []uint16
}

// CheckNames checks that every service and node that the lab names is there. The error is mark.Problems.
func (l *Lab) CheckNames(services map[string]ComposeService) error {
	c := &namesCheck{check: check{Places: l.places}, services: services, names: slices.Sorted(maps.Keys(services))}
	for _, name := range slices.Sorted(maps.Keys(l.Services)) {
		c.service(strict.Join("services", name), name)
	}
	for i, link := range l.Links {
		at := fmt.Sprintf("links[%d]", i)
		c.end(strict.Join(at, "from"), link.From, ClientName, HostName)
		c.end(strict.Join(at, "to"), link.To)
	}
	c.targets("workloads", l.Workloads)
	for i, u := range l.URLs {
		at := fmt.Sprintf("urls[%d]", i)
		if c.service(strict.Join(at, "service"), u.Service) && !slices.Contains(services[u.Service].Ports, u.Port) {
			c.add(strict.Join(at, "port"), "service %s does not publish port %d", u.Service, u.Port)
		}
	}
	for i, e := range l.Exercises {
		c.exercise(fmt.Sprintf("exercises[%d]", i), e, l.Workloads)
	}
	return c.problems.Err()
}

type namesCheck struct {
	check
	services map[string]ComposeService
	names    []string
}

func (c *namesCheck) service(at, name string) bool {
	if _, ok := c.services[name]; ok {
		return true
	}
	c.missing(at, "service", name, c.names)
	return false
}

func (c *namesCheck) missing(at, what, name string, known []string) {
	if near := nearest.Word(name, known); near != "" {
		c.add(at, "there is no %s %q in the Compose file; did you mean %q?", what, name, near)
		return
	}
	c.add(at, "there is no %s %q in the Compose file; there are %s", what, name, strings.Join(known, ", "))
}

func (c *namesCheck) end(at, name string, more ...string) {
	if !slices.Contains(more, name) {
		c.service(at, name)
	}
}

// targets checks the hosts of workloads: they run inside the lab, where hosts are services. A name with a dot is somebody else's.
func (c *namesCheck) targets(at string, workloads []workload.Spec) {
	for i, spec := range workloads {
		c.hosts(fmt.Sprintf("%s[%d].target", at, i), spec.Target)
	}
}

func (c *namesCheck) hosts(at string, targets workload.Targets) {
	for k, text := range targets {
		target, err := workload.ParseTarget(text)
		if err != nil || strings.ContainsAny(target.Host, ".:") {
			continue
		}
		path := at
		if len(targets) > 1 {
			path += fmt.Sprintf("[%d]", k)
		}
		if !slices.Contains(c.nodes(), target.Host) {
			c.service(path, target.Host)
		}
	}
}

// nodes are the names of the lab's containers: SERVICE, or SERVICE-NUMBER where there are several.
func (c *namesCheck) nodes() []string {
	nodes := []string{ClientName}
	for _, name := range c.names {
		if replicas := c.services[name].Replicas; replicas > 1 {
			for number := 1; number <= replicas; number++ {
				nodes = append(nodes, fmt.Sprintf("%s-%d", name, number))
			}
			continue
		}
		nodes = append(nodes, name)
	}
	return nodes
}

func (c *namesCheck) node(at, name string) {
	if known := c.nodes(); !slices.Contains(known, name) {
		c.missing(at, "node", name, known)
	}
}

func (c *namesCheck) exercise(at string, e Exercise, workloads []workload.Spec) {
	command := func(at string, command *Command) {
		if command != nil {
			c.node(strict.Join(at, "node"), command.Node)
		}
	}
	steps := func(at string, steps []Step) {
		for i, s := range steps {
			at := fmt.Sprintf("%s[%d]", at, i)
			command(strict.Join(at, "run"), s.Run)
			if s.Traffic != nil {
				c.workload(strict.Join(at, "traffic"), s.Traffic.Workload, workloads)
			}
		}
	}
	history := func(at string, h *History) {
		if h != nil {
			c.hosts(strict.Join(at, "target"), h.Target)
			command(strict.Join(at, "command"), h.Command)
			steps(strict.Join(at, "during"), h.During)
		}
	}
	checks := func(at string, checks []Check) {
		for i, check := range checks {
			at := fmt.Sprintf("%s[%d]", at, i)
			steps(strict.Join(at, "steps"), check.Steps)
			command(strict.Join(at, "command"), check.Command)
			history(strict.Join(at, "history"), check.History)
		}
	}
	switch {
	case e.Do != nil:
		checks(strict.Join(at, "do.checks"), e.Do.Checks)
	case e.Edit != nil:
		checks(strict.Join(at, "edit.checks"), e.Edit.Checks)
	case e.Predict != nil && e.Predict.Number != nil:
		measure := e.Predict.Number.Measure
		steps(strict.Join(at, "predict.number.measure.steps"), measure.Steps)
		command(strict.Join(at, "predict.number.measure.command"), measure.Command)
		history(strict.Join(at, "predict.number.measure.history"), measure.History)
	}
}

func (c *namesCheck) workload(at, name string, workloads []workload.Spec) {
	if name == "" {
		if len(workloads) != 1 {
			c.add(at, "there are %d workloads: say which one with workload", len(workloads))
		}
		return
	}
	var known []string
	for _, w := range workloads {
		known = append(known, w.WithDefaults().Name)
	}
	if !slices.Contains(known, name) {
		c.add(strict.Join(at, "workload"), "there is no workload %q; there are %s", name, strings.Join(known, ", "))
	}
}

// Problem marks a path of the file, for what others find wrong with it.
func (l *Lab) Problem(path, format string, args ...any) mark.Problem {
	return l.places.Problem(path, format, args...)
}
