package format

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/labs/strict"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// check collects what is wrong with a decoded Lab.
type check struct {
	*strict.Places
	problems mark.Problems
}

func (c *check) add(path, format string, args ...any) {
	c.problems = append(c.problems, c.Problem(path, format, args...))
}

// validate checks what the types and their tags cannot say.
func (l *Lab) validate() error {
	c := &check{Places: l.places}
	c.services("services", l.Services)
	c.links(l.Links)
	c.workloads("workloads", l.Workloads)
	c.exercises(l)
	for _, name := range slices.Sorted(maps.Keys(l.Variants)) {
		c.variant(strict.Join("variants", name), name, l.Variants[name])
	}
	return c.problems.Err()
}

func (c *check) services(at string, services map[string]Service) {
	for _, name := range slices.Sorted(maps.Keys(services)) {
		for i, p := range services[name].Ready {
			c.probe(fmt.Sprintf("%s.%s.ready[%d]", at, name, i), p)
		}
	}
}

func (c *check) probe(at string, p Probe) {
	if c.oneOf(at, "a probe", map[string]bool{"tcp": p.TCP != 0, "http": p.HTTP != nil, "command": p.Command != nil, "log": p.Log != ""}) {
		if err := p.Ready().Validate(); err != nil {
			c.add(at, "%s", err)
		}
	}
	if p.User != "" && p.Command == nil {
		c.add(strict.Join(at, "user"), "only a command is run by a user")
	}
	c.duration(strict.Join(at, "attempt"), p.Attempt, time.Millisecond, 10*time.Minute)
	c.duration(strict.Join(at, "within"), p.Within, 10*time.Millisecond, time.Hour)
}

// oneOf checks that exactly one of the keys is there.
func (c *check) oneOf(at, what string, keys map[string]bool) bool {
	var there []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if keys[key] {
			there = append(there, key)
		}
	}
	if len(there) == 1 {
		return true
	}
	all := strings.Join(slices.Sorted(maps.Keys(keys)), ", ")
	if len(there) == 0 {
		c.add(at, "%s needs one of %s", what, all)
	} else {
		c.add(at, "%s has one of %s, not %s at once", what, all, strings.Join(there, " and "))
	}
	return false
}

// duration checks a length of time that is said; zero is the default.
func (c *check) duration(at string, d workload.Duration, low, high time.Duration) {
	if d != 0 && (d.Std() < low || d.Std() > high) {
		c.add(at, "%s is %s, and must be from %s to %s", strict.Last(at), d, low, high)
	}
}

func (c *check) pattern(at, text string) {
	if _, err := regexp.Compile(text); err != nil {
		var syntax interface{ Unwrap() error }
		if errors.As(err, &syntax) {
			err = syntax.Unwrap()
		}
		c.add(at, "is not a regular expression: %s", err)
	}
}

func (c *check) links(links []Link) {
	seen := map[Link]bool{}
	for i, l := range links {
		at := fmt.Sprintf("links[%d]", i)
		if l.From == l.To {
			c.add(at, "a link goes from one service to another, not from %s to itself", l.From)
		}
		if l.To == ClientName || l.To == HostName {
			c.add(strict.Join(at, "to"), "nothing in the lab opens connections to %s", l.To)
		}
		l.Label = ""
		if seen[l] {
			c.add(at, "the same link stands here twice")
		}
		seen[l] = true
	}
}

func (c *check) workloads(at string, list []workload.Spec) {
	names := map[string]bool{}
	for i, spec := range list {
		path := fmt.Sprintf("%s[%d]", at, i)
		var problems workload.Problems
		if errors.As(spec.Validate(), &problems) {
			for _, p := range problems {
				c.add(strict.Join(path, p.Field), "%s %s", strict.Last(p.Field), p.Text)
			}
		}
		name := spec.WithDefaults().Name
		if names[name] {
			c.add(strict.Join(path, "name"), "there are two workloads called %q: give each a name of its own", name)
		}
		names[name] = true
	}
}

func (c *check) variant(at, name string, v Variant) {
	if !variantName.MatchString(name) {
		c.add(at, "the name of a variant is made of a-z, 0-9 and -, and %q is not", name)
	}
	if v.Compose == "" && len(v.Files) == 0 && v.Workloads == nil && len(v.Services) == 0 {
		c.add(at, "variant %s changes nothing", name)
	}
	c.file(strict.Join(at, "compose"), v.Compose)
	for _, replaced := range slices.Sorted(maps.Keys(v.Files)) {
		c.file(strict.Join(at, "files."+replaced), replaced)
		c.file(strict.Join(at, "files."+replaced), v.Files[replaced])
	}
	c.workloads(strict.Join(at, "workloads"), v.Workloads)
	c.services(strict.Join(at, "services"), v.Services)
}

var variantName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// file checks that a name is one of a file in the lab's folder.
func (c *check) file(at, name string) {
	if name == "" {
		return
	}
	if clean := path.Clean(name); path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") || strings.Contains(name, `\`) {
		c.add(at, "%q is not in the lab's folder", name)
	}
}

// Ready is the probe in the words of runtime/ready.
func (p Probe) Ready() ready.Probe {
	out := ready.Probe{User: p.User, Attempt: p.Attempt.Std(), Bound: p.Within.Std()}
	switch {
	case p.TCP != 0:
		out.Kind, out.Port = ready.TCP, p.TCP
	case p.HTTP != nil:
		out.Kind, out.Port, out.Path, out.Host = ready.HTTP, p.HTTP.Port, p.HTTP.Path, p.HTTP.Host
		out.Status, out.Pattern = p.HTTP.Status, p.HTTP.Body
	case p.Command != nil:
		out.Kind, out.Command = ready.Command, p.Command
	default:
		out.Kind, out.Pattern = ready.Log, p.Log
	}
	return out
}

// Probes are the conditions of readiness by service, in the words of runtime/ready.
func (l *Lab) Probes() map[string][]ready.Probe {
	probes := map[string][]ready.Probe{}
	for name, s := range l.Services {
		for _, p := range s.Ready {
			probes[name] = append(probes[name], p.Ready())
		}
	}
	return probes
}
