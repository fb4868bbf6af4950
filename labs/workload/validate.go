package workload

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Problem is one thing wrong with a Spec.
type Problem struct {
	Field string `json:"field"` // path of the field, such as mix[1].weight
	Text  string `json:"text"`
}

// Problems is everything wrong with a Spec; it is the error of Validate.
type Problems []Problem

// Error lists the problems, one a line.
func (p Problems) Error() string {
	var b strings.Builder
	for i, problem := range p {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s", problem.Field, problem.Text)
	}
	return b.String()
}

// Bounds that keep a mistake from taking the machine down.
const (
	maxRate        = 1_000_000
	maxConnections = 10_000
	maxStreams     = 1_000
	maxWorkers     = 50_000
	maxInFlight    = 1_000_000
	maxKeys        = 1 << 40
	maxValue       = 64 << 20
	maxTrace       = 1_000_000
)

// Validate checks the Spec as it is with its defaults. The error is Problems: all of them, each with its field's path.
func (s Spec) Validate() error {
	c := &check{}
	s = s.WithDefaults()
	protocol := c.targets(s.Target)
	c.oneOf("loop", string(s.Loop), string(LoopOpen), string(LoopClosed))
	if s.Loop == LoopOpen {
		c.arrival("arrival", s.Arrival)
	} else if !s.Arrival.empty() {
		c.add("arrival", "a closed loop has no arrivals: leave it out, or say loop: open")
	}
	c.between("connections", float64(s.Connections), 1, maxConnections)
	c.between("streams", float64(s.Streams), 1, maxStreams)
	if s.Streams > 1 && protocol != "" && protocol != HTTP2 && protocol != Etcd {
		c.add("streams", fmt.Sprintf("requests cannot share a connection over %s", protocol))
	}
	if workers := s.Connections * s.Streams * max(1, len(s.Target)); s.Connections <= maxConnections && s.Streams <= maxStreams && workers > maxWorkers {
		c.add("connections", fmt.Sprintf("connections × streams × targets is %d, above %d", workers, maxWorkers))
	}
	c.between("requests_per_connection", float64(s.RequestsPerConnection), 0, math.MaxInt32)
	c.between("max_in_flight", float64(s.MaxInFlight), 1, maxInFlight)
	c.duration("timeout", s.Timeout, Duration(time.Millisecond), Duration(10*time.Minute))
	c.duration("duration", s.Duration, 0, Duration(30*24*time.Hour))
	c.keys("keys", s.Keys)
	c.values("values", s.Values)
	c.mix("mix", s.Mix, protocol, s.Target)
	if len(s.Setup) > 0 && protocol != "" && protocol != MySQL {
		c.add("setup", fmt.Sprintf("statements can be run on mysql only, not on %s", protocol))
	}
	if s.AnsweredBy != "" && protocol != "" && protocol != HTTP && protocol != HTTP2 {
		c.add("answered_by", fmt.Sprintf("names an HTTP header, and the target speaks %s", protocol))
	}
	if s.Keys.Preload && protocol != "" && !slices.Contains(Operations(protocol), Write) {
		c.add("keys.preload", fmt.Sprintf("keys cannot be written over %s", protocol))
	}
	return c.err()
}

// Validate checks the Change for a running workload s. The error is Problems.
func (c Change) Validate(s Spec) error {
	check := &check{}
	s = s.WithDefaults()
	protocol := Protocol("")
	if target, err := ParseTarget(first(s.Target)); err == nil {
		protocol = target.Protocol
	}
	if c.Empty() {
		check.add("change", "says nothing to change")
	}
	if s.Loop == LoopClosed && (c.Rate != nil || c.Arrival != nil) {
		check.add("rate", "a closed loop has no rate: it sends as fast as answers come back")
	}
	if c.Rate != nil && c.Arrival != nil {
		check.add("rate", "give the rate or the whole arrival process, not both")
	}
	if c.Rate != nil {
		check.between("rate", *c.Rate, 0, maxRate)
	}
	if c.Arrival != nil {
		check.arrival("arrival", c.Arrival.WithDefaults())
	}
	if c.Mix != nil {
		check.mix("mix", mixWithDefaults(c.Mix, protocol), protocol, s.Target)
	}
	if c.Keys != nil {
		check.keys("keys", c.Keys.WithDefaults())
	}
	if c.Values != nil {
		check.values("values", c.Values.WithDefaults())
	}
	return check.err()
}

type check struct{ problems Problems }

func (c *check) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return c.problems
}

func (c *check) add(field, text string) {
	c.problems = append(c.problems, Problem{Field: field, Text: text})
}

func (c *check) between(field string, value, low, high float64) {
	if !(value >= low && value <= high) {
		c.add(field, fmt.Sprintf("is %s, and must be from %s to %s", number(value), number(low), number(high)))
	}
}

func (c *check) duration(field string, value, low, high Duration) {
	if value < low || value > high {
		c.add(field, fmt.Sprintf("is %s, and must be from %s to %s", value, low, high))
	}
}

func (c *check) oneOf(field, value string, allowed ...string) bool {
	if slices.Contains(allowed, value) {
		return true
	}
	c.add(field, fmt.Sprintf("is %q, and must be one of %s", value, strings.Join(allowed, ", ")))
	return false
}

func (c *check) targets(targets Targets) Protocol {
	if len(targets) == 0 {
		c.add("target", "is missing: the address to ask, such as redis://127.0.0.1:6379")
		return ""
	}
	var protocol Protocol
	for i, text := range targets {
		field := "target"
		if len(targets) > 1 {
			field = fmt.Sprintf("target[%d]", i)
		}
		target, err := ParseTarget(text)
		switch {
		case err != nil:
			c.add(field, err.Error())
		case protocol == "":
			protocol = target.Protocol
		case target.Protocol != protocol:
			c.add(field, fmt.Sprintf("speaks %s, and the targets before speak %s: make it a workload of its own", target.Protocol, protocol))
		}
	}
	return protocol
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

func first(targets Targets) string {
	if len(targets) == 0 {
		return ""
	}
	return targets[0]
}
