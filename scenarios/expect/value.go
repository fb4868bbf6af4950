package expect

import "fmt"

// Value is a compiled figure without a comparison, such as errors{workload=shop} or max(p99).
type Value struct {
	text   string
	call   call
	window window
}

// CompileValue reads a figure, with a window where it has one.
func CompileValue(text string) (Value, error) {
	fail := func(err error) (Value, error) { return Value{}, fmt.Errorf("value %q: %w", text, err) }
	if len(text) > maxText {
		return fail(fmt.Errorf("longer than %d bytes", maxText))
	}
	p := &parser{tokens: lex(text)}
	c, err := p.call()
	if err != nil {
		return fail(err)
	}
	w, err := p.window(false)
	if err != nil {
		return fail(err)
	}
	if p.peek() != "" {
		return fail(fmt.Errorf("unexpected %s at the end", shown(p.peek())))
	}
	return Value{text: text, call: c, window: w}, nil
}

// String is the text that was compiled.
func (v Value) String() string { return v.text }

// Dimension is what kind of quantity the figure is; its numbers are in the dimension's base unit.
func (v Value) Dimension() Dimension { return v.call.dimension() }

// Measure reads the figure over a run, and false where nothing was measured.
func (v Value) Measure(run Run) (float64, bool) {
	from, to, err := v.window.bounds(run)
	if err != nil || v.window.within > 0 {
		return 0, false
	}
	value, _, ok := v.call.sumUp(within(run.Snapshots, from, to))
	return value, ok
}

// Windowed says whether the text names a window of its own.
func (v Value) Windowed() bool { return v.window.kind != wholeRun }
