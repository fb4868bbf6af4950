// Package probe reads a lab's nodes from inside the wire helper, which is in the network namespace of the engine's host: what the
// containers use (cgroups), what the components say of themselves, and whether they answer their readiness probes. It opens its
// connections from the ports that the wire does not count, so that looking at a lab is not seen as traffic in it, and goes on
// where a fault has cut a node off.
//
// In the helper:
//
//	handlers := control.Merge(agent.Handlers(), probe.Handlers(probe.Options{}))
//
// On the host:
//
//	for sample, err := range probe.Watch(ctx, client, probe.Ask{Interval: 500 * time.Millisecond, Nodes: nodes}) { ... }
package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
)

// MethodWatch is the stream of Samples; its argument is an Ask.
const MethodWatch = "probe.watch"

// Ask says what to look at, and how often.
type Ask struct {
	// Interval is the time between Samples; 0 is half a second, and it is at least 50 ms.
	Interval time.Duration `json:"interval_ns,omitempty"`
	Nodes    []Node        `json:"nodes"`
}

// Node is one container to look at.
type Node struct {
	ID string `json:"id"` // of the container
	// Address is where it is reached; the zero address means that it cannot be, and only its cgroup is read.
	Address netip.Addr `json:"address,omitzero"`
	// Component is what is asked for statistics, nil for nothing.
	Component *Component `json:"component,omitempty"`
	// Probes are those of its readiness probes that take a connection (ready.TCP, ready.HTTP).
	Probes []ready.Probe `json:"probes,omitempty"`
}

// Component says how a node's statistics are read.
type Component struct {
	Kind     string `json:"kind"` // of component.Readers
	Port     uint16 `json:"port,omitempty"`
	Path     string `json:"path,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
}

// Sample is what was seen at one instant.
type Sample struct {
	Time time.Time `json:"time"` // by the helper's clock
	// Cgroup is the version of the control groups that are read; "" with a reason where they cannot be.
	Cgroup    string            `json:"cgroup"`
	CgroupWhy string            `json:"cgroup_why,omitempty"`
	Nodes     map[string]Result `json:"nodes"` // by container ID
}

// Result is what is known of one node. What is not known is nil.
type Result struct {
	Usage   *engine.Usage `json:"usage,omitempty"`
	Reading *Reading      `json:"reading,omitempty"` // the last one that succeeded
	// ReadError is why the last reading failed, "" where it did not.
	ReadError string `json:"read_error,omitempty"`
	// Ready says whether the probes held when last tried; NotReady which one did not.
	Ready    *bool  `json:"ready,omitempty"`
	NotReady string `json:"not_ready,omitempty"`
}

// Reading is what a component said, and when.
type Reading struct {
	Time time.Time `json:"time"`
	component.Reading
}

// Streamer is what Watch needs of control.Client.
type Streamer interface {
	Stream(ctx context.Context, method string, args any) iter.Seq2[json.RawMessage, error]
}

// Watch gives Samples until the loop is left or the helper is gone.
func Watch(ctx context.Context, to Streamer, ask Ask) iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		for item, err := range to.Stream(ctx, MethodWatch, ask) {
			var sample Sample
			if err == nil {
				if err = json.Unmarshal(item, &sample); err != nil {
					err = fmt.Errorf("sample: %w", err)
				}
			}
			if !yield(sample, err) || err != nil {
				return
			}
		}
	}
}
