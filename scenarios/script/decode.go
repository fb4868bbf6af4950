package script

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/labs/strict"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// Bounds on a scenario.
const (
	maxPhase = time.Hour
	maxScale = 200
	maxSeeds = 1 << 62
)

// Decode reads a scenario file. Name stands in front of what is found wrong, all of which is in the error: mark.Problems.
func Decode(name string, data []byte) (*Scenario, error) {
	s := &Scenario{}
	places, err := strict.Decode(name, data, s, "a scenario")
	if err != nil {
		return nil, err
	}
	s.places = places
	if s.Seed == 0 {
		s.Seed = 1
	}
	if s.Settle == 0 {
		s.Settle = workload.Duration(2 * time.Second)
	}
	c := &check{s: s, names: map[string]bool{}, phases: map[string]bool{}}
	c.all()
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Expectations are the compiled expectations of a run: those of all runs, and those of the entry of Compare that it is.
func (s *Scenario) Expectations(entry Compare) ([]expect.Expectation, error) {
	all := slices.Clone(s.expectations)
	for _, text := range entry.Expect {
		e, err := expect.Compile(text)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Length is how long the phases last, when none ends early.
func (s *Scenario) Length() time.Duration {
	var sum time.Duration
	for _, p := range s.Phases {
		sum += p.For.Std()
	}
	return sum
}

// check collects what is wrong with a decoded Scenario.
type check struct {
	s        *Scenario
	problems mark.Problems
	names    map[string]bool // of steps
	phases   map[string]bool
}

func (c *check) add(path, format string, args ...any) {
	c.problems = append(c.problems, c.s.places.Problem(path, format, args...))
}

func (c *check) all() {
	if c.s.Seed > maxSeeds {
		c.add("seed", "seed is larger than %d", uint64(maxSeeds))
	}
	c.workloads()
	for i := range c.s.Phases {
		c.phase(fmt.Sprintf("phases[%d]", i), c.s.Phases[i])
	}
	for i, h := range c.s.Histories {
		if err := h.Validate(); err != nil {
			c.add(fmt.Sprintf("histories[%d]", i), "%s", err)
		}
	}
	for i, text := range c.s.Expect {
		if e, ok := c.expectation(fmt.Sprintf("expect[%d]", i), text); ok {
			c.s.expectations = append(c.s.expectations, e)
		}
	}
	for i, f := range c.s.Figures {
		for _, p := range f.Check(func(name string) bool { return c.phases[name] }) {
			c.add(strict.Join(fmt.Sprintf("figures[%d]", i), p.Path), "%s", p.Err)
		}
	}
	names := map[string]bool{}
	for i, entry := range c.s.Compare {
		at := fmt.Sprintf("compare[%d]", i)
		if names[entry.Name] {
			c.add(strict.Join(at, "name"), "there are two runs called %q", entry.Name)
		}
		names[entry.Name] = true
		for j, text := range entry.Expect {
			c.expectation(fmt.Sprintf("%s.expect[%d]", at, j), text)
		}
	}
}

func (c *check) workloads() {
	for i, spec := range c.s.Workloads {
		var problems workload.Problems
		if errors.As(spec.Validate(), &problems) {
			for _, p := range problems {
				c.add(strict.Join(fmt.Sprintf("workloads[%d]", i), p.Field), "%s %s", strict.Last(p.Field), p.Text)
			}
		}
	}
}

func (c *check) expectation(at, text string) (expect.Expectation, bool) {
	e, err := expect.Compile(text)
	if err != nil {
		c.add(at, "%s", err)
		return e, false
	}
	phase, steps := e.Marks()
	if phase != "" && !c.phases[phase] {
		c.unknown(at, "phase", phase, c.phases)
	}
	for _, step := range steps {
		if !c.names[step] {
			c.unknown(at, "step", step, c.names)
		}
	}
	return e, true
}

func (c *check) unknown(at, what, name string, known map[string]bool) {
	all := slices.Sorted(maps.Keys(known))
	if near := nearest.Word(name, all); near != "" {
		c.add(at, "there is no %s %q; did you mean %q?", what, name, near)
		return
	}
	c.add(at, "there is no %s %q; there are %v", what, name, all)
}

func (c *check) phase(at string, p Phase) {
	if c.phases[p.Name] {
		c.add(strict.Join(at, "name"), "there are two phases called %q", p.Name)
	}
	c.phases[p.Name] = true
	if p.For.Std() < 100*time.Millisecond || p.For.Std() > maxPhase {
		c.add(strict.Join(at, "for"), "a phase lasts from 100ms to %s, not %s", maxPhase, p.For)
	}
	c.condition(strict.Join(at, "until"), p.Until)
	for i, t := range p.Traffic {
		c.traffic(fmt.Sprintf("%s.traffic[%d]", at, i), t)
	}
	for i, s := range p.Steps {
		c.step(fmt.Sprintf("%s.steps[%d]", at, i), s, p)
	}
}

func (c *check) condition(at, text string) {
	if text == "" {
		return
	}
	if _, err := expect.CompileCondition(text); err != nil {
		c.add(at, "%s", err)
	}
}

func (c *check) step(at string, s Step, p Phase) {
	if s.Name != "" {
		if c.names[s.Name] {
			c.add(strict.Join(at, "name"), "there are two steps called %q", s.Name)
		}
		c.names[s.Name] = true
	}
	acts := 0
	for _, there := range []bool{s.Inject != nil, s.Heal != "", s.Traffic != nil, s.Scale != nil, s.Run != nil} {
		if there {
			acts++
		}
	}
	if acts != 1 {
		c.add(at, "a step does one of inject, heal, traffic, scale and run, and this one does %d", acts)
	}
	if s.At < 0 || s.At.Std() > p.For.Std() {
		c.add(strict.Join(at, "at"), "the phase lasts %s, and the step is at %s", p.For, s.At)
	}
	c.condition(strict.Join(at, "when"), s.When)
	if s.Within != 0 && s.When == "" {
		c.add(strict.Join(at, "within"), "within bounds a condition: say when")
	}
	if s.Inject != nil {
		if _, err := fault.Parse(s.Inject); err != nil {
			c.add(strict.Join(at, "inject"), "%s", err)
		}
	}
	if s.Heal != "" && s.Heal != "all" && !c.names[s.Heal] {
		c.unknown(strict.Join(at, "heal"), "step before it", s.Heal, c.names)
	}
	if s.Traffic != nil {
		c.traffic(strict.Join(at, "traffic"), *s.Traffic)
	}
	for name, n := range s.Scale {
		if n < 0 || n > maxScale {
			c.add(strict.Join(at, "scale."+name), "a service has from 0 to %d nodes, not %d", maxScale, n)
		}
	}
	if s.Run != nil {
		if len(s.Run.Run) == 0 {
			c.add(strict.Join(at, "run"), "a command has words")
		}
		if _, err := regexp.Compile(s.Run.Match); err != nil {
			c.add(strict.Join(at, "run.match"), "%s", err)
		}
	}
}

func (c *check) traffic(at string, t Traffic) {
	if t.Change().Empty() {
		c.add(at, "this changes nothing of the traffic: give rate, arrival, pause, keys or mix")
	}
}
