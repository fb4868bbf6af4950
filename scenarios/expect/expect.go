// Package expect is the small, typed language in which a scenario says what should happen, and judges it over the
// Snapshots of a run:
//
//	p99 < 50ms during steady
//	errors < 0.1% after heal within 5s
//	max(cpu{node=twemproxy}) < 0.9
//	increase(commands{service=redis-1}) > 1000 between cut and heal
//	leader_changes == 1
//
// and, as a condition that a step waits for, `errors > 5% for 3s`.
//
// An expression is a metric, optionally narrowed by labels and summed up by a function. Each metric has a dimension (duration, ratio,
// rate, bytes, cores, count); comparing it with a value of another dimension is an error when the text is compiled, not a surprise when it
// runs. Where a window holds no data the verdict is Unknown, never true.
package expect

import (
	"fmt"
	"time"
)

// Verdict is three-valued: what could not be measured neither holds nor fails.
type Verdict string

// The verdicts.
const (
	Holds   Verdict = "holds"
	Fails   Verdict = "fails"
	Unknown Verdict = "unknown"
)

// Expectation is a compiled text.
type Expectation struct {
	text   string
	call   call
	op     string
	bound  float64
	window window
}

// String is the text that was compiled.
func (e Expectation) String() string { return e.text }

// Dimension is what kind of quantity the expectation is about.
func (e Expectation) Dimension() Dimension { return e.call.dimension() }

// call is a metric with its labels, and the function over the window; "" is the metric's own way to be summed up.
type call struct {
	function string
	metric   metric
	labels   map[string]string
}

// windowKind says which part of a run counts.
type windowKind int

const (
	wholeRun  windowKind = iota
	during               // a named phase
	after                // from a mark on; with within, it has that long to come true and must stay true
	between              // two marks
	sustained            // a condition: has held for this long, up to now
)

type window struct {
	kind     windowKind
	from, to string // phase or marks
	within   time.Duration
}

// Span is a named part of a run.
type Span struct {
	Start time.Time
	End   time.Time // zero while it lasts
}

// Result is the judgement of one expectation.
type Result struct {
	Text    string  `json:"expectation"`
	Verdict Verdict `json:"verdict"`
	// Expected and Measured are in words with units; Measured is "" when nothing was.
	Expected string `json:"expected"`
	Measured string `json:"measured"`
	// Value is Measured as a number in the dimension's base unit.
	Value *float64 `json:"value,omitempty"`
	// From and To are the part of the run that was looked at, since the run's start.
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
	// When is the instant, since the run's start, of the sample that decided, where one did.
	When *time.Duration `json:"when_ns,omitempty"`
	Why  string         `json:"why,omitempty"` // for Unknown and for what took too long
}

// Compile reads an expectation.
func Compile(text string) (Expectation, error) {
	e, err := parse(text, false)
	if err != nil {
		return Expectation{}, fmt.Errorf("expectation %q: %w", text, err)
	}
	return e, nil
}

// CompileCondition reads a condition such as `errors > 5% for 3s`: one that is watched while the run goes on.
func CompileCondition(text string) (Expectation, error) {
	e, err := parse(text, true)
	if err != nil {
		return Expectation{}, fmt.Errorf("condition %q: %w", text, err)
	}
	return e, nil
}

// compare tells whether value OP bound.
func compare(value float64, op string, bound float64) bool {
	switch op {
	case "<":
		return value < bound
	case "<=":
		return value <= bound
	case ">":
		return value > bound
	case ">=":
		return value >= bound
	case "==":
		return value == bound
	case "!=":
		return value != bound
	}
	return false
}
