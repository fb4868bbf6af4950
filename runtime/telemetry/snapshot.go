// Package telemetry turns what the engine, the wire, the components and the traffic client say of a running lab into
// one stream of Snapshot values. It is the only reader of those sources: the dashboard draws Snapshots, `lab watch`
// prints them, scenarios assert on them, exercises check them.
package telemetry

import (
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Snapshot is a running lab at one instant. Rates are per second over Window; counts run from the lab's start.
// A value that is not known is absent (nil pointer, missing key), never zero and never guessed.
type Snapshot struct {
	Time    time.Time     `json:"time"`
	Window  time.Duration `json:"window_ns"` // what rates are averaged over
	Lab     string        `json:"lab"`       // slug
	Project string        `json:"project"`   // the running instance's name
	Nodes   []Node        `json:"nodes"`     // sorted by Name; helpers are left out, the traffic client is in
	Links   []Link        `json:"links"`     // sorted by From, To, Port
	Traffic []Traffic     `json:"traffic"`   // one for each workload that runs, sorted by Workload
	Faults  []Fault       `json:"faults"`    // active now, oldest first
	Events  []Event       `json:"events"`    // since the Snapshot before, oldest first
	Sources []Source      `json:"sources"`   // where the figures come from, and what could not be read
}

// Node is one container of the lab.
type Node struct {
	Name    string       `json:"name"`    // SERVICE-NUMBER, such as redis-2; SERVICE alone where there is exactly one replica
	Service string       `json:"service"` // the Compose service
	Number  int          `json:"number"`
	ID      string       `json:"id"`
	Kind    string       `json:"kind"` // component: redis, twemproxy, nginx, client, ... ; "" when unknown
	Phase   engine.Phase `json:"phase"`
	Health  Health       `json:"health"`
	Role    string       `json:"role,omitempty"` // the field's word: leader, follower, owner, shard, replica, ambassador, client, ...
	Address string       `json:"address,omitempty"`
	// ExitCode is set once the container has exited.
	ExitCode *int `json:"exit_code,omitempty"`
	// CPU is in cores (1.0 = one core busy); Memory in bytes; a limit of nil means none.
	CPU         *float64 `json:"cpu,omitempty"`
	CPULimit    *float64 `json:"cpu_limit,omitempty"`
	Memory      *int64   `json:"memory,omitempty"`
	MemoryLimit *int64   `json:"memory_limit,omitempty"`
	// Received and Sent are bytes per second over all of the node's links.
	Received *float64 `json:"received,omitempty"`
	Sent     *float64 `json:"sent,omitempty"`
	// Stats are the component's own figures under the field's names: keys, hit_rate (0 to 1), ops_per_second,
	// connected_clients, evictions_per_second, term, commit_index, lag, ...
	Stats map[string]float64 `json:"stats,omitempty"`
}

// Health says whether a node does its work, as far as its readiness probe tells.
type Health string

// The healths. A node without a probe is HealthUnknown while it runs. One that is meant to end, and has with exit code 0, is
// HealthCompleted; any other that has ended is HealthDown.
const (
	HealthReady     Health = "ready"
	HealthStarting  Health = "starting"
	HealthFailing   Health = "failing"
	HealthDown      Health = "down"
	HealthCompleted Health = "completed"
	HealthUnknown   Health = "unknown"
)

// Link is one directed link: From opened the connections that To serves on Port. Forward counts what From sent to To,
// Backward the answers.
type Link struct {
	From     string   `json:"from"` // node name; "host" for traffic from outside the lab
	To       string   `json:"to"`
	Port     uint16   `json:"port,omitempty"`
	Protocol string   `json:"protocol,omitempty"` // tcp, udp, icmp
	Declared bool     `json:"declared"`           // named in lab.yaml or implied by depends_on
	Observed bool     `json:"observed"`           // traffic was seen
	Forward  LinkFlow `json:"forward"`
	Backward LinkFlow `json:"backward"`
	// Faults are the IDs of active faults on this link, either direction.
	Faults []string `json:"faults,omitempty"`
}

// LinkFlow is what passed in one direction, counted by the kernel before faults drop anything.
type LinkFlow struct {
	Packets          uint64  `json:"packets"`
	Bytes            uint64  `json:"bytes"` // of IP packets
	PacketsPerSecond float64 `json:"packets_per_second"`
	BytesPerSecond   float64 `json:"bytes_per_second"`
	Dropped          uint64  `json:"dropped"` // by ddsctl's faults
}

// Traffic is what one workload asked of its target and got during Window. Latencies are in seconds and counted from the
// intended send time.
type Traffic struct {
	Workload  string  `json:"workload"`
	Client    string  `json:"client"` // node name
	Target    string  `json:"target"` // address as given, such as redis://twemproxy:22121
	Protocol  string  `json:"protocol"`
	Loop      string  `json:"loop"`     // open or closed
	Asked     float64 `json:"asked"`    // requests per second scheduled; 0 in a closed loop
	Achieved  float64 `json:"achieved"` // requests per second completed, with or without success
	Succeeded float64 `json:"succeeded"`
	InFlight  int     `json:"in_flight"`
	// Dropped are requests per second that were due and never sent, because the in-flight bound was reached.
	Dropped   float64            `json:"dropped"`
	Latency   Latency            `json:"latency"`           // from the intended send time
	Service   Latency            `json:"service"`           // from the actual send time
	Errors    map[string]float64 `json:"errors,omitempty"`  // per second, by kind: timeout, refused, reset, protocol, ...
	Targets   []TargetTraffic    `json:"targets,omitempty"` // split by the answering target where it is known
	Histogram []Bucket           `json:"histogram,omitempty"`
	Stats     map[string]float64 `json:"stats,omitempty"` // protocol's own: hit_rate, ...
	// Totals run from the workload's start.
	TotalSent      uint64 `json:"total_sent"`
	TotalSucceeded uint64 `json:"total_succeeded"`
	TotalFailed    uint64 `json:"total_failed"`
}

// ErrorRate is the share of completed requests that failed, 0 to 1; 0 when nothing completed.
func (t Traffic) ErrorRate() float64 {
	if t.Achieved <= 0 {
		return 0
	}
	return (t.Achieved - t.Succeeded) / t.Achieved
}

// Latency holds percentiles in seconds; all zero when nothing was measured.
type Latency struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// Bucket is one bar of a latency histogram: Count requests took more than the bucket before and at most UpTo seconds.
type Bucket struct {
	UpTo  float64 `json:"up_to"`
	Count uint64  `json:"count"`
}

// TargetTraffic is a workload's traffic at one answering target.
type TargetTraffic struct {
	Target    string  `json:"target"`
	Rate      float64 `json:"rate"`
	ErrorRate float64 `json:"error_rate"`
	P99       float64 `json:"p99"`
}

// Fault is one fault in the lab.
type Fault struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"`             // cut, delay, loss, rate, kill, pause, ...
	Target  string     `json:"target"`           // as a person would write it: redis-2, twemproxy->redis-2, a,b|c,d
	Nodes   []string   `json:"nodes,omitempty"`  // the nodes it touches
	Detail  string     `json:"detail,omitempty"` // 100ms ±10ms, 10 %, 10 Mbit/s
	Start   time.Time  `json:"start"`
	Expires *time.Time `json:"expires,omitempty"` // nil: until healed
	// Verified says whether a measurement after the injection showed that the fault bites: yes, no or unknown.
	Verified string `json:"verified"`
}

// Event is something that happened in the lab: a container's life, a fault's start or end, a leader change.
type Event struct {
	Time     time.Time `json:"time"`
	Severity string    `json:"severity"` // info, warning, error
	Kind     string    `json:"kind"`     // container, fault, traffic, role, exercise, ddsctl
	Node     string    `json:"node,omitempty"`
	Text     string    `json:"text"`
	Fault    string    `json:"fault,omitempty"` // the fault's ID
}

// Source tells where figures come from, so that a guess is never shown as a measurement.
type Source struct {
	Name  string `json:"name"` // engine, wire, cgroup, redis, twemproxy, traffic, ...
	Node  string `json:"node,omitempty"`
	State string `json:"state"`          // ok, degraded, absent
	Text  string `json:"text,omitempty"` // why, or what serves instead
}

// What Sources are called that every lab has, and the state of one that cannot be had.
const (
	SourceEngine = "engine"
	SourceAbsent = "absent"
)

// EngineLost says why the container engine could not be read lately: then what the Snapshot tells of containers is from before. "" where
// it could.
func (s Snapshot) EngineLost() string {
	for _, source := range s.Sources {
		if source.Name == SourceEngine && source.State == SourceAbsent {
			return source.Text
		}
	}
	return ""
}
