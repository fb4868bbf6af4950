package format

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/labs/strict"
)

func (c *check) exercises(l *Lab) {
	seen := map[string]bool{}
	for i, e := range l.Exercises {
		at := fmt.Sprintf("exercises[%d]", i)
		if seen[e.ID] {
			c.add(strict.Join(at, "id"), "there are two exercises called %q", e.ID)
		}
		for k, need := range e.Needs {
			if !seen[need] {
				c.add(fmt.Sprintf("%s.needs[%d]", at, k), "there is no exercise %q before this one", need)
			}
		}
		seen[e.ID] = true
		c.exercise(at, e)
	}
}

func (c *check) exercise(at string, e Exercise) {
	c.oneOf(at, "an exercise", map[string]bool{"predict": e.Predict != nil, "do": e.Do != nil, "edit": e.Edit != nil})
	if e.Predict != nil {
		c.predict(strict.Join(at, "predict"), e)
	}
	if e.Do != nil {
		c.checks(strict.Join(at, "do.checks"), e.Do.Checks, false)
	}
	if e.Edit != nil {
		for i, name := range e.Edit.Files {
			c.file(fmt.Sprintf("%s.edit.files[%d]", at, i), name)
		}
		c.checks(strict.Join(at, "edit.checks"), e.Edit.Checks, true)
	}
	cost := 0
	for _, h := range e.Hints {
		cost += h.Cost
	}
	if cost > e.Worth() {
		c.add(strict.Join(at, "hints"), "the hints cost %d, and the exercise is worth %d", cost, e.Worth())
	}
	if _, err := e.Explanation.Open(e.ID); err != nil {
		c.add(strict.Join(at, "explanation"), "%s", err)
	}
}

func (c *check) predict(at string, e Exercise) {
	p := e.Predict
	if !c.oneOf(at, "a prediction", map[string]bool{"choices": p.Choices != nil, "number": p.Number != nil}) {
		return
	}
	if n := p.Number; n != nil {
		if !p.Answer.IsZero() {
			c.add(strict.Join(at, "answer"), "the right number is measured, not written down")
		}
		c.number(strict.Join(at, "number"), *n)
		return
	}
	keys := map[string]bool{}
	for i, choice := range p.Choices {
		if keys[choice.Key] {
			c.add(fmt.Sprintf("%s.choices[%d].key", at, i), "there are two choices %q", choice.Key)
		}
		keys[choice.Key] = true
	}
	_, right := p.Answer.Reveal(e.ID, p.Choices)
	switch {
	case len(p.Choices) < 2:
		c.add(strict.Join(at, "choices"), "a question with %d choice is none", len(p.Choices))
	case p.Answer.IsZero():
		c.add(at, "a question with choices needs an answer")
	case !right:
		c.add(strict.Join(at, "answer"), "the answer is none of the choices of exercise %q", e.ID)
	}
}

func (c *check) number(at string, n Number) {
	if n.Min != nil && n.Max != nil && *n.Min >= *n.Max {
		c.add(strict.Join(at, "max"), "max is %s, and must be above min", strict.Plain(*n.Max))
	}
	if n.Tolerance.Absolute == 0 && n.Tolerance.Relative == 0 {
		c.add(strict.Join(at, "tolerance"), "a measured value is never met exactly: say how far off a prediction may be")
	}
	m := n.Measure
	at = strict.Join(at, "measure")
	c.oneOf(at, "a measurement", map[string]bool{"value": m.Value != "", "command": m.Command != nil, "history": m.History != nil})
	switch {
	case m.History != nil:
		c.history(strict.Join(at, "history"), *m.History)
		c.countName(strict.Join(at, "count"), m.Count)
		if m.History.Verdict != "" || m.History.Counts != nil {
			c.add(strict.Join(at, "history"), "a measurement takes a count, whatever the verdict: leave verdict and counts out")
		}
	case m.Count != "":
		c.add(strict.Join(at, "count"), "only a history has counts")
	}
	c.steps(strict.Join(at, "steps"), m.Steps)
	c.duration(strict.Join(at, "settle"), m.Settle, time.Millisecond, 10*time.Minute)
	c.duration(strict.Join(at, "window"), m.Window, time.Second, 10*time.Minute)
	if m.Scale < 0 {
		c.add(strict.Join(at, "scale"), "scale is %s, and must be above 0", strict.Plain(m.Scale))
	}
	if m.Command != nil {
		c.command(strict.Join(at, "command"), *m.Command)
		if m.Command.Match != "" && !strings.Contains(m.Command.Match, "(") {
			c.add(strict.Join(at, "command.match"), "the number is the first group of the expression, and it has none")
		}
	}
}

func (c *check) checks(at string, checks []Check, files bool) {
	for i, check := range checks {
		at := fmt.Sprintf("%s[%d]", at, i)
		c.oneOf(at, "a check", map[string]bool{"expect": check.Expect != "", "command": check.Command != nil, "file": check.File != nil, "history": check.History != nil})
		c.steps(strict.Join(at, "steps"), check.Steps)
		c.duration(strict.Join(at, "window"), check.Window, time.Second, 10*time.Minute)
		c.duration(strict.Join(at, "within"), check.Within, time.Second, 10*time.Minute)
		if check.Window != 0 && check.Expect == "" {
			c.add(strict.Join(at, "window"), "only expect looks at a window")
		}
		if check.Command != nil {
			c.command(strict.Join(at, "command"), *check.Command)
		}
		if check.History != nil {
			c.history(strict.Join(at, "history"), *check.History)
		}
		if f := check.File; f != nil {
			if !files {
				c.add(strict.Join(at, "file"), "files are checked in an edit task only")
			}
			c.file(strict.Join(at, "file.path"), f.Path)
			c.pattern(strict.Join(at, "file.match"), f.Match)
		}
	}
}

func (c *check) steps(at string, steps []Step) {
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", at, i)
		c.oneOf(at, "a step", map[string]bool{"inject": s.Inject != nil, "heal": s.Heal, "traffic": s.Traffic != nil,
			"run": s.Run != nil, "wait": s.Wait != 0})
		c.duration(strict.Join(at, "wait"), s.Wait, time.Millisecond, 10*time.Minute)
		if s.Run != nil {
			c.command(strict.Join(at, "run"), *s.Run)
		}
		if s.Inject != nil && len(s.Inject) < 2 {
			c.add(strict.Join(at, "inject"), "a fault has a kind and a target, such as [kill, redis-2]")
		}
		if slices.Contains(s.Inject, "--for") {
			c.add(strict.Join(at, "inject"), "faults of an exercise are healed when it was measured: leave --for out")
		}
	}
}

func (c *check) command(at string, command Command) {
	c.duration(strict.Join(at, "timeout"), command.Timeout, 100*time.Millisecond, 10*time.Minute)
	c.pattern(strict.Join(at, "match"), command.Match)
	if r := command.Number; r != nil && r.Min != nil && r.Max != nil && *r.Min > *r.Max {
		c.add(strict.Join(at, "number"), "there is no number from %s to %s", strict.Plain(*r.Min), strict.Plain(*r.Max))
	}
}
