// Package job does the work of one item: by a program, or by a chain of other containers, each of which does a part.
//
//	result, err := job.Program{Command: []string{"sh", "/etc/lab/thumbnail.sh"}}.Do(ctx, job.Job{Item: "film-1", Data: "..."})
//	result, err := job.NewChain("http://detect:8080", "http://tag:8080").Do(ctx, j)
package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// Job is one attempt at an item.
type Job struct {
	Item    string `json:"item"`
	Data    string `json:"data"`
	Attempt int    `json:"attempt"`
	// Results are what the stages before have said, by their names.
	Results map[string]string `json:"results,omitempty"`
}

// Failure is work that failed.
type Failure struct {
	Reason string
	// Final says that it would fail again.
	Final bool
}

// Error implements error.
func (f Failure) Error() string { return f.Reason }

// Final says whether the work would fail again.
func Final(err error) bool {
	var f Failure
	return errors.As(err, &f) && f.Final
}

// FinalExit is the exit code by which a program says that it would fail again with this item: EX_DATAERR of sysexits.h.
const FinalExit = 65

// Program does jobs by running a command for each. The environment has WORK_ITEM, WORK_ATTEMPT, WORK_ITEM_FILE, a file with the item's data, and WORK_RESULTS, a folder with
// a file for each stage before. Exit code 0 says that the work is done, with standard output as the result.
type Program struct {
	Command []string
	// Environment is all but what is said above, as NAME=VALUE.
	Environment []string
	// Folder is where the files are made, below which each job has a folder of its own; empty is the system's.
	Folder string
	// Timeout bounds it; 0 is no bound.
	Timeout time.Duration
}

// mostReason bounds what is kept of what a program said when it failed: the end of it.
const mostReason = 600

// Do runs the program. What it has started is ended with it, also where ctx ends.
func (p Program) Do(ctx context.Context, j Job) (string, error) {
	folder, err := p.lay(j)
	if err != nil {
		return "", fmt.Errorf("job %s: %w", j.Item, err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, p.Command[0], p.Command[1:]...) //nolint:gosec // what is run is what the lab's configuration says
	cmd.Dir = folder
	cmd.Env = append(cmd.Env, p.Environment...)
	cmd.Env = append(cmd.Env, "WORK_ITEM="+j.Item, "WORK_ATTEMPT="+strconv.Itoa(j.Attempt), "WORK_ITEM_FILE="+filepath.Join(folder, "item"), "WORK_RESULTS="+filepath.Join(folder, "results"))
	cmd.Stdout, cmd.Stderr = &out, &complaints
	cmd.WaitDelay = time.Second // for what it left behind, with its output still open
	asGroup(cmd)
	cmd.Cancel = func() error { killGroup(cmd); return nil }
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("job %s was ended: %w", j.Item, context.Cause(ctx))
	case errors.As(err, &exit):
		said := strings.TrimSpace(complaints.String())
		return "", Failure{Reason: strings.TrimSpace(exit.Error() + ": " + said[max(0, len(said)-mostReason):]), Final: exit.ExitCode() == FinalExit}
	case err != nil:
		return "", Failure{Reason: err.Error()}
	case out.Len() > api.MostData:
		return "", Failure{Reason: fmt.Sprintf("the result has %d bytes, and %d are allowed", out.Len(), api.MostData), Final: true}
	}
	return strings.TrimSpace(out.String()), nil
}

// lay makes the job's folder.
func (p Program) lay(j Job) (folder string, err error) {
	if folder, err = os.MkdirTemp(p.Folder, "job-*"); err != nil {
		return "", err
	}
	err = errors.Join(os.WriteFile(filepath.Join(folder, "item"), []byte(j.Data), 0o600), os.Mkdir(filepath.Join(folder, "results"), 0o700))
	for stage, result := range j.Results {
		if filepath.Base(stage) != stage {
			err = errors.Join(err, fmt.Errorf("stage %q: a name has no slashes", stage))
			continue
		}
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, "results", stage), []byte(result), 0o600))
	}
	if err != nil {
		_ = os.RemoveAll(folder)
	}
	return folder, err
}
