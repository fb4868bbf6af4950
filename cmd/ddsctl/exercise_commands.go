package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs/format"
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
			l, ex, err := a.exercise(cmd.Context(), lab, args[0])
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
	var reveal, keep bool
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
			l, ex, err := a.exercise(cmd.Context(), lab, args[0])
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
			if result.Passed() {
				a.submitPassed(cmd.Context(), l.Slug, keep)
			}
			return unmet(result.Passed())
		},
	}
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show the answer; the exercise then gives no points")
	submitFlag(cmd, &keep)
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
	var keep bool
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
			passed, some := true, false
			for _, ex := range tasks {
				result, err := a.attempt(cmd.Context(), l, ex, "")
				if err != nil {
					return err
				}
				if err := a.sayResult(l, ex, result); err != nil {
					return err
				}
				passed, some = passed && result.Passed(), some || result.Passed()
			}
			if some {
				a.submitPassed(cmd.Context(), l.Slug, keep)
			}
			return unmet(passed)
		},
	}
	submitFlag(cmd, &keep)
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
			l, ex, err := a.exercise(cmd.Context(), lab, args[0])
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
