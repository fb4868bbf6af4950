// Package figure is a value that was measured in several phases of a run, drawn against what was different in them, and a formula beside it:
//
//	title: Slow requests, by the number of leaves
//	parameter: leaves
//	lines:
//	  - {name: measured, value: "slower{than=200ms}", at: {one: 1, five: 5, fifty: 50}}
//	  - {name: theory, formula: "1 - 0.99^x"}
package figure

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// The scales of the parameter.
const (
	Linear = "linear"
	Log    = "log"
)

// Spec says what a figure shows.
type Spec struct {
	// Title says what is shown.
	Title string `json:"title" yaml:"title" jsonschema:"required,minLength=1"`
	// Parameter is the word for what differs from phase to phase, such as leaves.
	Parameter string `json:"parameter" yaml:"parameter" jsonschema:"required,minLength=1"`
	// Scale is how the parameter is drawn: linear or log. Default: linear.
	Scale string `json:"scale,omitempty" yaml:"scale,omitempty" jsonschema:"enum=linear,enum=log"`
	// Lines are what is drawn. At least one is measured, and all are of one kind: durations, shares, ...
	Lines []Line `json:"lines" yaml:"lines" jsonschema:"required"`
}

// Line is one line of a figure: values that are measured, or a formula.
type Line struct {
	// Name is what the legend calls it.
	Name string `json:"name" yaml:"name" jsonschema:"required,minLength=1"`
	// Value is a figure in the language of expectations, without a comparison and a window, such as p99 or errors{workload=shop}.
	Value string `json:"value,omitempty" yaml:"value,omitempty"`
	// At gives the parameter of each phase in which the value is measured.
	At map[string]float64 `json:"at,omitempty" yaml:"at,omitempty"`
	// Formula is a function of the parameter, x, in the value's base unit (seconds, shares of one, bytes), such as 1 - 0.99^x. There are
	// + - * / ^, parentheses, exp, ln, sqrt, min and max.
	Formula string `json:"formula,omitempty" yaml:"formula,omitempty"`
}

// Figure is what a Spec became in a run.
type Figure struct {
	Title     string           `json:"title"`
	Parameter string           `json:"parameter"`
	Scale     string           `json:"scale"`
	Dimension expect.Dimension `json:"dimension"` // of the values, which are in its base unit
	Lines     []Drawn          `json:"lines"`
}

// Drawn is a line's points, by their parameter.
type Drawn struct {
	Name    string  `json:"name"`
	Value   string  `json:"value,omitempty"`   // what was measured
	Formula string  `json:"formula,omitempty"` // what was computed
	Points  []Point `json:"points"`
}

// Point is one value.
type Point struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Phase string  `json:"phase,omitempty"` // in which it was measured
}

// Problem is something wrong with a Spec, at a path in it such as lines[1].value.
type Problem struct {
	Path string
	Err  error
}

// Check says what is wrong with a figure, where a run has these phases.
func (s Spec) Check(phases func(name string) bool) []Problem {
	c := &check{phases: phases, log: s.Scale == Log}
	if s.Scale != "" && s.Scale != Linear && s.Scale != Log {
		c.add("scale", fmt.Errorf("is %s or %s, not %q", Linear, Log, s.Scale))
	}
	measured := 0
	for i, l := range s.Lines {
		if c.line(fmt.Sprintf("lines[%d]", i), l) {
			measured++
		}
	}
	if measured == 0 {
		c.add("lines", errors.New("no line is measured: give one a value"))
	}
	return c.found
}

type check struct {
	phases    func(string) bool
	log       bool
	dimension expect.Dimension
	found     []Problem
}

func (c *check) add(path string, err error) { c.found = append(c.found, Problem{path, err}) }

// line checks a line, and says whether it is measured.
func (c *check) line(at string, l Line) bool {
	if (l.Value == "") == (l.Formula == "") {
		c.add(at, errors.New("a line has a value or a formula"))
		return false
	}
	if l.Formula != "" {
		if _, err := Compile(l.Formula); err != nil {
			c.add(at+".formula", err)
		}
		if len(l.At) > 0 {
			c.add(at+".at", errors.New("a formula is drawn over the whole range; at belongs to a value"))
		}
		return false
	}
	v, err := expect.CompileValue(l.Value)
	switch {
	case err != nil:
		c.add(at+".value", err)
	case v.Windowed():
		c.add(at+".value", errors.New("the phases of at are its windows: leave during, after and between out"))
	case c.dimension != "" && v.Dimension() != c.dimension:
		c.add(at+".value", fmt.Errorf("is a %s, and the line before is a %s: make it a figure of its own", v.Dimension(), c.dimension))
	default:
		c.dimension = v.Dimension()
	}
	if len(l.At) == 0 {
		c.add(at, errors.New("at gives the parameter of each phase in which the value is measured"))
	}
	for name, x := range l.At {
		if !c.phases(name) {
			c.add(at+".at", fmt.Errorf("there is no phase %q", name))
		}
		if c.log && x <= 0 {
			c.add(at+".at", fmt.Errorf("%s: a logarithmic scale has no %v", name, x))
		}
	}
	return true
}

// curve is how many points a formula is drawn with.
const curve = 64

// Of measures a figure over a run. A phase in which nothing was measured has no point. The Spec was checked.
func Of(s Spec, run expect.Run) (Figure, error) {
	f := Figure{Title: s.Title, Parameter: s.Parameter, Scale: cmp.Or(s.Scale, Linear)}
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range s.Lines {
		drawn := Drawn{Name: l.Name, Value: l.Value, Formula: l.Formula, Points: []Point{}}
		for phase, x := range l.At {
			low, high = min(low, x), max(high, x)
			value, err := expect.CompileValue(l.Value + " during " + phase)
			if err != nil {
				return f, err
			}
			f.Dimension = value.Dimension()
			if y, ok := value.Measure(run); ok {
				drawn.Points = append(drawn.Points, Point{x, y, phase})
			}
		}
		slices.SortFunc(drawn.Points, func(a, b Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Phase, b.Phase)) })
		f.Lines = append(f.Lines, drawn)
	}
	for i, l := range f.Lines {
		if l.Formula == "" {
			continue
		}
		formula, err := Compile(l.Formula)
		if err != nil {
			return f, err
		}
		f.Lines[i].Points = f.curve(formula, low, high)
	}
	return f, nil
}

// curve are a formula's points between two values of the parameter; where it has no value there is none.
func (f Figure) curve(formula Formula, low, high float64) []Point {
	points := []Point{}
	for i := range curve {
		part := float64(i) / (curve - 1)
		x := low + part*(high-low)
		if f.Scale == Log {
			x = low * math.Pow(high/low, part)
		}
		if y := formula.At(x); !math.IsNaN(y) && !math.IsInf(y, 0) {
			points = append(points, Point{X: x, Y: y})
		}
		if low == high {
			break
		}
	}
	return points
}
