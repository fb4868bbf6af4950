// Package script is the scenario file: a timeline of traffic and faults on a lab, and what should happen.
//
//	version: 1
//	title: A shard is lost
//	lab: sharded-redis
//	phases:
//	  - {name: steady, for: 10s}
//	  - name: loss
//	    for: 10s
//	    steps:
//	      - {name: kill, inject: [kill, redis-2]}
//	  - name: recovery
//	    for: 10s
//	    steps:
//	      - {name: heal, heal: all}
//	expect:
//	  - p99 < 50ms during steady
//	  - errors > 15% between kill and heal
//	  - errors < 0.1% after heal within 5s
//
// It is read strictly: every mistake is named with file, line and column, and an expectation that does not compile, or that refers to a
// phase or a step that is not there, is a mistake of the file.
package script

import (
	_ "embed"

	"github.com/ddsctl/ddsctl/labs/strict"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/figure"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
)

// Version is the version of the format that this package reads.
const Version = 1

// Scenario is what a scenario file says.
type Scenario struct {
	// Version is the version of this format: 1.
	Version int `json:"version" yaml:"version" jsonschema:"required,enum=1"`
	// Title is the scenario's name for people.
	Title string `json:"title" yaml:"title" jsonschema:"required,minLength=1"`
	// Summary says in a sentence or two what the scenario shows.
	Summary string `json:"summary,omitempty" yaml:"summary,omitempty"`
	// Lab is the lab that it runs on: a slug of the catalogue, or a folder, relative to this file.
	Lab string `json:"lab" yaml:"lab" jsonschema:"required,minLength=1"`
	// Variant is the form of the lab. Default: the plain one.
	Variant string `json:"variant,omitempty" yaml:"variant,omitempty"`
	// Seed fixes what is drawn: random targets, and the seeds of workloads that have none. Default: 1.
	Seed uint64 `json:"seed,omitempty" yaml:"seed,omitempty"`
	// Workloads are the traffic, in place of the lab's own.
	Workloads []workload.Spec `json:"workloads,omitempty" yaml:"workloads,omitempty"`
	// Settle is how long the lab must be free of faults, with every node ready, before the first phase. Default: 2s.
	Settle workload.Duration `json:"settle,omitempty" yaml:"settle,omitempty"`
	// Phases are the parts of the run, one after another.
	Phases []Phase `json:"phases" yaml:"phases" jsonschema:"required"`
	// Histories are recorded by clients of their own during the run, and checked after it.
	Histories []drive.Spec `json:"histories,omitempty" yaml:"histories,omitempty"`
	// Expect says what should happen, in the language of expectations.
	Expect []string `json:"expect,omitempty" yaml:"expect,omitempty"`
	// Figures are values measured in several phases, drawn against what was different in them.
	Figures []figure.Spec `json:"figures,omitempty" yaml:"figures,omitempty"`
	// Compare runs the scenario once for each entry, and reports the runs side by side.
	Compare []Compare `json:"compare,omitempty" yaml:"compare,omitempty"`

	places       *strict.Places
	expectations []expect.Expectation
}

// Phase is a named part of the run.
type Phase struct {
	// Name is what expectations call it.
	Name string `json:"name" yaml:"name" jsonschema:"required,pattern=^[a-z][a-z0-9_-]*$"`
	// For is how long it lasts.
	For workload.Duration `json:"for" yaml:"for" jsonschema:"required"`
	// Until ends the phase early, once the condition holds.
	Until string `json:"until,omitempty" yaml:"until,omitempty"`
	// Traffic changes workloads when the phase begins.
	Traffic []Traffic `json:"traffic,omitempty" yaml:"traffic,omitempty"`
	// Steps are done during the phase, in the order of the file.
	Steps []Step `json:"steps,omitempty" yaml:"steps,omitempty"`
}

// Step is something that is done. It has exactly one of inject, heal, traffic, scale and run.
type Step struct {
	// Name is what expectations call the instant at which the step was done.
	Name string `json:"name,omitempty" yaml:"name,omitempty" jsonschema:"pattern=^[a-z][a-z0-9_-]*$"`
	// At is when it is done, since the phase began. Default: at once, after the step before.
	At workload.Duration `json:"at,omitempty" yaml:"at,omitempty"`
	// When is a condition to wait for, such as errors > 5% for 3s.
	When string `json:"when,omitempty" yaml:"when,omitempty"`
	// Within is how long the condition is waited for; then the step is skipped, and the run's verdict cannot be better than unknown.
	// Default: until the phase ends.
	Within workload.Duration `json:"within,omitempty" yaml:"within,omitempty"`
	// Inject are the words behind `ddsctl fault inject`, such as [kill, redis-2]. --random draws a target by the run's seed.
	Inject []string `json:"inject,omitempty" yaml:"inject,omitempty"`
	// Heal is all, or the name of a step whose faults are healed.
	Heal string `json:"heal,omitempty" yaml:"heal,omitempty"`
	// Traffic changes a workload.
	Traffic *Traffic `json:"traffic,omitempty" yaml:"traffic,omitempty"`
	// Scale gives services another number of nodes.
	Scale map[string]int `json:"scale,omitempty" yaml:"scale,omitempty"`
	// Run runs a command in a node.
	Run *Command `json:"run,omitempty" yaml:"run,omitempty"`
}

// Traffic changes a workload that runs.
type Traffic struct {
	// Workload is its name. Default: all of them.
	Workload string `json:"workload,omitempty" yaml:"workload,omitempty"`
	// Rate is the new rate, in requests per second.
	Rate *float64 `json:"rate,omitempty" yaml:"rate,omitempty" jsonschema:"minimum=0"`
	// Arrival is a new arrival process.
	Arrival *workload.Arrival `json:"arrival,omitempty" yaml:"arrival,omitempty"`
	// Pause stops requests from falling due, or lets them again.
	Pause *bool `json:"pause,omitempty" yaml:"pause,omitempty"`
	// Keys are new keys.
	Keys *workload.Keys `json:"keys,omitempty" yaml:"keys,omitempty"`
	// Mix is a new mix.
	Mix []workload.Operation `json:"mix,omitempty" yaml:"mix,omitempty"`
}

// Change is the traffic's change in the words of the traffic client.
func (t Traffic) Change() workload.Change {
	return workload.Change{Rate: t.Rate, Arrival: t.Arrival, Pause: t.Pause, Mix: t.Mix, Keys: t.Keys}
}

// Command runs in a node.
type Command struct {
	// Node is the node, such as redis-1.
	Node string `json:"node" yaml:"node" jsonschema:"required"`
	// Run are the command's words; not a shell line.
	Run []string `json:"run" yaml:"run" jsonschema:"required"`
	// User runs it, instead of the container's user.
	User string `json:"user,omitempty" yaml:"user,omitempty"`
	// Timeout bounds it. Default: 10s.
	Timeout workload.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// Exit is the exit code that it must end with. Default: 0.
	Exit int `json:"exit,omitempty" yaml:"exit,omitempty" jsonschema:"minimum=0,maximum=255"`
	// Match is a regular expression (RE2) that its output must match.
	Match string `json:"match,omitempty" yaml:"match,omitempty"`
}

// Compare is one run of several to be compared.
type Compare struct {
	// Name is what the report calls it.
	Name string `json:"name" yaml:"name" jsonschema:"required,minLength=1"`
	// Variant is the lab's form.
	Variant string `json:"variant,omitempty" yaml:"variant,omitempty"`
	// Expect is what should happen in this run, besides what is expected of all.
	Expect []string `json:"expect,omitempty" yaml:"expect,omitempty"`
}

// comments are the doc comments of the format's types; `go test ./scenarios/script -update` writes them anew.
//
//go:embed comments.json
var comments []byte

// SchemaID is the name that the schema goes by.
const SchemaID = "https://ddsctl.dev/schema/scenario.json"

// Schema is the JSON Schema of a scenario file, for editors.
func Schema() ([]byte, error) { return strict.Schema(&Scenario{}, SchemaID, "a scenario", comments) }
