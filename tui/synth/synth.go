// Package synth makes up a lab's Snapshots for tests: shapes of labs under seeded load, with nodes that can be killed and
// links that can be cut. It measures nothing and stands in for nothing; the dashboard's tests and recordings come from it.
package synth

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Interval is the time between two Snapshots.
const Interval = 500 * time.Millisecond

// Shape is a lab to make up.
type Shape struct {
	Lab       string
	Services  []Service
	Calls     []Call
	Workloads []Workload
}

// Service is some replicas of one component.
type Service struct {
	Name, Kind, Role string
	Replicas         int
	Stats            map[string]float64
	// Leader gives the first replica that lives the role "leader", the others "follower".
	Leader bool
}

// Call says that each replica of From asks the replicas of To.
type Call struct {
	From, To string
	Port     uint16
	Bytes    float64 // a request and its answer
	Silent   bool    // declared, never used
	Ring     bool    // replica n asks only n+1, n+2, ... Fan of them
	Fan      int
}

// Workload is traffic from a client to the service that it enters at.
type Workload struct {
	Name, Client, Entry, Target, Protocol string
	Rate                                  float64
	Latency                               float64 // median, seconds
}

type linkKey struct {
	from, to string
	port     uint16
}

// Lab is a made-up lab. It is used by one goroutine at a time.
type Lab struct {
	shape    Shape
	rnd      *rand.Rand
	now      time.Time
	step     int
	nodes    []telemetry.Node
	calls    map[linkKey]Call
	order    []linkKey
	totals   map[linkKey]telemetry.Link
	gone     map[string]bool
	faults   []telemetry.Fault
	events   []telemetry.Event
	rates    map[string]float64
	traffic  map[string]telemetry.Traffic
	nextID   int
	restarts map[string]int // steps until ready again
}

// New makes a lab up.
func New(shape Shape, seed uint64, start time.Time) *Lab {
	l := &Lab{shape: shape, rnd: rand.New(rand.NewPCG(seed, 1)), now: start, calls: map[linkKey]Call{}, totals: map[linkKey]telemetry.Link{},
		gone: map[string]bool{}, rates: map[string]float64{}, traffic: map[string]telemetry.Traffic{}, restarts: map[string]int{}}
	for _, s := range shape.Services {
		for n := 1; n <= s.Replicas; n++ {
			l.nodes = append(l.nodes, telemetry.Node{Name: name(s, n), Service: s.Name, Number: n, ID: fmt.Sprintf("%012x", l.rnd.Uint64()>>16),
				Kind: s.Kind, Role: s.Role, Phase: engine.PhaseRunning, Health: telemetry.HealthReady,
				Address: fmt.Sprintf("10.10.0.%d", len(l.nodes)+2)})
		}
	}
	for _, c := range shape.Calls {
		from, to := l.names(c.From), l.names(c.To)
		for i, f := range from {
			for k, t := range to {
				if f == t || c.Ring && ((k-i)%len(to)+len(to))%len(to) >= c.Fan {
					continue
				}
				key := linkKey{f, t, c.Port}
				l.calls[key] = c
				l.order = append(l.order, key)
			}
		}
	}
	slices.SortFunc(l.nodes, func(a, b telemetry.Node) int { return cmpString(a.Name, b.Name) })
	slices.SortFunc(l.order, func(a, b linkKey) int {
		if c := cmpString(a.from, b.from); c != 0 {
			return c
		}
		return cmpString(a.to, b.to)
	})
	for _, w := range shape.Workloads {
		l.rates[w.Name] = w.Rate
	}
	return l
}

func cmpString(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func name(s Service, n int) string {
	if s.Replicas == 1 {
		return s.Name
	}
	return fmt.Sprintf("%s-%d", s.Name, n)
}

func (l *Lab) names(service string) []string {
	if service == "host" {
		return []string{"host"}
	}
	var out []string
	for _, s := range l.shape.Services {
		if s.Name == service {
			for n := 1; n <= s.Replicas; n++ {
				out = append(out, name(s, n))
			}
		}
	}
	return out
}

// Kill stops a node at once and gives the fault's ID.
func (l *Lab) Kill(node string) string {
	l.gone[node] = true
	l.event("error", "container", node, "exited with code 137")
	return l.fault("kill", node, "", node)
}

// Vanish removes a node altogether.
func (l *Lab) Vanish(node string) {
	l.nodes = slices.DeleteFunc(l.nodes, func(n telemetry.Node) bool { return n.Name == node })
	l.gone[node] = true
	l.event("info", "container", node, "removed")
}

// Fault puts a fault of a kind on a link or node.
func (l *Lab) Fault(kind, target, detail string, nodes ...string) string {
	return l.fault(kind, target, detail, nodes...)
}

func (l *Lab) fault(kind, target, detail string, nodes ...string) string {
	l.nextID++
	f := telemetry.Fault{ID: fmt.Sprintf("f%d", l.nextID), Kind: kind, Target: target, Detail: detail, Nodes: nodes, Start: l.now, Verified: "yes"}
	if kind != "kill" {
		until := l.now.Add(time.Minute)
		f.Expires = &until
	}
	l.faults = append(l.faults, f)
	l.events = append(l.events, telemetry.Event{Time: l.now, Severity: "warning", Kind: "fault", Text: kind + " " + target + suffix(detail) + " begins", Fault: f.ID})
	return f.ID
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return " " + text
}

// Heal ends a fault, or all with "".
func (l *Lab) Heal(id string) {
	l.faults = slices.DeleteFunc(l.faults, func(f telemetry.Fault) bool {
		if id != "" && f.ID != id {
			return false
		}
		if f.Kind == "kill" {
			for _, n := range f.Nodes {
				delete(l.gone, n)
				l.restarts[n] = 4
				l.event("info", "container", n, "started")
			}
		}
		l.events = append(l.events, telemetry.Event{Time: l.now, Severity: "info", Kind: "fault", Text: f.Kind + " " + f.Target + " healed", Fault: f.ID})
		return true
	})
}

// SetRate changes a workload's rate.
func (l *Lab) SetRate(workload string, rate float64) { l.rates[workload] = rate }

func (l *Lab) event(severity, kind, node, text string) {
	l.events = append(l.events, telemetry.Event{Time: l.now, Severity: severity, Kind: kind, Node: node, Text: text})
}

// Next is the Snapshot half a second later.
func (l *Lab) Next() telemetry.Snapshot {
	l.now = l.now.Add(Interval)
	l.step++
	s := telemetry.Snapshot{Time: l.now, Window: Interval, Lab: l.shape.Lab, Project: l.shape.Lab,
		Faults: slices.Clone(l.faults), Events: l.events,
		Sources: []telemetry.Source{{Name: "engine", State: "ok"}, {Name: "wire", State: "ok"}, {Name: "cgroup", State: "ok"}}}
	l.events = nil
	for _, w := range l.shape.Workloads {
		s.Traffic = append(s.Traffic, l.load(w))
	}
	for _, key := range l.order {
		s.Links = append(s.Links, l.link(key, s.Traffic))
	}
	for _, n := range l.nodes {
		s.Nodes = append(s.Nodes, l.node(n, s.Links))
	}
	return s
}

func (l *Lab) link(key linkKey, traffic []telemetry.Traffic) telemetry.Link {
	c := l.calls[key]
	link := l.totals[key]
	link.From, link.To, link.Port, link.Protocol, link.Declared = key.from, key.to, key.port, "tcp", true
	link.Faults = nil
	cut := false
	for _, f := range l.faults {
		if f.Target == key.from+"->"+key.to || f.Target == key.to+"->"+key.from {
			link.Faults = append(link.Faults, f.ID)
			cut = cut || f.Kind == "cut"
		}
	}
	rate := 0.0
	if !c.Silent && !l.gone[key.from] && !l.gone[key.to] {
		total := 0.0
		for _, t := range traffic {
			total += t.Asked
		}
		rate = total / float64(max(len(l.names(c.From)), 1)) / float64(max(fan(c, len(l.names(c.To))), 1)) * l.wobble(0.08)
		if c.From == c.To {
			rate *= 0.2
		}
	}
	if cut {
		link.Forward.Dropped += uint64(rate / 2)
		rate = 0
	}
	bytes := max(c.Bytes, 200)
	grow := func(f telemetry.LinkFlow, share float64) telemetry.LinkFlow {
		f.PacketsPerSecond, f.BytesPerSecond = math.Round(rate*2), math.Round(rate*bytes*share)
		f.Packets += uint64(f.PacketsPerSecond * Interval.Seconds())
		f.Bytes += uint64(f.BytesPerSecond * Interval.Seconds())
		return f
	}
	link.Forward, link.Backward = grow(link.Forward, 0.3), grow(link.Backward, 0.7)
	link.Observed = link.Observed || rate > 0
	l.totals[key] = link
	return link
}

func fan(c Call, all int) int {
	if c.Ring {
		return c.Fan
	}
	return all
}

func (l *Lab) wobble(by float64) float64 { return 1 + (l.rnd.Float64()*2-1)*by }

func ptr[T any](v T) *T { return &v }

func (l *Lab) node(n telemetry.Node, links []telemetry.Link) telemetry.Node {
	service := l.service(n.Service)
	if service.Leader {
		n.Role = "follower"
		for _, other := range l.nodes {
			if other.Service == n.Service && !l.gone[other.Name] {
				if other.Name == n.Name {
					n.Role = "leader"
				}
				break
			}
		}
	}
	if l.gone[n.Name] {
		n.Phase, n.Health, n.ExitCode = engine.PhaseExited, telemetry.HealthDown, ptr(137)
		return n
	}
	if left := l.restarts[n.Name]; left > 0 {
		l.restarts[n.Name] = left - 1
		n.Health = telemetry.HealthStarting
	}
	received, sent, requests := 0.0, 0.0, 0.0
	for _, k := range links {
		if k.To == n.Name {
			received, sent = received+k.Forward.BytesPerSecond, sent+k.Backward.BytesPerSecond
			requests += k.Forward.PacketsPerSecond / 2
		}
		if k.From == n.Name {
			sent, received = sent+k.Forward.BytesPerSecond, received+k.Backward.BytesPerSecond
		}
	}
	n.Received, n.Sent = ptr(received), ptr(sent)
	n.CPU = ptr(math.Round((0.01+requests/9000)*l.wobble(0.2)*1000) / 1000)
	n.Memory = ptr(int64((12e6 + float64(n.Number)*1.5e6 + float64(l.step)*2e3)))
	n.MemoryLimit = ptr(int64(128 << 20))
	if len(service.Stats) > 0 {
		n.Stats = maps.Clone(service.Stats)
		if _, ok := n.Stats["ops_per_second"]; ok {
			n.Stats["ops_per_second"] = math.Round(requests)
		}
		if v, ok := n.Stats["keys"]; ok {
			n.Stats["keys"] = math.Round(v * (1 - math.Exp(-float64(l.step)/20)))
		}
	}
	return n
}

func (l *Lab) service(name string) Service {
	for _, s := range l.shape.Services {
		if s.Name == name {
			return s
		}
	}
	return Service{}
}
