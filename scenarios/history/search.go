package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// state is a register's or a lock's content; known is false for a register never written and a lock that is free.
type state struct {
	value string
	known bool
}

// register searches for a linearization of each register (Herlihy and Wing, 1990; the search is porcupine's, after Lowe, 2017).
func (r *Result) register(calls []call, options Options) error {
	var history []porcupine.Operation
	for _, c := range calls {
		switch c.asked.Function {
		case Read, Write, CAS:
		default:
			return fmt.Errorf("history: a register knows no %q", c.asked.Function)
		}
		if c.asked.Function == Read && c.outcome != OK {
			continue // nobody saw anything
		}
		if c.outcome == Fail && c.asked.Function != CAS {
			continue // did not happen
		}
		history = append(history, operation(c))
	}
	return r.search(history, registerModel(), options)
}

func operation(c call) porcupine.Operation {
	return porcupine.Operation{ClientId: c.client, Input: c.asked, Output: c, Call: int64(c.invoked), Return: int64(c.ended), Metadata: c.node}
}

func registerModel() porcupine.Model {
	return porcupine.Model{
		Partition: partition,
		Init:      func() any { return state{} },
		Step: func(before, input, output any) (bool, any) {
			is, asked, c := before.(state), input.(Operation), output.(call)
			switch asked.Function {
			case Read:
				return same(is.pointer(), c.got.Value), is
			case Write:
				return true, of(asked.Value)
			default: // CAS
				matches := same(is.pointer(), asked.Expected)
				switch {
				case c.outcome == Fail:
					return !matches, is
				case matches:
					return true, of(asked.Value)
				default: // of one that nobody knows the end of, nothing need have come
					return c.outcome == Info, is
				}
			}
		},
		DescribeOperation: describe,
		DescribeState:     func(s any) string { return shown(s.(state).pointer()) },
		DescribeOperationMetadata: func(node any) string {
			if node, ok := node.(string); ok {
				return node
			}
			return ""
		},
	}
}

func (s state) pointer() *string {
	if !s.known {
		return nil
	}
	return &s.value
}

func of(v *string) state {
	if v == nil {
		return state{}
	}
	return state{*v, true}
}

func describe(input, output any) string {
	asked, c := input.(Operation), output.(call)
	end := map[Type]string{OK: "", Fail: " → no", Info: " → ?"}[c.outcome]
	switch asked.Function {
	case Read:
		return fmt.Sprintf("read(%s) → %s", asked.Key, shown(c.got.Value))
	case Write:
		return fmt.Sprintf("write(%s, %s)%s", asked.Key, shown(asked.Value), end)
	case CAS:
		return fmt.Sprintf("cas(%s, %s, %s)%s", asked.Key, shown(asked.Expected), shown(asked.Value), end)
	default:
		return fmt.Sprintf("%s(%s)%s", asked.Function, asked.Key, end)
	}
}

func partition(history []porcupine.Operation) [][]porcupine.Operation {
	keys := map[string]int{}
	var parts [][]porcupine.Operation
	for _, o := range history {
		key := o.Input.(Operation).Key
		i, known := keys[key]
		if !known {
			i = len(parts)
			keys[key] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], o)
	}
	return parts
}

// search runs porcupine and writes the visualization. A search that was given up has none: it would show an accident of where it
// stopped.
func (r *Result) search(history []porcupine.Operation, model porcupine.Model, options Options) error {
	// An operation without an end must return after all others, and porcupine draws time to scale: give it the end of the history.
	var last int64
	for _, o := range history {
		last = max(last, o.Call)
		if o.Return != int64(forever) {
			last = max(last, o.Return)
		}
	}
	for i := range history {
		if history[i].Return == int64(forever) {
			history[i].Return = last + 1
		}
	}
	outcome, info := porcupine.CheckOperationsVerbose(model, history, options.Timeout)
	switch outcome {
	case porcupine.Unknown:
		r.unknown("the search for a linearization was given up after %v: make the history shorter, or use more keys", options.Timeout)
		return nil
	case porcupine.Illegal:
		r.found("not linearizable", "no order of the operations explains what the clients saw%s", r.culprit(history, model))
	}
	if options.Visualization == nil {
		return nil
	}
	annotations := make([]porcupine.Annotation, 0, len(options.Faults))
	for _, lane := range options.Faults {
		annotations = append(annotations, porcupine.Annotation{Tag: "faults", Start: int64(lane.Start), End: int64(max(lane.End, lane.Start+1)),
			Description: lane.Name, Details: lane.Name, BackgroundColor: "#f8d7da", TextColor: "#58151c"})
	}
	info.AddAnnotations(annotations)
	if err := porcupine.Visualize(model, info, options.Visualization); err != nil {
		return fmt.Errorf("draw the history: %w", err)
	}
	return nil
}

// culprit names the earliest read that cannot be explained by what had begun until it ended: the shortest prefix of a register's
// history that has no linearization ends there.
func (r *Result) culprit(history []porcupine.Operation, model porcupine.Model) string {
	for _, part := range partition(history) {
		if porcupine.CheckOperationsTimeout(model, part, 5*time.Second) != porcupine.Illegal {
			continue
		}
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
		shortest := slices.IndexFunc(part, func(end porcupine.Operation) bool {
			var prefix []porcupine.Operation
			for _, o := range part {
				switch {
				case o.Return <= end.Return:
					prefix = append(prefix, o)
				case o.Call <= end.Return: // under way: it may have taken effect
					c := o.Output.(call)
					if o.Input.(Operation).Function == Read || c.outcome == Fail {
						continue
					}
					c.outcome = Info
					o.Output = c
					prefix = append(prefix, o)
				}
			}
			return porcupine.CheckOperationsTimeout(model, prefix, 2*time.Second) == porcupine.Illegal
		})
		if shortest >= 0 {
			end := part[shortest]
			return fmt.Sprintf("; the first that nothing explains: %s by client %d at %s", describe(end.Input, end.Output), end.ClientId, at(time.Duration(end.Return)))
		}
	}
	return ""
}

// lock asks whether two clients could believe at one time that they hold one lock, and whether tokens grow with the holders. A
// client believes it from the answer to its acquire until it begins to release.
func (r *Result) lock(calls []call, options Options) error {
	for _, part := range byKey(calls) {
		type holding struct {
			client   int
			from, to time.Duration
			token    int64
		}
		var all []holding
		open := map[int]int{}
		for _, c := range part {
			switch {
			case c.asked.Function == Acquire && c.outcome == OK:
				open[c.client] = len(all)
				all = append(all, holding{c.client, c.ended, forever, c.got.Token})
				r.Counts["holders"]++
			case c.asked.Function == Release:
				if i, holds := open[c.client]; holds {
					all[i].to = c.invoked
					delete(open, c.client)
				}
			case c.asked.Function == Acquire:
			default:
				return fmt.Errorf("history: a lock knows no %q", c.asked.Function)
			}
		}
		slices.SortStableFunc(all, func(a, b holding) int { return cmp.Compare(a.from, b.from) })
		for i, h := range all {
			for _, other := range all[i+1:] {
				if other.from >= h.to {
					break
				}
				if other.client != h.client {
					until := "the end"
					if end := min(h.to, other.to); end != forever {
						until = at(end)
					}
					r.found("overlaps", "clients %d and %d both held %q from %s to %s", h.client, other.client, part[0].asked.Key, at(other.from), until)
				}
			}
			if i > 0 && h.token != 0 && all[i-1].token >= h.token {
				r.found("tokens", "%q gave token %d after %d", part[0].asked.Key, h.token, all[i-1].token)
			}
		}
	}
	if options.Visualization == nil {
		return nil
	}
	var history []porcupine.Operation
	for _, c := range calls {
		if c.outcome != Fail {
			history = append(history, operation(c))
		}
	}
	before := *r
	err := r.search(history, lockModel(), options) // for the picture: leases expire, which no sequential lock explains
	r.Verdict, r.Why = before.Verdict, before.Why
	delete(r.Counts, "not linearizable")
	return err
}

func lockModel() porcupine.Model {
	model := registerModel()
	model.Step = func(before, input, output any) (bool, any) {
		is, asked, c := before.(state), input.(Operation), output.(call)
		me := fmt.Sprint("client ", c.client)
		switch {
		case asked.Function == Acquire && !is.known:
			return true, state{me, true}
		case asked.Function == Release && is.known && is.value == me:
			return true, state{}
		default:
			return c.outcome == Info, is
		}
	}
	return model
}
