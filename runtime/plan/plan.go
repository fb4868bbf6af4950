// Package plan decides what has to be done so that a lab runs as asked: desired against actual gives steps.
//
// It is pure. It reads no file and calls no engine; runtime/lifecycle carries its plans out.
//
//	desired, err := plan.Want(plan.Spec{Lab: "sharded-redis", Project: project})
//	steps, err := plan.Make(desired, actual, plan.Options{})
//	fmt.Println(steps) // "create network lab_default", ...
package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// Kind is what a step does.
type Kind string

// The kinds of steps.
const (
	CreateNetwork   Kind = "create network"
	RemoveNetwork   Kind = "remove network"
	CreateVolume    Kind = "create volume"
	RemoveVolume    Kind = "remove volume"
	CreateContainer Kind = "create container"
	StartContainer  Kind = "start container"
	StopContainer   Kind = "stop container"
	ResumeContainer Kind = "resume container"
	RemoveContainer Kind = "remove container" // stops it first, where it runs
	WaitReady       Kind = "wait"
)

// Step is one thing to do. Its Index is its place in Plan.Steps; After are the indexes of the steps that must have been
// done before.
type Step struct {
	Index int
	Kind  Kind
	// Object is the name of what the step is about, and ID the engine's for what exists already ("" for what the plan creates).
	Object, ID string
	Service    string
	Number     int
	After      []int
	// Reason says why, in a few words, where that is not plain.
	Reason string
	// Grace is how long the container is given to stop; nil is its own period.
	Grace *time.Duration
	// Running says that what StopContainer or RemoveContainer is about runs.
	Running bool

	Network   *engine.NetworkSpec   // CreateNetwork
	Volume    *engine.VolumeSpec    // CreateVolume
	Container *engine.ContainerSpec // CreateContainer, StartContainer, WaitReady
	Joins     []Join                // CreateContainer, WaitReady: whose namespaces it is in
	Probes    []ready.Probe         // WaitReady
	OneShot   bool                  // WaitReady: until it exits with 0
	Optional  bool                  // a failure is a warning
	Restarts  bool                  // WaitReady: an exit is not the end
}

// Join is a namespace of a certain container: ID where it exists already, else what the plan creates as Container.
type Join struct {
	Share
	Container, ID string
}

// Changes says whether the step changes anything in the engine.
func (s Step) Changes() bool { return s.Kind != WaitReady }

// String is the step in words.
func (s Step) String() string {
	text := string(s.Kind) + " " + s.Object
	if s.Kind == WaitReady {
		text = "wait until " + s.Object + " is ready"
		if s.OneShot {
			text = "wait until " + s.Object + " is done"
		}
	}
	if s.Reason != "" {
		text += " (" + s.Reason + ")"
	}
	return text
}

// Change is what a plan does to a container, a network or a volume as a whole.
type Change string

// The changes.
const (
	Created   Change = "created"
	Recreated Change = "recreated"
	Started   Change = "started"
	Restarted Change = "restarted"
	Resumed   Change = "resumed"
	Removed   Change = "removed"
	Unchanged Change = "unchanged"
)

// Outcome says what happens to one thing, and why.
type Outcome struct {
	Kind    string `json:"kind"` // engine.KindContainer, ...
	Name    string `json:"name"`
	Service string `json:"service,omitempty"`
	Change  Change `json:"change"`
	Reason  string `json:"reason,omitempty"`
}

// Plan is the steps in an order in which they could be done one by one, and what they come to.
type Plan struct {
	Steps    []Step
	Outcomes []Outcome
}

// Empty says that nothing would be changed. There may be something to wait for.
func (p Plan) Empty() bool {
	for _, s := range p.Steps {
		if s.Changes() {
			return false
		}
	}
	return true
}

// String is one line a step that changes something.
func (p Plan) String() string {
	var b strings.Builder
	for _, s := range p.Steps {
		if s.Changes() {
			fmt.Fprintln(&b, s)
		}
	}
	return b.String()
}

func (p *Plan) add(s Step) int {
	s.Index = len(p.Steps)
	p.Steps = append(p.Steps, s)
	return s.Index
}

func (p *Plan) outcome(kind, name, service string, change Change, reason string) {
	p.Outcomes = append(p.Outcomes, Outcome{kind, name, service, change, reason})
}
