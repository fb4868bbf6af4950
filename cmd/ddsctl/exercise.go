package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/scenarios/exercise"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
	"github.com/ddsctl/ddsctl/scenarios/expect"
)

func newExerciseCommand(a *app) *cobra.Command {
	return group("exercise", "Find out whether you understood: predictions, tasks, hints, points",
		`Each lab has exercises: questions that are answered before the lab is measured, and tasks on the running lab or on a copy of its files. Part of
a task gives part of its points; hints cost some. What you have done is remembered below XDG_STATE_HOME.`,
		newExerciseListCommand(a),
		newExerciseShowCommand(a),
		newExerciseAnswerCommand(a),
		newExerciseCheckCommand(a),
		newExerciseWatchCommand(a),
		newExerciseHintCommand(a),
		newExerciseGradeCommand(a),
		newExerciseProgressCommand(a),
		newExerciseExportCommand(a),
	)
}

// exerciseLab is a lab with its exercises and what the learner has done with them.
type exerciseLab struct {
	*labs.Lab
	running *runningLab // nil where it does not run
	store   progress.Store
	done    progress.Lab
}

// exercises opens the lab that is meant: the one named, or the one that is running.
func (a *app) exercises(ctx context.Context, name string) (*exerciseLab, error) {
	found := &exerciseLab{store: progress.New("", nil)}
	running, runErr := a.running(ctx)
	l, pickErr := pick(running, name)
	switch {
	case runErr == nil && pickErr == nil:
		definition, ok := a.definition(ctx, l)
		if !ok {
			return nil, fmt.Errorf("the files of %s cannot be read any more", l.name)
		}
		found.Lab, found.running = definition, &l
	case name == "" && runErr != nil:
		return nil, runErr
	case name == "":
		return nil, hint.Wrap(pickErr, "name the lab with --lab, such as --lab sharded-redis")
	default:
		definition, err := openOptions{}.open(ctx, name)
		if err != nil {
			return nil, err
		}
		found.Lab = definition
	}
	if found.Format == nil || len(found.Format.Exercises) == 0 {
		return nil, fmt.Errorf("%s has no exercises", found.Slug)
	}
	var err error
	found.done, err = found.store.Load(found.Slug)
	return found, err
}

// find is the exercise with that ID.
func (l *exerciseLab) find(id string) (format.Exercise, error) {
	var ids []string
	for _, e := range l.Format.Exercises {
		if e.ID == id {
			return e, nil
		}
		ids = append(ids, e.ID)
	}
	err := fmt.Errorf("%s has no exercise %q", l.Slug, id)
	if near := nearest.Word(id, ids); near != "" {
		return format.Exercise{}, hint.Wrap(err, "did you mean %s? There are %s", near, strings.Join(ids, ", "))
	}
	return format.Exercise{}, hint.Wrap(err, "there are %s", strings.Join(ids, ", "))
}

// exercise is one exercise of the lab that is meant.
func (a *app) exercise(ctx context.Context, name, id string) (*exerciseLab, format.Exercise, error) {
	l, err := a.exercises(ctx, name)
	if err != nil {
		return nil, format.Exercise{}, err
	}
	ex, err := l.find(id)
	return l, ex, err
}

// folder is the copy that edit tasks are about, nil for a lab of the catalogue.
func (l *exerciseLab) folder() fs.FS {
	if l.Source == labs.SourceCatalogue {
		return nil
	}
	if info, err := os.Stat(l.Source); err != nil || !info.IsDir() {
		return nil
	}
	return os.DirFS(l.Source)
}

// need refuses an exercise whose prerequisites are not passed.
func (l *exerciseLab) need(ex format.Exercise) error {
	if missing := l.done.Missing(ex); len(missing) > 0 {
		return hint.Wrap(fmt.Errorf("%s comes after %s", ex.ID, strings.Join(missing, ", ")), "ddsctl exercise show %s", missing[0])
	}
	return nil
}

// attempt takes evidence, grades it and remembers the attempt.
func (a *app) attempt(ctx context.Context, l *exerciseLab, ex format.Exercise, answer string) (exercise.Result, error) {
	if err := l.need(ex); err != nil {
		return exercise.Result{}, err
	}
	options := exercise.Options{Slug: l.Slug, Folder: l.folder()}
	var lab exercise.Lab
	if needsLab(ex) {
		if l.running == nil {
			return exercise.Result{}, hint.Wrap(fmt.Errorf("%s is about the running lab, and %s is not running", ex.ID, l.Slug), "ddsctl lab up %s", l.Slug)
		}
		opened, err := a.openLive(ctx, *l.running)
		if err != nil {
			return exercise.Result{}, err
		}
		defer func() { _ = opened.Close() }()
		lab = opened
	}
	show := a.progress()
	options.Progress = func(text string) { show.Update(ex.ID, ex.ID, output.Working, text) }
	evidence, err := exercise.Collect(ctx, lab, ex, answer, options)
	show.Close()
	if err != nil {
		return exercise.Result{}, err
	}
	result := exercise.Grade(ex, evidence)
	if result.Verdict != expect.Unknown { // what could not be judged is no attempt
		_, err = l.store.Attempt(l.Slug, ex.ID, progress.Attempt{Answer: answer, Passed: result.Passed(), Points: result.Points, Verdict: string(result.Verdict)})
	}
	if err == nil && result.Passed() {
		err = keepEvidence(l.store, evidence)
	}
	return result, err
}

// keepEvidence keeps the evidence of a passed attempt, for `ddsctl class submit`.
func keepEvidence(store progress.Store, e exercise.Evidence) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return store.KeepEvidence(e.Lab, e.Exercise, text)
}

// needsLab says whether an exercise looks at the running lab.
func needsLab(ex format.Exercise) bool {
	if ex.Predict != nil {
		return ex.Predict.Number != nil
	}
	return true
}

// sayResult prints a grade.
func (a *app) sayResult(l *exerciseLab, ex format.Exercise, r exercise.Result) error {
	done, err := l.store.Load(l.Slug)
	if err != nil {
		return err
	}
	state := done.Of(ex.ID)
	if a.format != output.Table {
		return a.print(struct {
			exercise.Result
			Best float64 `json:"best"`
			Paid int     `json:"paid_for_hints"`
		}{r, state.Best, state.Paid}, nil, nil)
	}
	print := func(format string, args ...any) { _, _ = fmt.Fprintf(a.stdout, format+"\n", args...) }
	print("%s  %s", verdictMark(a, r.Verdict), ex.Title)
	for _, c := range r.Checks {
		print("   %s  %s", verdictMark(a, c.Verdict), c.Text)
		if c.Verdict != expect.Holds && c.Expected != "" || c.Measured != "" && ex.Predict != nil {
			print("        expected %s, measured %s", orDash(c.Expected), orDash(c.Measured))
		}
		if c.Why != "" {
			print("        %s", c.Why)
		}
	}
	print("   %s of %d points%s", points(state.Best), r.Worth, paidWords(state))
	if !r.Passed() {
		if state.Hints < len(ex.Hints) {
			a.say("a hint: ddsctl exercise hint %s", ex.ID)
		}
		return nil
	}
	return a.sayWhy(ex)
}

func (a *app) sayWhy(ex format.Exercise) error {
	text, err := ex.Explanation.Open(ex.ID)
	if err != nil || text == "" {
		return err
	}
	return a.markdown(text)
}

func paidWords(e progress.Exercise) string {
	switch {
	case e.Revealed != nil:
		return " (the answer was revealed)"
	case e.Paid > 0:
		return fmt.Sprintf(" (hints cost %d)", e.Paid)
	}
	return ""
}

func points(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

// labFlag gives cmd the flag that names a lab.
func (a *app) labFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "lab", "", "the lab (default: the one that is running)")
	_ = cmd.RegisterFlagCompletionFunc("lab", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeSlugs(), cobra.ShellCompDirectiveNoFileComp
	})
}

// completeExercises completes an exercise's ID.
func (a *app) completeExercises(name *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		l, err := a.exercises(ctx, *name)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var list []cobra.Completion
		for _, e := range l.Format.Exercises {
			list = append(list, cobra.CompletionWithDesc(e.ID, e.Title))
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

var okStyle = lipgloss.NewStyle().Foreground(lipgloss.Green)

func unmet(passed bool) error {
	if passed {
		return nil
	}
	return exitStatus(exitUnmet)
}
