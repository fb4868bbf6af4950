// Package record is what a scenario's run leaves behind: all that was done, seen and judged, in one value that is written as JSON,
// read again by reports, compared, and judged anew without a lab.
package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/figure"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// Version is the version of the format that Encode writes.
const Version = 1

// Record is one run of a scenario. Times in it are since Start.
type Record struct {
	Version  int    `json:"version"`
	Scenario string `json:"scenario"` // slug, or the file's name without its ending
	Title    string `json:"title,omitempty"`
	Summary  string `json:"summary,omitempty"`
	Lab      string `json:"lab"`
	Project  string `json:"project"`
	Variant  string `json:"variant,omitempty"` // of the lab, "" for the plain one
	Seed     uint64 `json:"seed"`

	Start time.Time `json:"start"`
	End   time.Time `json:"end"`

	Environment  Environment     `json:"environment"`
	Phases       []Phase         `json:"phases"`
	Steps        []Step          `json:"steps"`
	Faults       []Fault         `json:"faults"`
	Expectations []expect.Result `json:"expectations"`
	Histories    []History       `json:"histories,omitempty"`
	Figures      []figure.Figure `json:"figures,omitempty"`
	// Verdict is Fails when anything failed, else Unknown when anything could not be judged, else Holds.
	Verdict expect.Verdict `json:"verdict"`
	// Interrupted says that the run was broken off; what was done until then is here.
	Interrupted bool   `json:"interrupted,omitempty"`
	Error       string `json:"error,omitempty"` // why the run could not go on

	Snapshots []telemetry.Snapshot `json:"snapshots"`
}

// Environment is where the run took place.
type Environment struct {
	Ddsctl  string `json:"ddsctl,omitempty"`
	Engine  string `json:"engine,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
	OS      string `json:"os,omitempty"`
	Arch    string `json:"arch,omitempty"`
	CPUs    int    `json:"cpus,omitempty"`
	Memory  int64  `json:"memory_bytes,omitempty"`
	Network string `json:"network,omitempty"` // what serves for faults on links
}

// Phase is a named part of the run.
type Phase struct {
	Name  string        `json:"name"`
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// The states of a step.
const (
	Done    = "done"
	Failed  = "failed"  // tried, and went wrong
	Skipped = "skipped" // its condition did not come true in time
)

// Step is something that the scenario did.
type Step struct {
	Name  string        `json:"name,omitempty"`
	Phase string        `json:"phase"`
	Kind  string        `json:"kind"` // fault, heal, run, traffic, scale, pause
	Text  string        `json:"text"` // what was done, as a person would say it
	State string        `json:"state"`
	At    time.Duration `json:"at_ns"`
	Took  time.Duration `json:"took_ns"`
	// When is the condition that let it happen, "" for a step at a time.
	When   string `json:"when,omitempty"`
	Error  string `json:"error,omitempty"`
	Output string `json:"output,omitempty"` // of a command, its last part
	// Fault is the ID of the fault that it put in.
	Fault string `json:"fault,omitempty"`
}

// Fault is a fault that stood during the run.
type Fault struct {
	ID       string        `json:"id"`
	Kind     string        `json:"kind"`
	Target   string        `json:"target"`
	Detail   string        `json:"detail,omitempty"`
	Start    time.Duration `json:"start_ns"`
	End      time.Duration `json:"end_ns"`
	Verified string        `json:"verified"` // yes, no, unknown
}

// Label is the fault in a few words.
func (f Fault) Label() string {
	label := f.Kind + " " + f.Target
	if f.Detail != "" {
		label += " " + f.Detail
	}
	return label
}

// History is a history that clients recorded during the run, and what was found in it.
type History struct {
	Name          string         `json:"name"`
	Target        string         `json:"target,omitempty"`
	Result        history.Result `json:"result"`
	File          string         `json:"file,omitempty"`          // the events, beside the record
	Visualization string         `json:"visualization,omitempty"` // an HTML page, beside the record
}

// Duration is how long the run took.
func (r Record) Duration() time.Duration { return r.End.Sub(r.Start) }

// Run is the record in the form in which expectations are judged.
func (r Record) Run() expect.Run {
	run := expect.Run{Start: r.Start, End: r.End, Snapshots: r.Snapshots,
		Phases: map[string]expect.Span{}, Steps: map[string]time.Time{}}
	for _, p := range r.Phases {
		run.Phases[p.Name] = expect.Span{Start: r.Start.Add(p.Start), End: r.Start.Add(p.End)}
	}
	for _, s := range r.Steps {
		if s.Name != "" && s.State == Done {
			// What a step does is in force when it is over.
			run.Steps[s.Name] = r.Start.Add(s.At + s.Took)
		}
	}
	return run
}

// Judge judges the expectations over what was recorded, and sets Expectations and Verdict. A fault that was not seen to bite makes
// what would hold unknown: a system that was not broken has shown nothing.
func (r *Record) Judge(expectations []expect.Expectation) {
	run := r.Run()
	r.Expectations = nil
	blunt := slices.IndexFunc(r.Faults, func(f Fault) bool { return f.Verified == "no" })
	for _, e := range expectations {
		result := e.Judge(run)
		if blunt >= 0 && result.Verdict == expect.Holds && result.To > r.Faults[blunt].Start {
			result.Verdict = expect.Unknown
			result.Why = fmt.Sprintf("the fault %s did not bite", r.Faults[blunt].Label())
		}
		r.Expectations = append(r.Expectations, result)
	}
	r.conclude()
}

// Draw measures figures over what was recorded, and sets Figures.
func (r *Record) Draw(specs []figure.Spec) error {
	r.Figures = nil
	for _, s := range specs {
		f, err := figure.Of(s, r.Run())
		if err != nil {
			return fmt.Errorf("draw %q: %w", s.Title, err)
		}
		r.Figures = append(r.Figures, f)
	}
	return nil
}

func (r *Record) conclude() {
	worst := expect.Holds
	take := func(v expect.Verdict) {
		if v == expect.Fails || (v == expect.Unknown && worst == expect.Holds) {
			worst = v
		}
	}
	for _, e := range r.Expectations {
		take(e.Verdict)
	}
	for _, h := range r.Histories {
		take(h.Result.Verdict)
	}
	for _, s := range r.Steps {
		switch s.State {
		case Failed:
			take(expect.Fails)
		case Skipped:
			take(expect.Unknown)
		}
	}
	if r.Interrupted || r.Error != "" {
		take(expect.Unknown)
	}
	r.Verdict = worst
}

// FaultSpans reads from Snapshots when which fault stood, so that faults that were put in by hand are in a report too.
func FaultSpans(start, end time.Time, snapshots []telemetry.Snapshot) []Fault {
	index := map[string]int{}
	var all []Fault
	for _, s := range snapshots {
		standing := map[string]bool{}
		for _, f := range s.Faults {
			standing[f.ID] = true
			i, known := index[f.ID]
			if !known {
				i = len(all)
				index[f.ID] = i
				all = append(all, Fault{ID: f.ID, Kind: f.Kind, Target: f.Target, Detail: f.Detail, Start: max(0, f.Start.Sub(start)), End: -1, Verified: f.Verified})
			}
			if all[i].Verified != "yes" && f.Verified != "" { // once seen to bite, it bit
				all[i].Verified = f.Verified
			}
		}
		for id, i := range index {
			if !standing[id] && all[i].End < 0 {
				all[i].End = s.Time.Sub(start)
			}
		}
	}
	for i := range all {
		if all[i].End < 0 {
			all[i].End = end.Sub(start)
		}
	}
	slices.SortStableFunc(all, func(a, b Fault) int { return cmp.Compare(a.Start, b.Start) })
	return all
}

// Encode writes the record.
func (r Record) Encode(w io.Writer) error {
	r.Version = Version
	return json.NewEncoder(w).Encode(r)
}

// Decode reads a record.
func Decode(in io.Reader) (Record, error) {
	var r Record
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return r, fmt.Errorf("read the record of a run: %w", err)
	}
	if r.Version != Version {
		return r, fmt.Errorf("read the record of a run: it has version %d, and this ddsctl knows version %d", r.Version, Version)
	}
	return r, nil
}
