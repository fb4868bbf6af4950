// Package exercise finds out whether a learner was right: it takes evidence from the running lab, and grades it.
//
//	evidence, err := exercise.Collect(ctx, lab, folder, ex, "33")
//	result := exercise.Grade(ex, evidence)
//	result.Points // of ex.Worth(): partial credit for the checks that hold
//
// Collect does things to the lab (steps are done, figures are sampled, commands run, histories recorded) and heals what it broke. Grade is
// pure: evidence that was kept can be graded anew without a lab, by an instructor or after a change of the exercise's tolerance.
package exercise

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
)

// Lab is a running lab, as far as an exercise needs it.
type Lab interface {
	Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error]
	Inject(ctx context.Context, spec fault.Spec) ([]telemetry.Fault, error)
	Heal(ctx context.Context, ids ...string) error
	HealAll(ctx context.Context) error
	SetTraffic(ctx context.Context, name string, change workload.Change) error
	RestoreTraffic(ctx context.Context) error
	Run(ctx context.Context, node string, command []string, user string, output io.Writer) (int, error)
	RecordHistory(ctx context.Context, spec drive.Spec, w io.Writer) error
}

// Evidence is what was taken from the lab for one attempt at an exercise.
type Evidence struct {
	Version  int       `json:"version"`
	Lab      string    `json:"lab"`
	Exercise string    `json:"exercise"`
	Time     time.Time `json:"time"`
	// Answer is the learner's, for questions.
	Answer string `json:"answer,omitempty"`
	// Measure is what was measured for a number, nil for other exercises.
	Measure *Sample `json:"measure,omitempty"`
	// Checks are the samples of a task's checks, in order.
	Checks []Sample `json:"checks,omitempty"`
}

// EvidenceVersion is the version of Evidence.
const EvidenceVersion = 1

// Sample is what was seen for one check or measurement.
type Sample struct {
	From      time.Time            `json:"from"`
	To        time.Time            `json:"to"`
	Snapshots []telemetry.Snapshot `json:"snapshots,omitempty"`
	// Exit and Output are a command's, where one was run.
	Ran    bool   `json:"ran,omitempty"`
	Exit   int    `json:"exit,omitempty"`
	Output string `json:"output,omitempty"`
	// Lines is the text of a file, where one was looked at.
	Read bool   `json:"read,omitempty"`
	File string `json:"file,omitempty"`
	// History are the events of a history, where one was recorded.
	Recorded bool            `json:"recorded,omitempty"`
	History  []history.Event `json:"history,omitempty"`
	// Blunt names a fault of the steps that was not seen to bite.
	Blunt string `json:"blunt,omitempty"`
	// Problem is why there is nothing to see: a step failed, a node is gone, the lab was lost.
	Problem string `json:"problem,omitempty"`
}

// Result is the grade of one attempt.
type Result struct {
	Exercise string         `json:"exercise"`
	Verdict  expect.Verdict `json:"verdict"`
	// Points are before hints are paid; Worth is what the exercise is worth.
	Points float64 `json:"points"`
	Worth  int     `json:"worth"`
	Checks []Check `json:"checks"`
}

// Passed says that everything held.
func (r Result) Passed() bool { return r.Verdict == expect.Holds }

// Check is one part of a grade.
type Check struct {
	Text     string         `json:"text"`
	Verdict  expect.Verdict `json:"verdict"`
	Expected string         `json:"expected,omitempty"`
	Measured string         `json:"measured,omitempty"`
	Why      string         `json:"why,omitempty"`
	Points   float64        `json:"points"`
}
