package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/scenarios/exercise"
)

// grading is the JSON form of evidence that was graded: part of the contract.
type grading struct {
	File string `json:"file"`
	Lab  string `json:"lab"`
	exercise.Result
}

func newExerciseGradeCommand(a *app) *cobra.Command {
	var lab string
	cmd := &cobra.Command{
		Use:   "grade EVIDENCE...",
		Short: "Grade evidence that was kept, without a lab",
		Long: `Grades evidence of attempts anew: Snapshots, what commands printed, the events of histories. No lab runs for it. The files are those below
ddsctl/progress/evidence in XDG_STATE_HOME, or those that "ddsctl class export --evidence" writes. The exercises are those of the catalogue, or with --lab those of a folder, whose
tolerances, verdicts and counts may be others by now. Exit code 4 when one of them is not passed.`,
		Example: `  ddsctl exercise grade ./evidence/etcd-cluster/faster/*.json
  ddsctl exercise grade attempt.json --lab ./mine`,
		Args: positional(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.exerciseGrade(cmd.Context(), args, lab) },
	}
	a.labFlag(cmd, &lab)
	a.formatFlag(cmd)
	return cmd
}

func (a *app) exerciseGrade(ctx context.Context, files []string, name string) error {
	opened := map[string]*labs.Lab{}
	gradings, rows, passed := []grading{}, [][]string{}, true
	for _, file := range files {
		evidence, err := readEvidence(file)
		if err != nil {
			return err
		}
		ref := cmp.Or(name, evidence.Lab)
		if opened[ref] == nil {
			if opened[ref], err = (openOptions{}).open(ctx, ref); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		l := &exerciseLab{Lab: opened[ref]}
		if l.Format == nil {
			return fmt.Errorf("%s: %s has no exercises", file, l.Slug)
		}
		ex, err := l.find(evidence.Exercise)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		g := grading{file, l.Slug, exercise.Grade(ex, evidence)}
		gradings, passed = append(gradings, g), passed && g.Passed()
		why := ""
		for _, c := range g.Checks {
			if c.Why != "" {
				why = c.Why
			}
		}
		rows = append(rows, []string{file, g.Lab, g.Exercise, string(g.Verdict), fmt.Sprintf("%s of %d", points(g.Points), g.Worth), why})
	}
	if err := a.print(gradings, []string{"FILE", "LAB", "EXERCISE", "VERDICT", "POINTS", "WHY"}, rows); err != nil {
		return err
	}
	return unmet(passed)
}

func readEvidence(file string) (e exercise.Evidence, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return e, fmt.Errorf("read the evidence: %w", err)
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Exercise == "" {
		return e, hint.Wrap(fmt.Errorf("%s is no evidence of an attempt", file), "ddsctl class export --evidence DIR writes what a class has handed in")
	}
	if e.Version > exercise.EvidenceVersion {
		return e, fmt.Errorf("%s is evidence of version %d; this ddsctl knows versions up to %d", file, e.Version, exercise.EvidenceVersion)
	}
	return e, nil
}
