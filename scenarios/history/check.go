package history

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// Model is what the system under test claims to be.
type Model string

// The models.
const (
	Register Model = "register" // linearizable registers: read, write, cas
	Lock     Model = "lock"     // one holder at a time; tokens grow
	Queue    Model = "queue"    // what was put in comes out once
	Counter  Model = "counter"  // every addition counts once
	Set      Model = "set"      // what was added is found in the end
)

// Models are all of them.
func Models() []Model { return []Model{Register, Lock, Queue, Counter, Set} }

// CountNames are the names under which the check of a history of this model counts.
func (m Model) CountNames() []string {
	names := []string{"operations", string(OK), string(Fail), string(Info), "silence_ms"}
	return append(names, map[Model][]string{
		Register: {"not linearizable"},
		Lock:     {"holders", "overlaps", "tokens"},
		Queue:    {"enqueued", "dequeued", "lost", "duplicated", "unexpected", "recovered"},
		Counter:  {"lost", "short reads", "missing", "long reads", "surplus"},
		Set:      {"lost", "duplicated", "unexpected", "recovered"},
	}[m]...)
}

// Counted is an error where the check of a history of this model counts nothing under a name.
func (m Model) Counted(name string) error {
	if !slices.Contains(m.CountNames(), name) {
		return fmt.Errorf("the check of a %s counts no %q: it counts %s", m, name, strings.Join(m.CountNames(), ", "))
	}
	return nil
}

// Options change how a history is checked.
type Options struct {
	// Timeout bounds the search for a linearization; what is not found by then is unknown. 0 is a minute.
	Timeout time.Duration
	// Faults are drawn as lanes on the visualization.
	Faults []Lane
	// Visualization takes an HTML page that shows the history, for models that are searched (register, lock). Nil for none. Nothing
	// is written when the search was given up.
	Visualization io.Writer
}

// Lane is a fault for the visualization.
type Lane struct {
	Name       string
	Start, End time.Duration // since the history's start
}

// Result is what a check found.
type Result struct {
	Model   Model          `json:"model"`
	Verdict expect.Verdict `json:"verdict"`
	// Counts are exact, by name: operations, ok, fail, info; silence_ms, the longest time without an operation that succeeded, in
	// milliseconds; and by model lost, duplicated, unexpected, recovered, overlaps, ...
	Counts map[string]int `json:"counts"`
	// Why are the findings in words, the first few of each kind.
	Why []string `json:"why,omitempty"`
}

// keptFindings bounds how many findings of a kind are put in words; all are counted.
const keptFindings = 5

// Check checks a history. An error is about a history that contradicts itself, not about a system that failed.
func Check(events []Event, model Model, options Options) (Result, error) {
	calls, err := pair(events)
	if err != nil {
		return Result{}, err
	}
	if options.Timeout == 0 {
		options.Timeout = time.Minute
	}
	result := &Result{Model: model, Verdict: expect.Holds, Counts: map[string]int{}}
	for _, c := range calls {
		result.Counts["operations"]++
		result.Counts[string(c.outcome)]++
	}
	result.Counts["silence_ms"] = int(silence(calls).Milliseconds())
	if result.Counts[string(OK)] == 0 {
		result.Verdict = expect.Unknown
		result.Why = []string{"no operation succeeded: nothing was shown"}
		return *result, nil
	}
	switch model {
	case Register:
		err = result.register(calls, options)
	case Lock:
		err = result.lock(calls, options)
	case Queue:
		result.queue(calls)
	case Counter:
		err = result.counter(calls)
	case Set:
		result.set(calls)
	default:
		err = fmt.Errorf("unknown model %q: there are %v", model, Models())
	}
	return *result, err
}

// silence is the longest time in which clients asked and no operation succeeded: from one success to the next, from the first question to the
// first success, and from the last success to the last question.
func silence(calls []call) time.Duration {
	var ends []time.Duration
	first, last := forever, time.Duration(0)
	for _, c := range calls {
		first, last = min(first, c.invoked), max(last, c.invoked)
		if c.outcome == OK {
			ends = append(ends, c.ended)
		}
	}
	slices.Sort(ends)
	var longest time.Duration
	for _, end := range append(ends, last) {
		longest = max(longest, end-first)
		first = max(first, end)
	}
	return longest
}

// found counts a finding of a kind, and makes the verdict fail.
func (r *Result) found(kind, format string, args ...any) {
	r.Verdict = expect.Fails
	r.note(kind, format, args...)
}

// note counts something that is worth a word and is no failure.
func (r *Result) note(kind, format string, args ...any) {
	r.Counts[kind]++
	if r.Counts[kind] <= keptFindings {
		r.Why = append(r.Why, kind+": "+fmt.Sprintf(format, args...))
	}
}

// String is the result in a line.
func (r Result) String() string {
	var words []string
	for name, n := range r.Counts {
		words = append(words, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(words)
	return fmt.Sprintf("%s %s (%s)", r.Model, r.Verdict, strings.Join(words, ", "))
}

// byKey splits calls by key, keys sorted.
func byKey(calls []call) [][]call {
	keys := map[string][]call{}
	var names []string
	for _, c := range calls {
		if _, known := keys[c.asked.Key]; !known {
			names = append(names, c.asked.Key)
		}
		keys[c.asked.Key] = append(keys[c.asked.Key], c)
	}
	slices.Sort(names)
	parts := make([][]call, 0, len(names))
	for _, name := range names {
		parts = append(parts, keys[name])
	}
	return parts
}

func shown(v *string) string {
	if v == nil {
		return "nothing"
	}
	return *v
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
