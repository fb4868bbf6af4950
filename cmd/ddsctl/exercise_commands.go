package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/record"
)

// exerciseEntry is the JSON form of an exercise in a list: part of the contract. Answers are not in it.
type exerciseEntry struct {
	ID       string   `json:"id"`
	Lab      string   `json:"lab"`
	Title    string   `json:"title"`
	Kind     string   `json:"kind"`
	State    string   `json:"state"` // open, locked, tried, passed
	Points   float64  `json:"points"`
	Worth    int      `json:"worth"`
	Attempts int      `json:"attempts"`
	Hints    int      `json:"hints_taken"`
	Needs    []string `json:"needs"`
}

func (l *exerciseLab) entry(e format.Exercise) exerciseEntry {
	done := l.done.Of(e.ID)
	state := "open"
	switch {
	case done.Passed != nil:
		state = "passed"
	case len(l.done.Missing(e)) > 0:
		state = "locked"
	case len(done.Attempts) > 0:
		state = "tried"
	}
	return exerciseEntry{ID: e.ID, Lab: l.Slug, Title: e.Title, Kind: string(e.Kind()), State: state, Points: done.Best, Worth: e.Worth(),
		Attempts: len(done.Attempts), Hints: done.Hints, Needs: append([]string{}, e.Needs...)}
}

func newExerciseListCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [LAB]", Aliases: []string{"ls"},
		Short: "List a lab's exercises and how far you are",
		Example: `  ddsctl exercise list
  ddsctl exercise list sharded-redis`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeFirst(completeSlugs),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.exercises(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			entries, rows := []exerciseEntry{}, [][]string{}
			for _, e := range l.Format.Exercises {
				entry := l.entry(e)
				entries = append(entries, entry)
				rows = append(rows, []string{entry.ID, entry.Kind, entry.State, fmt.Sprintf("%s of %d", points(entry.Points), entry.Worth), entry.Title})
			}
			return a.print(entries, []string{"EXERCISE", "KIND", "STATE", "POINTS", "WHAT"}, rows)
		},
	}
	a.formatFlag(cmd)
	return cmd
}

// exerciseShowing is the JSON form of an exercise: part of the contract.
type exerciseShowing struct {
	exerciseEntry
	Text    string          `json:"text"`
	Choices []format.Choice `json:"choices,omitempty"`
	Unit    string          `json:"unit,omitempty"`
	Checks  []string        `json:"checks,omitempty"`
	Files   []string        `json:"files,omitempty"`
}

func newExerciseShowCommand(a *app) *cobra.Command {
	var lab string
	cmd := &cobra.Command{
		Use:               "show EXERCISE",
		Short:             "Read an exercise",
		Example:           `  ddsctl exercise show lost-keys`,
		Args:              positional(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeExercises(&lab),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.exercises(cmd.Context(), lab)
			if err != nil {
				return err
			}
			ex, err := l.find(args[0])
			if err != nil {
				return err
			}
			shown := exerciseShowing{exerciseEntry: l.entry(ex), Text: ex.Text}
			if p := ex.Predict; p != nil {
				shown.Choices = p.Choices
				if p.Number != nil {
					shown.Unit = p.Number.Unit
				}
			}
			if ex.Edit != nil {
				shown.Files = ex.Edit.Files
			}
			for _, c := range checksIn(ex) {
				shown.Checks = append(shown.Checks, c.Text)
			}
			if a.format != output.Table {
				return a.print(shown, nil, nil)
			}
			return a.markdown(exerciseText(shown))
		},
	}
	a.labFlag(cmd, &lab)
	a.formatFlag(cmd)
	return cmd
}

func checksIn(ex format.Exercise) []format.Check {
	switch {
	case ex.Do != nil:
		return ex.Do.Checks
	case ex.Edit != nil:
		return ex.Edit.Checks
	}
	return nil
}

func exerciseText(s exerciseShowing) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", s.Title, s.Text)
	for _, c := range s.Choices {
		fmt.Fprintf(&b, "\n- **%s**: %s", c.Key, c.Text)
	}
	if len(s.Checks) > 0 {
		b.WriteString("\nIt is checked that:\n")
		for _, c := range s.Checks {
			fmt.Fprintf(&b, "\n- %s", c)
		}
	}
	command := "ddsctl exercise check " + s.ID
	switch {
	case s.Kind == string(format.KindPredict) && len(s.Choices) > 0:
		command = "ddsctl exercise answer " + s.ID + " " + s.Choices[0].Key
	case s.Kind == string(format.KindPredict):
		command = "ddsctl exercise answer " + s.ID + " NUMBER"
	case len(s.Files) > 0:
		fmt.Fprintf(&b, "\n\nIt is about %s in a copy of the lab: `ddsctl lab init %s ./mine`, then `ddsctl lab apply ./mine`.", strings.Join(s.Files, ", "), s.Lab)
	}
	fmt.Fprintf(&b, "\n\n%s of %d points, %s.\n\n    %s\n", points(s.Points), s.Worth, s.State, command)
	return b.String()
}

func newExerciseAnswerCommand(a *app) *cobra.Command {
	var lab string
	var reveal bool
	cmd := &cobra.Command{
		Use:   "answer EXERCISE [ANSWER]",
		Short: "Answer a question; a number is then held against what the lab measures",
		Long: `Takes your answer to a question. A number is a prediction: after you gave it, the lab is measured, and your number is held against that.
--reveal shows the right answer and its explanation; the exercise then gives no points any more.`,
		Example: `  ddsctl exercise answer lost-keys 33
  ddsctl exercise answer which-shard b
  ddsctl exercise answer which-shard --reveal`,
		Args:              positional(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeExercises(&lab),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.exercises(cmd.Context(), lab)
			if err != nil {
				return err
			}
			ex, err := l.find(args[0])
			if err != nil {
				return err
			}
			switch {
			case reveal && len(args) == 2:
				return usagef("either an answer or --reveal")
			case reveal:
				return a.reveal(l, ex)
			case ex.Predict == nil:
				return usagef("%s is a task: `ddsctl exercise check %s`", ex.ID, ex.ID)
			case len(args) < 2:
				return usagef("which answer? `ddsctl exercise show %s` has the question", ex.ID)
			}
			result, err := a.attempt(cmd.Context(), l, ex, args[1])
			if err != nil {
				return err
			}
			if err := a.sayResult(l, ex, result); err != nil {
				return err
			}
			return unmet(result.Passed())
		},
	}
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show the answer; the exercise then gives no points")
	a.labFlag(cmd, &lab)
	a.formatFlag(cmd)
	return cmd
}

func (a *app) reveal(l *exerciseLab, ex format.Exercise) error {
	if _, err := l.store.Reveal(l.Slug, ex.ID); err != nil {
		return err
	}
	if p := ex.Predict; p != nil && p.Number == nil {
		if choice, ok := p.Answer.Reveal(ex.ID, p.Choices); ok {
			_, _ = fmt.Fprintf(a.stdout, "%s: %s\n", choice.Key, choice.Text)
		}
	}
	return a.sayWhy(ex)
}

func newExerciseCheckCommand(a *app) *cobra.Command {
	var lab string
	cmd := &cobra.Command{
		Use:   "check [EXERCISE]",
		Short: "Check tasks on the running lab",
		Long: `Checks a task, or without EXERCISE every task that is not locked, on the running lab. What a check breaks on purpose is healed after it. Exit code
4 when something does not hold.`,
		Example: `  ddsctl exercise check
  ddsctl exercise check eject`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeExercises(&lab),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.exercises(cmd.Context(), lab)
			if err != nil {
				return err
			}
			tasks, err := l.tasks(args)
			if err != nil {
				return err
			}
			passed := true
			for _, ex := range tasks {
				result, err := a.attempt(cmd.Context(), l, ex, "")
				if err != nil {
					return err
				}
				if err := a.sayResult(l, ex, result); err != nil {
					return err
				}
				passed = passed && result.Passed()
			}
			return unmet(passed)
		},
	}
	a.labFlag(cmd, &lab)
	a.formatFlag(cmd)
	return cmd
}

// tasks are the exercises to check.
func (l *exerciseLab) tasks(args []string) ([]format.Exercise, error) {
	if len(args) == 1 {
		ex, err := l.find(args[0])
		if err != nil {
			return nil, err
		}
		if ex.Predict != nil {
			return nil, usagef("%s is a question: `ddsctl exercise answer %s ANSWER`", ex.ID, ex.ID)
		}
		return []format.Exercise{ex}, nil
	}
	tasks := slices.DeleteFunc(slices.Clone(l.Format.Exercises), func(e format.Exercise) bool {
		return e.Predict != nil || len(l.done.Missing(e)) > 0 || (e.Edit != nil && l.folder() == nil)
	})
	if len(tasks) == 0 {
		return nil, fmt.Errorf("%s has no task that can be checked now: `ddsctl exercise list` shows what is open", l.Slug)
	}
	return tasks, nil
}

func newExerciseWatchCommand(a *app) *cobra.Command {
	var lab string
	every := 3 * time.Second
	cmd := &cobra.Command{
		Use:   "watch [EXERCISE]",
		Short: "Check tasks again and again while you work, until they are passed",
		Long: `Checks the tasks that are open, and again when a file of the lab's folder changes or some time has passed, until all are passed or you press
Ctrl-C.`,
		Example:           `  ddsctl exercise watch eject`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeExercises(&lab),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.exerciseWatch(cmd.Context(), lab, args, every)
		},
	}
	cmd.Flags().DurationVar(&every, "every", every, "how long between two checks at most")
	a.labFlag(cmd, &lab)
	return cmd
}

func (a *app) exerciseWatch(ctx context.Context, name string, args []string, every time.Duration) error {
	last := map[string]string{}
	for {
		l, err := a.exercises(ctx, name)
		if err != nil {
			return err
		}
		tasks, err := l.tasks(args)
		if err != nil {
			return err
		}
		open := 0
		for _, ex := range tasks {
			if l.done.Of(ex.ID).Passed != nil && len(args) == 0 {
				continue
			}
			result, err := a.attempt(ctx, l, ex, "")
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if !result.Passed() {
				open++
			}
			text, err := json.Marshal(result)
			if err != nil {
				return err
			}
			if last[ex.ID] != string(text) {
				last[ex.ID] = string(text)
				if err := a.sayResult(l, ex, result); err != nil {
					return err
				}
			}
		}
		if open == 0 {
			a.say("%s", a.paintErr("everything that is open is passed", okStyle))
			return nil
		}
		if err := untilChanged(ctx, l, every); err != nil {
			return nil //nolint:nilerr // the user pressed Ctrl-C
		}
	}
}

// untilChanged returns when a file of the lab's folder has changed, or after a while.
func untilChanged(ctx context.Context, l *exerciseLab, most time.Duration) error {
	before := fingerprintOf(l.folder())
	enough := time.NewTimer(most)
	defer enough.Stop()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-enough.C:
			return nil
		case <-look.C:
			if fingerprintOf(l.folder()) != before {
				return nil
			}
		}
	}
}

// fingerprintOf tells whether a folder's files have changed.
func fingerprintOf(folder fs.FS) string {
	if folder == nil {
		return ""
	}
	var b strings.Builder
	_ = fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		if strings.Count(path, "/") > 4 {
			return filepath.SkipDir
		}
		if info, err := entry.Info(); err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String()
}

func newExerciseHintCommand(a *app) *cobra.Command {
	var lab string
	var again bool
	cmd := &cobra.Command{
		Use:   "hint EXERCISE",
		Short: "Take the next hint of an exercise",
		Example: `  ddsctl exercise hint lost-keys
  ddsctl exercise hint lost-keys --again     those you took already`,
		Args:              positional(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeExercises(&lab),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.exercises(cmd.Context(), lab)
			if err != nil {
				return err
			}
			ex, err := l.find(args[0])
			if err != nil {
				return err
			}
			if again {
				for i, h := range ex.Hints[:min(l.done.Of(ex.ID).Hints, len(ex.Hints))] {
					if err := a.markdown(fmt.Sprintf("**%d.** %s", i+1, h.Text)); err != nil {
						return err
					}
				}
				return nil
			}
			number, state, err := l.store.Hint(l.Slug, ex)
			if err != nil {
				return fmt.Errorf("%s: %w", ex.ID, err)
			}
			h := ex.Hints[number-1]
			if err := a.markdown(h.Text); err != nil {
				return err
			}
			a.say("hint %d of %d%s", number, len(ex.Hints), paidWords(state))
			return nil
		},
	}
	cmd.Flags().BoolVar(&again, "again", false, "show the hints that were taken already")
	a.labFlag(cmd, &lab)
	return cmd
}

// progressEntry is the JSON form of a lab's progress: part of the contract.
type progressEntry struct {
	Lab      string  `json:"lab"`
	Passed   int     `json:"passed"`
	Of       int     `json:"of"`
	Points   float64 `json:"points"`
	Worth    int     `json:"worth"`
	Attempts int     `json:"attempts"`
}

func newExerciseProgressCommand(a *app) *cobra.Command {
	var reset bool
	cmd := &cobra.Command{
		Use:   "progress [LAB]",
		Short: "Show how far you are in all labs",
		Example: `  ddsctl exercise progress
  ddsctl exercise progress sharded-redis --reset     begin that lab anew`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeFirst(completeSlugs),
		RunE: func(cmd *cobra.Command, args []string) error {
			store := progress.New("", nil)
			if reset {
				if len(args) == 0 {
					return usagef("which lab is to be forgotten?")
				}
				return store.Reset(args[0], "")
			}
			names, err := store.Labs()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				names = args
			}
			entries, rows := []progressEntry{}, [][]string{}
			for _, name := range names {
				entry, err := progressOf(cmd.Context(), store, name)
				if err != nil {
					a.say("%v", err)
					continue
				}
				entries = append(entries, entry)
				rows = append(rows, []string{entry.Lab, fmt.Sprintf("%d of %d", entry.Passed, entry.Of), fmt.Sprintf("%s of %d", points(entry.Points), entry.Worth), fmt.Sprint(entry.Attempts)})
			}
			if len(entries) == 0 && a.format == output.Table {
				a.say("nothing yet: ddsctl exercise list sharded-redis")
				return nil
			}
			return a.print(entries, []string{"LAB", "PASSED", "POINTS", "ATTEMPTS"}, rows)
		},
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "forget what was done with the lab")
	a.formatFlag(cmd)
	return cmd
}

// progressOf sums a lab up. Of a lab that is not in the catalogue (any more) only what was done is known.
func progressOf(ctx context.Context, store progress.Store, name string) (progressEntry, error) {
	done, err := store.Load(name)
	if err != nil {
		return progressEntry{}, err
	}
	entry := progressEntry{Lab: name}
	for _, e := range done.Exercises {
		entry.Attempts += len(e.Attempts)
		entry.Points += e.Best
		if e.Passed != nil {
			entry.Passed++
		}
	}
	entry.Of = len(done.Exercises)
	if lab, err := (openOptions{}).open(ctx, name); err == nil && lab.Format != nil {
		entry.Of = len(lab.Format.Exercises)
		for _, e := range lab.Format.Exercises {
			entry.Worth += e.Worth()
		}
	}
	return entry, nil
}

func newExerciseExportCommand(a *app) *cobra.Command {
	kind := "json"
	cmd := &cobra.Command{
		Use:   "export [LAB]",
		Short: "Export a lab's points: JSON, CSV, JUnit, or for GitHub Classroom",
		Example: `  ddsctl exercise export sharded-redis -o csv
  ddsctl exercise export -o github     what GitHub Classroom's grading reporter reads`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeFirst(completeSlugs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"json", "csv", "junit", "github"}, kind) {
				return usagef("unknown format %q: use json, csv, junit or github", kind)
			}
			l, err := a.exercises(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.export(l, kind)
		},
	}
	cmd.Flags().StringVarP(&kind, "output", "o", kind, "json, csv, junit or github")
	return cmd
}

// githubResult is what GitHub Classroom's grading reporter reads of a test runner.
type githubResult struct {
	Version  int          `json:"version"`
	Status   string       `json:"status"` // pass, fail
	MaxScore int          `json:"max_score"`
	Tests    []githubTest `json:"tests"`
}

type githubTest struct {
	Name    string  `json:"name"`
	Status  string  `json:"status"`
	Score   float64 `json:"score"`
	Message string  `json:"message"`
}

func (a *app) export(l *exerciseLab, kind string) error {
	var entries []exerciseEntry
	for _, e := range l.Format.Exercises {
		entries = append(entries, l.entry(e))
	}
	switch kind {
	case "csv":
		w := csv.NewWriter(a.stdout)
		_ = w.Write([]string{"lab", "exercise", "kind", "state", "points", "worth", "attempts", "hints"})
		for _, e := range entries {
			_ = w.Write([]string{e.Lab, e.ID, e.Kind, e.State, points(e.Points), fmt.Sprint(e.Worth), fmt.Sprint(e.Attempts), fmt.Sprint(e.Hints)})
		}
		w.Flush()
		return w.Error()
	case "junit":
		run := record.Record{Scenario: "exercises", Lab: l.Slug}
		for _, e := range entries {
			result := expect.Result{Text: e.ID, Verdict: expect.Fails, Expected: fmt.Sprintf("%d points", e.Worth), Measured: points(e.Points) + " points"}
			if e.State == "passed" {
				result.Verdict = expect.Holds
			}
			run.Expectations = append(run.Expectations, result)
		}
		return record.JUnit(a.stdout, []record.Record{run})
	case "github":
		result := githubResult{Version: 1, Status: "pass", Tests: []githubTest{}}
		for _, e := range entries {
			test := githubTest{Name: e.ID, Status: "pass", Score: e.Points, Message: e.Title}
			if e.State != "passed" {
				test.Status, result.Status = "fail", "fail"
			}
			result.MaxScore += e.Worth
			result.Tests = append(result.Tests, test)
		}
		return output.Print(a.stdout, output.JSON, result, output.Rows{})
	default:
		return output.Print(a.stdout, output.JSON, entries, output.Rows{})
	}
}
