package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/record"
)

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
