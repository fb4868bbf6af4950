package format

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/labs/strict"
	"github.com/ddsctl/ddsctl/labs/workload"
)

// History is what clients asked of the lab and what they were told, recorded and checked. It has exactly one of target and command.
type History struct {
	// Model is what the system claims to be: register, lock, queue, counter or set.
	Model string `json:"model" yaml:"model" jsonschema:"required,enum=register,enum=lock,enum=queue,enum=counter,enum=set"`
	// Target are the addresses that the lab's traffic client uses as several clients, by turns, while it records. Schemes: redis, etcd, and
	// http for registers and counters.
	Target workload.Targets `json:"target,omitempty" yaml:"target,omitempty"`
	// Command prints a history that a node of the lab has kept, an event a line.
	Command *Command `json:"command,omitempty" yaml:"command,omitempty"`
	// Clients is how many there are. Default: 5.
	Clients int `json:"clients,omitempty" yaml:"clients,omitempty" jsonschema:"minimum=1,maximum=100"`
	// Keys is how many registers, locks, queues, counters or sets they share. Default: 3.
	Keys int `json:"keys,omitempty" yaml:"keys,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// Rate is in operations per second, of all clients together. Default: 50.
	Rate float64 `json:"rate,omitempty" yaml:"rate,omitempty" jsonschema:"minimum=0.1,maximum=1000"`
	// Duration is how long it is recorded. Default: 10s.
	Duration workload.Duration `json:"duration,omitempty" yaml:"duration,omitempty"`
	// Timeout bounds one operation; what has no answer by then has an unknown outcome. Default: 1s.
	Timeout workload.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// TTL is how long a lock is held at most without a sign of life. Default: 3s.
	TTL workload.Duration `json:"ttl,omitempty" yaml:"ttl,omitempty"`
	// Hold is how long a client keeps a lock before it gives it back. Default: 100ms.
	Hold workload.Duration `json:"hold,omitempty" yaml:"hold,omitempty"`
	// Serializable lets reads of etcd be answered by the member that is asked, out of what it has.
	Serializable bool `json:"serializable,omitempty" yaml:"serializable,omitempty"`
	// Unguarded adds to counters by a read and a write, with nothing that keeps others out in between.
	Unguarded bool `json:"unguarded,omitempty" yaml:"unguarded,omitempty"`
	// During are steps that are done while it is recorded, in order.
	During []Step `json:"during,omitempty" yaml:"during,omitempty"`
	// Verdict is what the check must find: holds, fails (a violation is found) or any. Default: holds.
	Verdict string `json:"verdict,omitempty" yaml:"verdict,omitempty" jsonschema:"enum=holds,enum=fails,enum=any"`
	// Counts say in which range counts of the check must be, such as lost: {max: 0}. What was not counted is 0.
	Counts map[string]Range `json:"counts,omitempty" yaml:"counts,omitempty"`
}

// The verdicts that a history may be wanted to have.
const (
	VerdictHolds = "holds"
	VerdictFails = "fails"
	VerdictAny   = "any"
)

// defaults of a recorded history, as far as its bounds need them.
const (
	historyRate     = 50
	historyDuration = 10 * time.Second
	mostOperations  = 3000 // so that the evidence stays small, and the search for an order ends
)

// Recorded says whether the lab's traffic client records it, and not a node.
func (h History) Recorded() bool { return h.Command == nil }

// For is Duration with its default.
func (h History) For() time.Duration {
	if h.Duration == 0 {
		return historyDuration
	}
	return h.Duration.Std()
}

func (c *check) history(at string, h History) {
	c.oneOf(at, "a history", map[string]bool{"target": h.Target != nil, "command": h.Command != nil})
	if h.Command != nil {
		c.command(strict.Join(at, "command"), *h.Command)
		if h.Command.Match != "" || h.Command.Number != nil {
			c.add(strict.Join(at, "command"), "a command that prints a history is not asked for match or number")
		}
		said := map[string]bool{"clients": h.Clients != 0, "keys": h.Keys != 0, "rate": h.Rate != 0, "duration": h.Duration != 0, "timeout": h.Timeout != 0,
			"ttl": h.TTL != 0, "hold": h.Hold != 0, "serializable": h.Serializable, "unguarded": h.Unguarded, "during": h.During != nil}
		for _, key := range slices.Sorted(maps.Keys(said)) {
			if said[key] {
				c.add(strict.Join(at, key), "%s is for what is recorded from a target; a node has recorded as it does", key)
			}
		}
	}
	for i, text := range h.Target {
		if why := notRecorded(text, h.Model); why != "" {
			path := strict.Join(at, "target")
			if len(h.Target) > 1 {
				path += fmt.Sprintf("[%d]", i)
			}
			c.add(path, "target %s", why)
		}
	}
	c.duration(strict.Join(at, "duration"), h.Duration, time.Second, 2*time.Minute)
	c.duration(strict.Join(at, "timeout"), h.Timeout, 10*time.Millisecond, time.Minute)
	c.duration(strict.Join(at, "ttl"), h.TTL, time.Second, 10*time.Minute)
	c.duration(strict.Join(at, "hold"), h.Hold, time.Millisecond, time.Minute)
	rate := h.Rate
	if rate == 0 {
		rate = historyRate
	}
	if n := rate * h.For().Seconds(); h.Recorded() && n > mostOperations {
		c.add(strict.Join(at, "rate"), "%s/s for %s are %.0f operations; an exercise records at most %d", strict.Plain(rate), h.For(), n, mostOperations)
	}
	c.steps(strict.Join(at, "during"), h.During)
	waits := time.Duration(0)
	for _, s := range h.During {
		waits += s.Wait.Std()
	}
	if waits > h.For() {
		c.add(strict.Join(at, "during"), "the steps wait for %s, and it is recorded for %s", waits, h.For())
	}
	for _, name := range slices.Sorted(maps.Keys(h.Counts)) {
		r := h.Counts[name]
		if r.Min == nil && r.Max == nil || r.Min != nil && r.Max != nil && *r.Min > *r.Max {
			c.add(strict.Join(at, "counts."+name), "say from which min, or to which max")
		}
	}
}

// notRecorded is why no history can be recorded from a target, or "".
func notRecorded(text, model string) string {
	target, err := workload.ParseTarget(text)
	switch {
	case err != nil:
		return err.Error()
	case target.Protocol == workload.Redis, target.Protocol == workload.Etcd:
		return ""
	case target.Protocol == workload.HTTP && !target.TLS && slices.Contains([]string{"register", "counter"}, model):
		return ""
	case target.Protocol == workload.HTTP && !target.TLS:
		return fmt.Sprintf("is HTTP, over which there are registers and counters, and no %s", model)
	}
	return fmt.Sprintf("%q: a history is recorded over redis, etcd or http", text)
}

// countName checks the name of a count that is a measurement.
func (c *check) countName(at, name string) {
	if name == "" || strings.ContainsAny(name, "{}=<>") {
		c.add(at, "count names one count of the history's check, such as lost or silence_ms")
	}
}
