package workload

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

func (a Arrival) empty() bool {
	return a.Process == "" && a.Rate == 0 && a.To == 0 && a.Over == 0 && len(a.Steps) == 0 && len(a.At) == 0 &&
		len(a.Rates) == 0 && a.Interval == 0 && !a.Repeat && !a.Random
}

func (c *check) arrival(field string, a Arrival) {
	const week = Duration(7 * 24 * time.Hour)
	if !c.oneOf(field+".process", string(a.Process), string(ProcessConstant), string(ProcessPoisson), string(ProcessRamp),
		string(ProcessStep), string(ProcessTrace)) {
		return
	}
	unused := func(name string, set bool) {
		if set {
			c.add(field+"."+name, fmt.Sprintf("does not belong to process %s", a.Process))
		}
	}
	ramp, step, trace := a.Process == ProcessRamp, a.Process == ProcessStep, a.Process == ProcessTrace
	unused("rate", a.Rate != 0 && (step || trace))
	unused("to", a.To != 0 && !ramp)
	unused("over", a.Over != 0 && !ramp)
	unused("steps", len(a.Steps) > 0 && !step)
	unused("at", len(a.At) > 0 && !trace)
	unused("rates", len(a.Rates) > 0 && !trace)
	unused("interval", a.Interval != 0 && !trace)
	unused("repeat", a.Repeat && !ramp && !step && !trace)
	unused("random", a.Random && !ramp && !step && (!trace || len(a.At) > 0))
	switch a.Process {
	case ProcessConstant, ProcessPoisson:
		c.between(field+".rate", a.Rate, 1e-6, maxRate)
	case ProcessRamp:
		c.between(field+".rate", a.Rate, 0, maxRate)
		c.between(field+".to", a.To, 0, maxRate)
		if a.Rate == 0 && a.To == 0 {
			c.add(field+".to", "is missing: the rate at the end of the ramp")
		}
		c.duration(field+".over", a.Over, Duration(time.Millisecond), week)
	case ProcessStep:
		c.steps(field+".steps", a.Steps)
	case ProcessTrace:
		c.trace(field, a)
	}
}

func (c *check) steps(field string, steps []Step) {
	if len(steps) == 0 {
		c.add(field, "is missing: a list of {rate, for}")
		return
	}
	some := false
	for i, step := range steps {
		c.between(fmt.Sprintf("%s[%d].rate", field, i), step.Rate, 0, maxRate)
		c.duration(fmt.Sprintf("%s[%d].for", field, i), step.For, Duration(time.Millisecond), Duration(7*24*time.Hour))
		some = some || step.Rate > 0
	}
	if !some {
		c.add(field, "no step has a rate above 0")
	}
}

func (c *check) trace(field string, a Arrival) {
	switch {
	case len(a.At) == 0 && len(a.Rates) == 0:
		c.add(field+".at", "is missing: a trace needs its arrivals (at) or its rates (rates)")
	case len(a.At) > 0 && len(a.Rates) > 0:
		c.add(field+".rates", "give at or rates, not both")
	case len(a.At) > maxTrace:
		c.add(field+".at", fmt.Sprintf("has %d arrivals, above %d", len(a.At), maxTrace))
	case len(a.Rates) > maxTrace:
		c.add(field+".rates", fmt.Sprintf("has %d rates, above %d", len(a.Rates), maxTrace))
	case len(a.At) > 0:
		if a.Interval != 0 {
			c.add(field+".interval", "belongs to rates, not to at")
		}
		if a.At[0] < 0 {
			c.add(field+".at[0]", "is before the start")
		}
		if i := slices.IndexFunc(pairs(a.At), func(descends bool) bool { return descends }); i >= 0 {
			c.add(fmt.Sprintf("%s.at[%d]", field, i+1), fmt.Sprintf("is %s, before the arrival at %s", a.At[i+1], a.At[i]))
		}
		if a.Repeat && a.At[len(a.At)-1] < Duration(time.Millisecond) {
			c.add(field+".repeat", "the trace is too short to repeat: its last arrival must be at 1ms or later")
		}
	default:
		c.duration(field+".interval", a.Interval, Duration(time.Millisecond), Duration(24*time.Hour))
		some := false
		for i, rate := range a.Rates {
			c.between(fmt.Sprintf("%s.rates[%d]", field, i), rate, 0, maxRate)
			some = some || rate > 0
		}
		if !some {
			c.add(field+".rates", "no rate is above 0")
		}
	}
}

// pairs says for each neighbouring pair whether it descends.
func pairs(at []Duration) []bool {
	descends := make([]bool, 0, len(at))
	for i := 1; i < len(at); i++ {
		descends = append(descends, at[i] < at[i-1])
	}
	return descends
}

func (c *check) keys(field string, k Keys) {
	if c.oneOf(field+".distribution", string(k.Distribution), string(KeysUniform), string(KeysZipfian), string(KeysSequential), string(KeysHotset)) {
		if k.S != 0 && k.Distribution != KeysZipfian {
			c.add(field+".s", fmt.Sprintf("does not belong to distribution %s", k.Distribution))
		}
		if (k.HotFraction != 0 || k.HotShare != 0) && k.Distribution != KeysHotset {
			c.add(field+".hot_fraction", fmt.Sprintf("hot_fraction and hot_share do not belong to distribution %s", k.Distribution))
		}
	}
	c.between(field+".count", float64(k.Count), 1, maxKeys)
	if k.Distribution == KeysZipfian {
		c.between(field+".s", k.S, 0.01, 20)
	}
	if k.Distribution == KeysHotset {
		c.between(field+".hot_fraction", k.HotFraction, 0, 1)
		c.between(field+".hot_share", k.HotShare, 0, 1)
	}
	if len(k.Prefix) > 200 {
		c.add(field+".prefix", fmt.Sprintf("is %d bytes long, above 200", len(k.Prefix)))
	}
	if strings.ContainsFunc(k.Prefix, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		c.add(field+".prefix", "contains a space or a control character")
	}
	if k.Preload && k.Count > 10_000_000 {
		c.add(field+".preload", fmt.Sprintf("would write %d keys before the first request; at most 10000000", k.Count))
	}
}

func (c *check) values(field string, v Values) {
	c.oneOf(field+".distribution", string(v.Distribution), string(SizeConstant), string(SizeUniform), string(SizeExponential))
	c.between(field+".size", float64(v.Size), 0, maxValue)
	c.between(field+".max_size", float64(v.MaxSize), float64(v.Size), maxValue)
}

func (c *check) mix(field string, mix []Operation, protocol Protocol, targets Targets) {
	total := 0.0
	for i, op := range mix {
		at := fmt.Sprintf("%s[%d]", field, i)
		if protocol != "" {
			var allowed []string
			for _, kind := range Operations(protocol) {
				allowed = append(allowed, string(kind))
			}
			if !slices.Contains(allowed, string(op.Operation)) {
				c.add(at+".operation", fmt.Sprintf("is %q; %s understands %s", op.Operation, protocol, strings.Join(allowed, ", ")))
			}
		}
		if c.weight(at+".weight", op.Weight); op.Weight > 0 {
			total += op.Weight
		}
		c.fields(at, op)
		c.operation(at, op, targets)
	}
	if len(mix) > 0 && total <= 0 {
		c.add(field, "no operation has a weight above 0")
	}
	if len(mix) > 1000 {
		c.add(field, fmt.Sprintf("has %d operations, above 1000", len(mix)))
	}
}

func (c *check) weight(field string, weight float64) {
	if weight < 0 || math.IsNaN(weight) || weight > 1e9 {
		c.add(field, fmt.Sprintf("is %s, and must be from 0 to 1000000000", number(weight)))
	}
}

// fields refuses what belongs to another kind of operation.
func (c *check) fields(at string, op Operation) {
	for _, f := range []struct {
		name string
		set  bool
		kind OperationKind
	}{
		{"method", op.Method != "", Request},
		{"path", op.Path != "", Request},
		{"headers", len(op.Headers) > 0, Request},
		{"body", op.Body != "", Request},
		{"command", len(op.Command) > 0, Command},
		{"statement", op.Statement != "", Statement},
		{"topic", op.Topic != "" && op.Operation != Consume, Produce},
		{"acks", op.Acks != "", Produce},
		{"serializable", op.Serializable, Read},
	} {
		if f.set && op.Operation != f.kind {
			c.add(at+"."+f.name, fmt.Sprintf("belongs to operation %s, not to %s", f.kind, op.Operation))
		}
	}
}

func (c *check) operation(at string, op Operation, targets Targets) {
	switch op.Operation {
	case Request:
		c.request(at, op)
	case Command:
		if len(op.Command) == 0 {
			c.add(at+".command", `is missing: the words of a Redis command, such as [GET, "{key}"]`)
		}
	case Statement:
		if strings.TrimSpace(op.Statement) == "" {
			c.add(at+".statement", "is missing: an SQL statement, such as SELECT 1")
		}
	case Produce, Consume:
		if op.Operation == Produce {
			c.oneOf(at+".acks", op.Acks, "all", "leader", "none")
		}
		if op.Topic != "" {
			return
		}
		for _, text := range targets {
			if target, err := ParseTarget(text); err == nil && strings.Trim(target.Path, "/") == "" {
				c.add(at+".topic", "is missing: here, or as the target's path (kafka://host:9092/topic)")
				return
			}
		}
	}
}

func (c *check) request(at string, op Operation) {
	if !validToken(op.Method) {
		c.add(at+".method", fmt.Sprintf("%q is not an HTTP method", op.Method))
	}
	if op.Method == http.MethodConnect {
		c.add(at+".method", "CONNECT asks for a tunnel, which traffic has no use for")
	}
	if op.Path != "" && (op.Path[0] != '/' || strings.ContainsFunc(op.Path, func(r rune) bool { return r <= ' ' || r == 0x7f || r > 0x7e })) {
		c.add(at+".path", fmt.Sprintf("%q must start with / and have spaces and non-ASCII characters escaped", op.Path))
	}
	for name, value := range op.Headers {
		if !validToken(name) || !httpguts.ValidHeaderFieldValue(value) {
			c.add(at+".headers."+name, "is not a valid HTTP header")
		}
		switch strings.ToLower(name) {
		case "content-length", "transfer-encoding", "connection":
			c.add(at+".headers."+name, "is set by the client itself")
		}
	}
}

func validToken(text string) bool { return text != "" && httpguts.ValidHeaderFieldName(text) }
