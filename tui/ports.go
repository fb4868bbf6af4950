// Package tui is the dashboard: it draws a lab's Snapshots and sends what the command line sends. It holds no truth of its
// own: what is running comes from a Home, what happens from a Source, and every act is a command line that a Commander runs.
//
// The screen is drawn cell by cell (tui/cell) from panels (tui/pane) around the topology (tui/topology), and handed to Bubble
// Tea as one text. Figures arrive at their own pace; drawing happens when something has changed, and for motion a few times a
// second while the terminal has the focus.
package tui

import (
	"context"
	"io"
	"iter"
	"os/exec"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/pane"
)

// Source gives a lab's Snapshots until the context ends; an error ends them too.
type Source interface {
	Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error]
}

// Logs gives what a lab's nodes write, the last lines first, until the context ends.
type Logs interface {
	FollowLogs(ctx context.Context, line func(pane.LogLine)) error
}

// Study is what a lab gives a learner.
type Study interface {
	Exercises(ctx context.Context) ([]pane.Exercise, error)
	Scenarios(ctx context.Context) ([]string, error)
}

// Commander runs command lines of ddsctl; args are the words behind it. Lab is the running lab that is meant where they name none, "" for
// no particular one.
type Commander interface {
	// Run does what `ddsctl ARGS...` does, with its output and messages going to out.
	Run(ctx context.Context, lab string, args []string, out io.Writer) error
	// Terminal gives the process for a command that needs a terminal of its own.
	Terminal(lab string, args []string) *exec.Cmd
	// Complete gives what may stand in place of the last word.
	Complete(ctx context.Context, lab string, args []string) []string
}

// Home is where labs come from.
type Home interface {
	// Entries are the labs of the catalogue, and those that run from elsewhere.
	Entries(ctx context.Context) ([]Entry, error)
	// Open opens a running lab by its project's name.
	Open(ctx context.Context, project string) (*Session, error)
}

// Entry is a lab as the picker shows it.
type Entry struct {
	Slug    string // "" for a lab that is not of the catalogue
	Title   string
	Chapter int
	Pattern string
	Summary string
	Running []string // the projects that run from it
}

// Session is a lab that is being watched. Only Project and Source are needed.
type Session struct {
	Project string
	Lab     string // slug
	Guide   string // Markdown
	Source  Source
	Logs    Logs
	Study   Study
	Close   func() error
	// Named says that acts must name the lab, because several run.
	Named bool
	// Replay says that the Snapshots are recorded.
	Replay bool
}
