package format

import "github.com/ddsctl/ddsctl/labs/workload"

// Exercise is one thing for the learner to find out. It has exactly one of predict, do and edit.
type Exercise struct {
	// ID names the exercise within the lab.
	ID string `json:"id" yaml:"id" jsonschema:"required,pattern=^[a-z][a-z0-9-]*$"`
	// Title is the exercise's name for people.
	Title string `json:"title" yaml:"title" jsonschema:"required,minLength=1"`
	// Text is the question or the task, in Markdown.
	Text string `json:"text" yaml:"text" jsonschema:"required,minLength=1"`
	// Points is what it is worth. Default: 1.
	Points int `json:"points,omitempty" yaml:"points,omitempty" jsonschema:"minimum=1,maximum=100"`
	// Needs are the IDs of exercises to pass before.
	Needs []string `json:"needs,omitempty" yaml:"needs,omitempty"`
	// Predict is a question that is answered before it is observed.
	Predict *Predict `json:"predict,omitempty" yaml:"predict,omitempty"`
	// Do is a task on the running lab.
	Do *Do `json:"do,omitempty" yaml:"do,omitempty"`
	// Edit is a task on the files of a copy of the lab, made with `ddsctl lab init`.
	Edit *Edit `json:"edit,omitempty" yaml:"edit,omitempty"`
	// Hints are shown one after another, on request.
	Hints []Hint `json:"hints,omitempty" yaml:"hints,omitempty"`
	// Explanation says why, in Markdown; it is shown after passing. `ddsctl lab seal` keeps it from being read by accident.
	Explanation Secret `json:"explanation,omitzero" yaml:"explanation,omitempty"`
}

// ExerciseKind is what the learner is asked for.
type ExerciseKind string

// The kinds of exercises.
const (
	KindPredict ExerciseKind = "predict"
	KindDo      ExerciseKind = "do"
	KindEdit    ExerciseKind = "edit"
)

// Kind is what the learner is asked for.
func (e Exercise) Kind() ExerciseKind {
	switch {
	case e.Predict != nil:
		return KindPredict
	case e.Edit != nil:
		return KindEdit
	}
	return KindDo
}

// Worth is Points with its default.
func (e Exercise) Worth() int { return max(1, e.Points) }

// Predict is a question. It has either choices and their answer, or a number.
type Predict struct {
	// Choices are the possible answers, in the order in which they are shown.
	Choices []Choice `json:"choices,omitempty" yaml:"choices,omitempty"`
	// Answer is the key of the right choice. `ddsctl lab seal` replaces it by a salted hash.
	Answer Answer `json:"answer,omitzero" yaml:"answer,omitempty"`
	// Number asks for a number, whose right value is measured on the running lab.
	Number *Number `json:"number,omitempty" yaml:"number,omitempty"`
}

// Choice is one possible answer.
type Choice struct {
	// Key is what the learner types.
	Key string `json:"key" yaml:"key" jsonschema:"required,pattern=^[a-z0-9]+$"`
	// Text is the answer.
	Text string `json:"text" yaml:"text" jsonschema:"required,minLength=1"`
}

// Number is a number to predict.
type Number struct {
	// Unit is shown behind the number, such as % or ms.
	Unit string `json:"unit,omitempty" yaml:"unit,omitempty"`
	// Min is the smallest number that may be entered.
	Min *float64 `json:"min,omitempty" yaml:"min,omitempty"`
	// Max is the largest number that may be entered.
	Max *float64 `json:"max,omitempty" yaml:"max,omitempty"`
	// Measure says how the right value is found.
	Measure Measure `json:"measure" yaml:"measure" jsonschema:"required"`
	// Tolerance says how far off a prediction may be.
	Tolerance Tolerance `json:"tolerance" yaml:"tolerance" jsonschema:"required"`
}

// Measure is how a value is taken from the running lab: what is done to it first, then what is read. It has exactly one
// of value, command and history. What its steps broke is healed afterwards.
type Measure struct {
	// Steps are done first, in order.
	Steps []Step `json:"steps,omitempty" yaml:"steps,omitempty"`
	// Settle is waited after the steps. Default: 2s.
	Settle workload.Duration `json:"settle,omitempty" yaml:"settle,omitempty"`
	// Window is how long samples are taken. Default: 10s.
	Window workload.Duration `json:"window,omitempty" yaml:"window,omitempty"`
	// Value is a figure in the language of expectations, without a comparison, such as errors{workload=shop}.
	Value string `json:"value,omitempty" yaml:"value,omitempty"`
	// Command prints the value, in a node.
	Command *Command `json:"command,omitempty" yaml:"command,omitempty"`
	// History is recorded and checked; the value is its count.
	History *History `json:"history,omitempty" yaml:"history,omitempty"`
	// Count is the count of the history's check that is the value, such as lost or silence_ms.
	Count string `json:"count,omitempty" yaml:"count,omitempty"`
	// Scale is what the value is multiplied with to be in the question's unit: 100 turns a ratio into per cent, 1000 seconds into
	// milliseconds. Default: 1.
	Scale float64 `json:"scale,omitempty" yaml:"scale,omitempty"`
}

// Tolerance is how far off a prediction may be: the larger of the two counts.
type Tolerance struct {
	// Absolute is in the question's unit.
	Absolute float64 `json:"absolute,omitempty" yaml:"absolute,omitempty" jsonschema:"minimum=0"`
	// Relative is a part of the measured value: 0.1 is ten per cent of it.
	Relative float64 `json:"relative,omitempty" yaml:"relative,omitempty" jsonschema:"minimum=0,maximum=1"`
}

// Step is done to a running lab. It has exactly one of inject, heal, traffic, run and wait.
type Step struct {
	// Inject are the words behind `ddsctl fault inject`, such as [kill, redis-2].
	Inject []string `json:"inject,omitempty" yaml:"inject,omitempty"`
	// Heal heals every fault.
	Heal bool `json:"heal,omitempty" yaml:"heal,omitempty"`
	// Traffic changes a running workload.
	Traffic *TrafficStep `json:"traffic,omitempty" yaml:"traffic,omitempty"`
	// Run runs a command in a node.
	Run *Command `json:"run,omitempty" yaml:"run,omitempty"`
	// Wait waits.
	Wait workload.Duration `json:"wait,omitempty" yaml:"wait,omitempty"`
}

// TrafficStep changes a running workload.
type TrafficStep struct {
	// Workload is its name. Default: the only one.
	Workload string `json:"workload,omitempty" yaml:"workload,omitempty"`
	// Rate is the new rate, in requests per second.
	Rate float64 `json:"rate" yaml:"rate" jsonschema:"required,minimum=0"`
}

// Do is a task on the running lab: it is done when its checks hold.
type Do struct {
	// Checks must all hold; those that do give their share of the points.
	Checks []Check `json:"checks" yaml:"checks" jsonschema:"required"`
	// All gives no points before every check holds; for checks of which some hold before anything was done.
	All bool `json:"all,omitempty" yaml:"all,omitempty"`
}

// Edit is a task on files: it is done when the copy's files and the lab that runs from them pass the checks.
type Edit struct {
	// Files are the files that the task is about, in the lab's folder.
	Files []string `json:"files" yaml:"files" jsonschema:"required"`
	// Checks must all hold; those that do give their share of the points.
	Checks []Check `json:"checks" yaml:"checks" jsonschema:"required"`
	// All gives no points before every check holds; for checks of which some hold before anything was done.
	All bool `json:"all,omitempty" yaml:"all,omitempty"`
}

// Check is something that holds or does not. It has exactly one of expect, command, file and history.
type Check struct {
	// Text says what is checked, for people.
	Text string `json:"text" yaml:"text" jsonschema:"required,minLength=1"`
	// Steps are done first, in order; what they broke is healed afterwards.
	Steps []Step `json:"steps,omitempty" yaml:"steps,omitempty"`
	// Expect is a text in the language of expectations, such as errors < 1%.
	Expect string `json:"expect,omitempty" yaml:"expect,omitempty"`
	// Window is how long samples are taken for expect. Default: 10s.
	Window workload.Duration `json:"window,omitempty" yaml:"window,omitempty"`
	// Command runs in a node and must answer as it says.
	Command *Command `json:"command,omitempty" yaml:"command,omitempty"`
	// File is a file of the copy that must look as it says.
	File *FileCheck `json:"file,omitempty" yaml:"file,omitempty"`
	// History is recorded from clients of the lab and must be what it says.
	History *History `json:"history,omitempty" yaml:"history,omitempty"`
	// Within repeats the check until it holds, for so long. Default: once.
	Within workload.Duration `json:"within,omitempty" yaml:"within,omitempty"`
	// Weight is its part of the points, against the sum of all weights. Default: 1.
	Weight int `json:"weight,omitempty" yaml:"weight,omitempty" jsonschema:"minimum=1,maximum=100"`
}

// Command runs in a node of the lab.
type Command struct {
	// Node is the node, such as redis-1; a service with one replica gives its node its name.
	Node string `json:"node" yaml:"node" jsonschema:"required"`
	// Run are the command's words; not a shell line.
	Run []string `json:"run" yaml:"run" jsonschema:"required"`
	// Timeout bounds it. Default: 10s.
	Timeout workload.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// Exit is the exit code that it must end with. Default: 0.
	Exit int `json:"exit,omitempty" yaml:"exit,omitempty" jsonschema:"minimum=0,maximum=255"`
	// Match is a regular expression (RE2) that its output must match. With number, the first group is the number.
	Match string `json:"match,omitempty" yaml:"match,omitempty"`
	// Number says that the output is a number, and in which range it must be.
	Number *Range `json:"number,omitempty" yaml:"number,omitempty"`
}

// Range is a range of numbers, its ends included; an end that is left out is open.
type Range struct {
	// Min is the lower end.
	Min *float64 `json:"min,omitempty" yaml:"min,omitempty"`
	// Max is the upper end.
	Max *float64 `json:"max,omitempty" yaml:"max,omitempty"`
}

// Contains says whether v is in the range.
func (r Range) Contains(v float64) bool {
	return (r.Min == nil || v >= *r.Min) && (r.Max == nil || v <= *r.Max)
}

// FileCheck says how a file of the copy must look.
type FileCheck struct {
	// Path is the file, in the lab's folder.
	Path string `json:"path" yaml:"path" jsonschema:"required"`
	// Match is a regular expression (RE2) that a line must match.
	Match string `json:"match" yaml:"match" jsonschema:"required"`
	// Absent turns it round: no line may match.
	Absent bool `json:"absent,omitempty" yaml:"absent,omitempty"`
}

// Hint is a step towards the answer.
type Hint struct {
	// Text is the hint, in Markdown.
	Text string `json:"text" yaml:"text" jsonschema:"required,minLength=1"`
	// Cost is how many points it costs. Default: 0.
	Cost int `json:"cost,omitempty" yaml:"cost,omitempty" jsonschema:"minimum=0,maximum=100"`
}
