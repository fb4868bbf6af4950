package exercise

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// understood refuses an answer that is none: a choice that is not there, a number that is no number or out of range. That costs no
// attempt.
func understood(ex format.Exercise, answer string) error {
	p := ex.Predict
	if p.Number != nil {
		value, err := parseNumber(answer, p.Number.Unit)
		if err != nil {
			return hint.Wrap(fmt.Errorf("%s: %q is not a number", ex.ID, answer), "ddsctl exercise answer %s NUMBER", ex.ID)
		}
		r := format.Range{Min: p.Number.Min, Max: p.Number.Max}
		if !r.Contains(value) {
			return fmt.Errorf("%s: %s cannot be: it is %s", ex.ID, answer, rangeWords(r))
		}
		return nil
	}
	var keys []string
	for _, c := range p.Choices {
		if c.Key == answer {
			return nil
		}
		keys = append(keys, c.Key)
	}
	return hint.Wrap(fmt.Errorf("%s: %q is none of the choices", ex.ID, answer), "ddsctl exercise answer %s %s", ex.ID, strings.Join(keys, "|"))
}

// parseNumber reads a number, with or without the question's unit behind it.
func parseNumber(text, unit string) (float64, error) {
	text = strings.TrimSpace(text)
	text = strings.TrimSpace(strings.TrimSuffix(text, unit))
	text = strings.ReplaceAll(text, ",", ".")
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = strconv.ErrRange
	}
	return v, err
}

// Grade says what evidence is worth.
func Grade(ex format.Exercise, e Evidence) Result {
	result := Result{Exercise: ex.ID, Worth: ex.Worth(), Checks: []Check{}}
	switch {
	case ex.Predict != nil && ex.Predict.Number != nil:
		result.Checks = append(result.Checks, gradeNumber(ex, e))
	case ex.Predict != nil:
		result.Checks = append(result.Checks, gradeChoice(ex, e))
	default:
		checks := checksOf(ex)
		total := 0
		for _, c := range checks {
			total += max(1, c.Weight)
		}
		for i, c := range checks {
			var sample Sample
			if i < len(e.Checks) {
				sample = e.Checks[i]
			} else {
				sample.Problem = "it was not looked at"
			}
			result.Checks = append(result.Checks, gradeCheck(c, sample, float64(ex.Worth())*float64(max(1, c.Weight))/float64(total)))
		}
	}
	result.Verdict = expect.Holds
	for _, c := range result.Checks {
		result.Points += c.Points
		if c.Verdict == expect.Fails || (c.Verdict == expect.Unknown && result.Verdict == expect.Holds) {
			result.Verdict = c.Verdict
		}
	}
	if allOrNothing(ex) && result.Verdict != expect.Holds {
		result.Points = 0
		for i := range result.Checks {
			result.Checks[i].Points = 0
		}
	}
	result.Points = math.Round(result.Points*100) / 100
	return result
}

func gradeChoice(ex format.Exercise, e Evidence) Check {
	c := Check{Text: "the answer is " + e.Answer, Verdict: expect.Fails}
	if ex.Predict.Answer.Is(ex.ID, e.Answer) {
		c.Verdict, c.Points = expect.Holds, float64(ex.Worth())
	}
	return c
}

func gradeNumber(ex format.Exercise, e Evidence) Check {
	n := ex.Predict.Number
	c := Check{Text: "the prediction is " + e.Answer, Verdict: expect.Unknown}
	guess, err := parseNumber(e.Answer, n.Unit)
	if err != nil || e.Measure == nil {
		c.Why = "nothing was measured"
		return c
	}
	if c.Why = spoiled(*e.Measure); c.Why != "" {
		return c
	}
	measured, why := measuredOf(n.Measure, *e.Measure)
	if why != "" {
		c.Why = why
		return c
	}
	allowed := max(n.Tolerance.Absolute, n.Tolerance.Relative*math.Abs(measured))
	c.Measured = withUnit(measured, n.Unit)
	low, high := measured-allowed, measured+allowed
	if n.Min != nil {
		low = max(low, *n.Min)
	}
	if n.Max != nil {
		high = min(high, *n.Max)
	}
	c.Expected = fmt.Sprintf("%s to %s", withUnit(low, n.Unit), withUnit(high, n.Unit))
	c.Verdict = expect.Fails
	if math.Abs(guess-measured) <= allowed {
		c.Verdict, c.Points = expect.Holds, float64(ex.Worth())
	}
	return c
}

// spoiled is why a sample shows nothing, or "".
func spoiled(s Sample) string {
	switch {
	case s.Problem != "":
		return s.Problem
	case s.Blunt != "":
		return "the fault " + s.Blunt + " did not bite"
	}
	return ""
}

// measuredOf is the value that a sample holds, or why there is none.
func measuredOf(m format.Measure, s Sample) (float64, string) {
	scale := m.Scale
	if scale == 0 {
		scale = 1
	}
	if m.Command != nil {
		v, why := numberIn(*m.Command, s)
		return v * scale, why
	}
	if m.History != nil {
		v, why := countIn(*m.History, m.Count, s)
		return v * scale, why
	}
	value, err := expect.CompileValue(m.Value)
	if err != nil {
		return 0, err.Error()
	}
	v, ok := value.Measure(runOf(s))
	if !ok {
		return 0, "no measurement of " + m.Value
	}
	return v * scale, ""
}

func runOf(s Sample) expect.Run {
	return expect.Run{Start: s.From, End: s.To, Snapshots: s.Snapshots}
}

func numberIn(command format.Command, s Sample) (float64, string) {
	if s.Exit != command.Exit {
		return 0, fmt.Sprintf("exit code %d instead of %d: %s", s.Exit, command.Exit, firstLine(s.Output))
	}
	text := s.Output
	if command.Match != "" {
		match, err := regexp.Compile(command.Match)
		if err != nil {
			return 0, err.Error()
		}
		groups := match.FindStringSubmatch(s.Output)
		if len(groups) < 2 {
			return 0, fmt.Sprintf("the output does not match %s: %s", command.Match, firstLine(s.Output))
		}
		text = groups[1]
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, "the output is not a number: " + firstLine(text)
	}
	return v, ""
}

// gradeCheck grades one check, which is worth so many points.
func gradeCheck(check format.Check, s Sample, points float64) Check {
	c := Check{Text: check.Text, Verdict: expect.Unknown, Why: spoiled(s)}
	switch {
	case c.Why != "":
		// A step that fails, or a node that cannot be asked, is the learner's to put right; a fault without effect shows nothing.
		if s.Problem != "" {
			c.Verdict = expect.Fails
		}
		return c
	case check.Expect != "":
		e, err := expect.Compile(check.Expect)
		if err != nil {
			c.Why = err.Error()
			return c
		}
		r := e.Judge(runOf(s))
		c.Verdict, c.Expected, c.Measured, c.Why = r.Verdict, r.Expected, r.Measured, r.Why
	case check.Command != nil:
		g := gradeCommand(*check.Command, s)
		c.Verdict, c.Expected, c.Measured = g.Verdict, g.Expected, g.Measured
	case check.File != nil:
		c.Verdict, c.Why = gradeFile(*check.File, s)
	case check.History != nil:
		g := gradeHistory(*check.History, s)
		c.Verdict, c.Expected, c.Measured, c.Why = g.Verdict, g.Expected, g.Measured, g.Why
	}
	if c.Verdict == expect.Holds {
		c.Points = points
	}
	return c
}

func gradeCommand(command format.Command, s Sample) Check {
	c := Check{Verdict: expect.Fails, Measured: firstLine(s.Output)}
	switch {
	case s.Exit != command.Exit:
		c.Expected, c.Measured = fmt.Sprintf("exit code %d", command.Exit), fmt.Sprintf("exit code %d: %s", s.Exit, firstLine(s.Output))
		return c
	case command.Number != nil:
		v, why := numberIn(command, s)
		c.Expected = rangeWords(*command.Number)
		if why != "" {
			c.Measured = why
			return c
		}
		c.Measured = strconv.FormatFloat(v, 'g', 6, 64)
		if command.Number.Contains(v) {
			c.Verdict = expect.Holds
		}
		return c
	case command.Match != "":
		c.Expected = "output that matches " + command.Match
		match, err := regexp.Compile(command.Match)
		if err == nil && match.MatchString(s.Output) {
			c.Verdict = expect.Holds
		}
		return c
	}
	c.Expected, c.Verdict = fmt.Sprintf("exit code %d", command.Exit), expect.Holds
	return c
}

func gradeFile(file format.FileCheck, s Sample) (expect.Verdict, string) {
	match, err := regexp.Compile(file.Match)
	if err != nil {
		return expect.Unknown, err.Error()
	}
	for i, line := range strings.Split(strings.ReplaceAll(s.File, "\r\n", "\n"), "\n") {
		if match.MatchString(line) {
			if file.Absent {
				return expect.Fails, fmt.Sprintf("line %d of %s still says: %s", i+1, file.Path, strings.TrimSpace(line))
			}
			return expect.Holds, ""
		}
	}
	if file.Absent {
		return expect.Holds, ""
	}
	return expect.Fails, "no line of " + file.Path + " says so"
}

func withUnit(v float64, unit string) string {
	text := strconv.FormatFloat(v, 'g', 4, 64)
	if unit != "" {
		text += " " + unit
	}
	return text
}

func rangeWords(r format.Range) string {
	write := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	switch {
	case r.Min != nil && r.Max != nil:
		return "from " + write(*r.Min) + " to " + write(*r.Max)
	case r.Min != nil:
		return "at least " + write(*r.Min)
	case r.Max != nil:
		return "at most " + write(*r.Max)
	default:
		return "any number"
	}
}

func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more {
		line += " …"
	}
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "…"
	}
	return line
}

func allOrNothing(ex format.Exercise) bool {
	return ex.Do != nil && ex.Do.All || ex.Edit != nil && ex.Edit.All
}
