package assemble

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// The severities and kinds of events.
const (
	info    = "info"
	warning = "warning"
	failure = "error"

	kindContainer = "container"
	kindFault     = "fault"
	kindTraffic   = "traffic"
	kindRole      = "role"
	kindDdsctl    = "ddsctl"
)

// lives are the words for what happens to a container. What is not here is not worth an event.
var lives = map[string]struct{ severity, words string }{
	"start":   {info, "started"},
	"die":     {warning, "ended"},
	"oom":     {failure, "ran out of memory"},
	"pause":   {warning, "paused"},
	"unpause": {info, "goes on"},
	"destroy": {info, "removed"},
	"update":  {info, "has other limits"},
}

func (a *Assembler) containerEvents(in Inputs) []telemetry.Event {
	var events []telemetry.Event
	for _, e := range in.Events {
		life, known := lives[e.Action]
		if e.Kind != engine.KindContainer || !known {
			continue
		}
		event := telemetry.Event{Time: e.Time, Severity: life.severity, Kind: kindContainer, Node: a.names[e.ID]}
		if event.Node == "" {
			event.Node = e.Service
		}
		words := life.words
		if e.Action == "die" {
			words = fmt.Sprintf("ended with exit code %d", e.ExitCode)
			if e.ExitCode == 0 {
				event.Severity = info
			}
		}
		event.Text = event.Node + " " + words
		if e.Labels[engine.LabelHelper] == engine.HelperWire {
			event.Kind, event.Node, event.Text = kindDdsctl, "", "the wire helper "+words
		}
		events = append(events, event)
	}
	return events
}

// roleEvents tell when a node takes another role. What it says first is no change.
func (a *Assembler) roleEvents(node telemetry.Node, now time.Time) []telemetry.Event {
	if node.Role == "" || node.Stats == nil {
		return nil // not said by the component itself
	}
	before := a.roles[node.ID]
	a.roles[node.ID] = node.Role
	if before == "" || before == node.Role {
		return nil
	}
	return []telemetry.Event{{Time: now, Severity: info, Kind: kindRole, Node: node.Name, Text: fmt.Sprintf("%s is %s now, was %s", node.Name, node.Role, before)}}
}

// faultEvents tell the start and the end of each fault. Those that stood when the first Snapshot was made are in it already. Where the
// journal cannot be read, nothing is known to have begun or ended.
func (a *Assembler) faultEvents(in Inputs, faults []telemetry.Fault) []telemetry.Event {
	if in.Records == nil {
		return nil
	}
	now := in.Time
	var events []telemetry.Event
	standing := map[string]bool{}
	for _, f := range faults {
		standing[f.ID] = true
		if _, known := a.faults[f.ID]; !known && a.journal {
			events = append(events, faultEvent(f, now, warning, "fault: "))
		}
		a.faults[f.ID] = f
	}
	for id, f := range a.faults {
		if !standing[id] {
			delete(a.faults, id)
			events = append(events, faultEvent(f, now, info, "healed: "))
		}
	}
	a.journal = true
	slices.SortStableFunc(events, func(x, y telemetry.Event) int { return strings.Compare(x.Fault, y.Fault) })
	return events
}

func faultEvent(f telemetry.Fault, now time.Time, severity, words string) telemetry.Event {
	event := telemetry.Event{Time: now, Severity: severity, Kind: kindFault, Fault: f.ID, Text: strings.TrimSpace(words + f.Kind + " " + f.Target + " " + f.Detail)}
	if len(f.Nodes) == 1 {
		event.Node = f.Nodes[0]
	}
	return event
}

// trafficEvents tell which workloads began and ended, as far as the client says.
func (a *Assembler) trafficEvents(traffic []telemetry.Traffic, now time.Time) []telemetry.Event {
	if traffic == nil {
		return nil
	}
	var events []telemetry.Event
	running := map[string]bool{}
	for _, t := range traffic {
		running[t.Workload] = true
		if _, known := a.workloads[t.Workload]; !known && a.client {
			events = append(events, telemetry.Event{Time: now, Severity: info, Kind: kindTraffic, Node: t.Client, Text: fmt.Sprintf("traffic %s began: %s", t.Workload, t.Target)})
		}
		a.workloads[t.Workload] = t
	}
	for name, t := range a.workloads {
		if !running[name] {
			delete(a.workloads, name)
			events = append(events, telemetry.Event{Time: now, Severity: info, Kind: kindTraffic, Node: t.Client, Text: fmt.Sprintf("traffic %s ended", name)})
		}
	}
	a.client = true
	slices.SortStableFunc(events, func(x, y telemetry.Event) int { return strings.Compare(x.Text, y.Text) })
	return events
}
