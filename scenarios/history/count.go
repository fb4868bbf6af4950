package history

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// queue counts what went in and what came out, in the manner of Jepsen's total-queue: what was acknowledged and never came out is
// lost; what came out more often than it was put in is duplicated; what came out and was never put in is unexpected; what came out
// although its enqueue was not acknowledged is recovered, which is allowed. An enqueue that failed did not happen. Items are told
// apart by their value, by queue.
func (r *Result) queue(calls []call) {
	for _, part := range byKey(calls) {
		key := part[0].asked.Key
		sure, tried, out := map[string]int{}, map[string]int{}, map[string]int{}
		var order []string
		seen := map[string]bool{}
		remember := func(v string) {
			if !seen[v] {
				seen[v] = true
				order = append(order, v)
			}
		}
		for _, c := range part {
			switch {
			case c.asked.Function == Enqueue && c.asked.Value != nil:
				v := *c.asked.Value
				remember(v)
				if c.outcome != Fail {
					tried[v]++
				}
				if c.outcome == OK {
					sure[v]++
					r.Counts["enqueued"]++
				}
			case c.asked.Function == Dequeue && c.outcome == OK && c.got.Value != nil:
				remember(*c.got.Value)
				out[*c.got.Value]++
				r.Counts["dequeued"]++
			}
		}
		for _, v := range order {
			switch {
			case out[v] > 0 && tried[v] == 0:
				r.found("unexpected", "%s came out of %q and was never put in", v, key)
			case out[v] > tried[v]:
				r.found("duplicated", "%s was put into %q %s and came out %s", v, key, times(tried[v]), times(out[v]))
			case out[v] < sure[v]:
				r.found("lost", "%s was acknowledged by %q and never came out", v, key)
			case out[v] > sure[v]:
				r.Counts["recovered"] += out[v] - sure[v]
			}
		}
	}
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	default:
		return fmt.Sprintf("%d times", n)
	}
}

// counter asks of each read whether it lies between what was surely added before it began and what may have been added before it
// ended. The last read of each counter tells how many additions were lost for good, which is counted over all of them.
func (r *Result) counter(calls []call) error {
	for _, part := range byKey(calls) {
		type addition struct {
			c     call
			delta int64
		}
		var adds []addition
		for _, c := range part {
			if c.asked.Function != Add || c.outcome == Fail {
				continue
			}
			delta, err := strconv.ParseInt(shown(c.asked.Value), 10, 64)
			if err != nil {
				return fmt.Errorf("history: counter %q: %q is not a whole number", c.asked.Key, shown(c.asked.Value))
			}
			adds = append(adds, addition{c, delta})
		}
		var last, lost int64 = -1, 0 // when the latest read began, and what it missed
		for _, c := range part {
			if c.asked.Function != Read || c.outcome != OK {
				continue
			}
			got, err := strconv.ParseInt(shown(c.got.Value), 10, 64)
			if err != nil {
				return fmt.Errorf("history: counter %q: read %q, which is not a whole number", c.asked.Key, shown(c.got.Value))
			}
			var low, high int64
			for _, a := range adds {
				sure := a.c.outcome == OK && a.c.ended < c.invoked
				possible := a.c.invoked <= c.ended
				switch {
				case sure:
					low, high = low+a.delta, high+a.delta
				case possible && a.delta > 0:
					high += a.delta
				case possible:
					low += a.delta
				}
			}
			if int64(c.invoked) >= last {
				last, lost = int64(c.invoked), max(0, low-got)
			}
			switch {
			case got < low:
				r.found("short reads", "%q read %d at %s; at least %d had been added", c.asked.Key, got, at(c.ended), low)
				r.Counts["missing"] = max(r.Counts["missing"], int(low-got))
			case got > high:
				r.found("long reads", "%q read %d at %s; at most %d had been added", c.asked.Key, got, at(c.ended), high)
				r.Counts["surplus"] = max(r.Counts["surplus"], int(got-high))
			}
		}
		if lost > 0 {
			r.Counts["lost"] += int(lost)
		}
	}
	return nil
}

// set asks of the last successful read of each set whether everything acknowledged before it is there, once. An item that an earlier
// read found and the last does not was lost too.
func (r *Result) set(calls []call) {
	for _, part := range byKey(calls) {
		key := part[0].asked.Key
		last := -1
		for i, c := range part {
			if c.asked.Function == Read && c.outcome == OK && (last < 0 || c.invoked > part[last].invoked) {
				last = i
			}
		}
		if last < 0 {
			r.unknown("set %q was never read", key)
			continue
		}
		final := part[last]
		found := map[string]int{}
		for _, item := range final.got.Items {
			found[item]++
		}
		tried := map[string]bool{}
		for _, c := range part {
			if c.asked.Function != Add || c.outcome == Fail {
				continue
			}
			item := shown(c.asked.Value)
			tried[item] = true
			sure := c.outcome == OK && c.ended < final.invoked
			switch {
			case found[item] > 0 && !sure:
				r.Counts["recovered"]++
			case found[item] == 0 && sure:
				r.found("lost", "%s was added to %q and is not in it", item, key)
			}
		}
		for _, item := range final.got.Items {
			if found[item] > 1 {
				r.found("duplicated", "%s is in %q %s", item, key, times(found[item]))
				found[item] = 1
			}
			if !tried[item] {
				r.found("unexpected", "%s is in %q and was never added", item, key)
			}
		}
	}
}

// unknown makes the verdict unknown, unless something failed.
func (r *Result) unknown(format string, args ...any) {
	if r.Verdict == expect.Holds {
		r.Verdict = expect.Unknown
	}
	r.Why = append(r.Why, fmt.Sprintf(format, args...))
}

func at(d time.Duration) string { return d.Round(time.Millisecond).String() }
