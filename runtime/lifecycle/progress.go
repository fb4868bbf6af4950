package lifecycle

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// StepState is how far a step is.
type StepState string

// The states of a step. StepWaiting is only for the lock: another process works on the project.
const (
	StepWaiting StepState = "waiting"
	StepStarted StepState = "started"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped"
)

// Progress is one thing that happened, for a live display. It is reported by one goroutine at a time.
type Progress struct {
	Time    time.Time
	Step    int       // the step's index in the plan, -1 while waiting for the lock
	Kind    plan.Kind // "" while waiting for the lock
	Object  string    // the container, network or volume
	Service string
	Node    string // a container's name among the lab's nodes: SERVICE, or SERVICE-NUMBER where there are several
	State   StepState
	Text    string        // in words, with what is being waited for
	Elapsed time.Duration // since the step started; StepDone and StepFailed only
	Err     error         // StepFailed
	Done    int           // steps that are over
	Total   int
	Last    bool // no further step of the plan is about the same object
}

type reporter struct {
	mu       sync.Mutex
	progress func(Progress)
	clock    ready.Clock
	done     int
	total    int
	last     map[string]int  // the last step about each object, by kind of object and name
	several  map[string]bool // services that have, or had, more than one container
}

func newReporter(progress func(Progress), options Options) *reporter {
	if progress == nil {
		progress = func(Progress) {}
	}
	return &reporter{progress: progress, clock: options.Clock}
}

func (r *reporter) waiting(project, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress(Progress{Time: r.clock.Now(), Step: -1, Object: project, State: StepWaiting, Text: text})
}

func (r *reporter) step(step plan.Step, state StepState, elapsed time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if state != StepStarted {
		r.done++
	}
	r.progress(Progress{Time: r.clock.Now(), Step: step.Index, Kind: step.Kind, Object: step.Object, Service: step.Service,
		State: state, Text: words(step), Elapsed: elapsed, Err: err, Done: r.done, Total: r.total,
		Last: r.last[object(step)] == step.Index, Node: r.node(step)})
}

// begin tells the reporter of a plan whose steps it will report.
func (r *reporter) begin(p plan.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += len(p.Steps)
	r.last = map[string]int{}
	for _, step := range p.Steps {
		r.last[object(step)] = max(r.last[object(step)], step.Index)
	}
	r.several = map[string]bool{}
	count := map[string]int{}
	for _, o := range p.Outcomes {
		if o.Kind == engine.KindContainer {
			count[o.Service]++
			r.several[o.Service] = count[o.Service] > 1
		}
	}
}

func (r *reporter) node(step plan.Step) string {
	if r.several[step.Service] {
		return fmt.Sprintf("%s-%d", step.Service, step.Number)
	}
	return step.Service
}

// object tells a container from a network of the same name.
func object(step plan.Step) string {
	switch step.Kind {
	case plan.CreateNetwork, plan.RemoveNetwork:
		return engine.KindNetwork + " " + step.Object
	case plan.CreateVolume, plan.RemoveVolume:
		return engine.KindVolume + " " + step.Object
	}
	return engine.KindContainer + " " + step.Object
}

func words(step plan.Step) string {
	text := step.String()
	if step.Kind == plan.WaitReady && len(step.Probes) > 0 && !step.OneShot {
		what := make([]string, len(step.Probes))
		for i, p := range step.Probes {
			what[i] = p.String()
		}
		text += ": " + strings.Join(what, ", ")
	}
	return text
}

// Result is what was done.
type Result struct {
	Project  string
	Plan     plan.Plan
	Outcomes []plan.Outcome // what became of each container, network and volume; nil after a failure
	Warnings []string
	Duration time.Duration
}

// Changed says whether anything was, or with DryRun would be, changed.
func (r Result) Changed() bool { return !r.Plan.Empty() }

// Containers are the names of the containers with that change.
func (r Result) Containers(change plan.Change) []string { return r.names("container", change) }

func (r Result) names(kind string, change plan.Change) []string {
	var names []string
	for _, o := range r.Outcomes {
		if o.Kind == kind && o.Change == change {
			names = append(names, o.Name)
		}
	}
	return names
}

// Summary is one line for people: "created 4 containers and 1 network", or "nothing to change".
func (r Result) Summary() string {
	var parts []string
	for _, change := range []plan.Change{plan.Created, plan.Recreated, plan.Started, plan.Restarted, plan.Resumed, plan.Removed} {
		var things []string
		for _, kind := range []string{"container", "network", "volume"} {
			switch n := len(r.names(kind, change)); n {
			case 0:
			case 1:
				things = append(things, "1 "+kind)
			default:
				things = append(things, fmt.Sprintf("%d %ss", n, kind))
			}
		}
		if len(things) > 0 {
			parts = append(parts, string(change)+" "+enumerate(things))
		}
	}
	if len(parts) == 0 {
		return "nothing to change"
	}
	return strings.Join(parts, "; ")
}

func enumerate(things []string) string {
	if len(things) < 2 {
		return strings.Join(things, "")
	}
	return strings.Join(things[:len(things)-1], ", ") + " and " + things[len(things)-1]
}
