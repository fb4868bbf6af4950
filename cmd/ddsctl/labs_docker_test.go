package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/lock"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/library"
	"github.com/ddsctl/ddsctl/scenarios/store"
)

// labScripts holds a script for each lab of the catalogue, SLUG.txtar, that uses the lab as a learner does.
const labScripts = "testdata/labs"

// wantedLabs are those that are tried: of the chapters DDSCTL_CHAPTERS=2,3,4 and of the names DDSCTL_LABS=sharded-redis,topz, where they
// are set; else all.
func wantedLabs(t *testing.T) func(labs.Entry) bool {
	list := func(variable string) []string {
		return strings.FieldsFunc(os.Getenv(variable), func(r rune) bool { return r == ',' || r == ' ' })
	}
	chapters, slugs := list("DDSCTL_CHAPTERS"), list("DDSCTL_LABS")
	for _, word := range chapters {
		_, err := strconv.Atoi(word)
		require.NoError(t, err, "DDSCTL_CHAPTERS")
	}
	for _, slug := range slugs {
		_, err := labs.Open(t.Context(), slug, labs.Options{})
		require.NoError(t, err, "DDSCTL_LABS")
	}
	return func(e labs.Entry) bool {
		return (len(chapters) == 0 || slices.Contains(chapters, strconv.Itoa(e.Chapter))) && (len(slugs) == 0 || slices.Contains(slugs, e.Slug))
	}
}

// TestLabs uses every lab as a learner does. Its script may do it in its own way; in the end the test looks that nothing is missing:
// each exercise was failed and was passed, the lab's scenario was run and held, each command of the guide was run, and nothing is left.
func TestLabs(t *testing.T) {
	client := dockerEngine(t)
	binary, err := built()
	require.NoError(t, err)
	wanted := wantedLabs(t)
	catalogue, err := labs.Catalogue()
	require.NoError(t, err)
	for nth, entry := range catalogue {
		if !wanted(entry) {
			continue
		}
		t.Run(entry.Slug, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(labScripts, entry.Slug+".txtar")
			require.FileExists(t, script, "each lab has a script that uses it")
			commands := &guideCommands{}
			p := params("")
			p.Dir, p.Files = "", []string{script}
			p.Cmds["guide"] = commands.run
			p.Cmds["budget"] = budget
			var state string
			p.Setup = func(env *testscript.Env) error {
				env.Defer(turn(t, nth))
				state = filepath.Join(t.TempDir(), "state")
				env.Setenv("DOCKER_HOST", client.Address())
				env.Setenv("DDSCTL_NODE_BINARY", binary)
				env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
				env.Setenv("XDG_STATE_HOME", state)
				env.Setenv("SLUG", entry.Slug)
				env.Setenv(labVariable, entry.Slug) // other tests may have labs of theirs at the same time
				env.Defer(func() { leftNothing(t, client, entry.Slug) })
				return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o755)
			}
			// Scripts run in parallel with whatever else their test does, and are over when that one is: it has to be one of its own.
			if t.Run("script", func(t *testing.T) { testscript.Run(t, p) }) {
				complete(t, entry.Slug, state, commands)
			}
		})
	}
}

// turns is how many labs are used at a time on one machine, whoever tests them, unless DDSCTL_LABS_AT_ONCE says otherwise: more of them
// measure one another.
const turns = 2

// turn waits until it is this lab's turn, and gives what gives the turn back. nth spreads the labs of one process over the turns. Only the
// script itself may wait for it: it holds one of the places of -parallel, which a test above it does not give away while it waits.
func turn(t *testing.T, nth int) func() {
	atOnce := turns
	if text, set := os.LookupEnv("DDSCTL_LABS_AT_ONCE"); set {
		var err error
		atOnce, err = strconv.Atoi(text)
		require.NoError(t, err, "DDSCTL_LABS_AT_ONCE")
		require.Positive(t, atOnce, "DDSCTL_LABS_AT_ONCE")
	}
	held, err := lock.Acquire(t.Context(), lock.Dir(), fmt.Sprint("labs-test ", (os.Getpid()+nth)%atOnce), func(h lock.Holder) { t.Logf("waiting: %+v", h) })
	require.NoError(t, err)
	return func() { require.NoError(t, held.Release()) }
}

// complete fails where a script left something out.
func complete(t *testing.T, slug, state string, commands *guideCommands) {
	lab, err := labs.Open(t.Context(), slug, labs.Options{})
	require.NoError(t, err)
	done, err := progress.New(filepath.Join(state, "ddsctl", "progress"), nil).Load(slug)
	require.NoError(t, err)
	require.NotEmpty(t, lab.Format.Exercises, "a lab has exercises")
	for _, ex := range lab.Format.Exercises {
		failed, passed := false, false
		for _, a := range done.Of(ex.ID).Attempts {
			failed, passed = failed || !a.Passed, passed || a.Passed
		}
		if !failed || !passed {
			t.Errorf("exercise %s: failed %t, passed %t: the script must do both", ex.ID, failed, passed)
		}
	}
	if _, err := library.Open(slug); err != nil {
		t.Errorf("the lab has no scenario: %v", err)
	} else {
		run, _, err := store.New(filepath.Join(state, "ddsctl", "runs")).Load(slug)
		if err != nil {
			t.Errorf("the script did not run the lab's scenario: %v", err)
		} else if run.Verdict != expect.Holds {
			t.Errorf("the lab's scenario %s", run.Verdict)
		}
	}
	for _, line := range guideLines(lab.Guide()) {
		if !commands.ran[line] {
			t.Errorf("a command of the guide was not run: %s", line)
		}
	}
}

// guideLines are the commands of a guide: the lines that begin with a prompt in its blocks of shell.
func guideLines(guide string) []string {
	var lines []string
	in := false
	for line := range strings.Lines(guide) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			language := strings.TrimPrefix(line, "```")
			in = !in && (language == "sh" || language == "console")
		case in && strings.HasPrefix(line, "$ "):
			lines = append(lines, strings.TrimPrefix(line, "$ "))
		}
	}
	return lines
}

// guideCommands is the script command `guide [TEXT]`: it runs the guide's commands in order, or the next ones up to and with the one
// that begins with TEXT. A command that fails fails the test.
type guideCommands struct {
	ran  map[string]bool
	next int
}

func (g *guideCommands) run(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: guide [UP-TO]")
	}
	if g.ran == nil {
		g.ran = map[string]bool{}
	}
	lab, err := labs.Open(context.Background(), ts.Getenv("SLUG"), labs.Options{})
	ts.Check(err)
	lines := guideLines(lab.Guide())
	for ; g.next < len(lines); g.next++ {
		line := lines[g.next]
		g.ran[line] = true
		ts.Logf("guide: %s", line)
		if err := ts.Exec("bash", "-euo", "pipefail", "-c", line); err != nil {
			ts.Fatalf("guide: %s: %v", line, err)
		}
		if len(args) == 1 && strings.HasPrefix(line, args[0]) {
			g.next++
			return
		}
	}
	if len(args) == 1 {
		ts.Fatalf("no further command of the guide begins with %q", args[0])
	}
}

// budget is the script command `budget MEBIBYTES`: all nodes of the running lab together must use no more memory than that.
func budget(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: budget MEBIBYTES")
	}
	limit, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	ts.Check(ts.Exec("ddsctl", "lab", "watch", "--once", "-o", "json"))
	var used int64
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile("stdout")))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var s telemetry.Snapshot
		ts.Check(json.Unmarshal(lines.Bytes(), &s))
		used = 0
		for _, n := range s.Nodes {
			if n.Memory != nil {
				used += *n.Memory
			}
		}
	}
	ts.Check(lines.Err())
	if used == 0 {
		ts.Fatalf("the lab's memory is not known")
	}
	ts.Logf("memory: %.0f MiB", float64(used)/(1<<20))
	if float64(used) > limit*(1<<20) {
		ts.Fatalf("the lab uses %.0f MiB, more than %s", float64(used)/(1<<20), args[0])
	}
}
