package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/scenarios/library"
	"github.com/ddsctl/ddsctl/scenarios/script"
)

func newScenarioCommand(a *app) *cobra.Command {
	return group("scenario", "Play scripted traffic and failure, and prove what happened",
		`A scenario is a file: phases of traffic and faults on a lab, and expectations over them. Running it gives a verdict for each (holds, fails,
unknown), exit code 4 when not all hold, and a report as a page that opens in any browser.`,
		newScenarioListCommand(a),
		newScenarioShowCommand(a),
		newScenarioRunCommand(a),
		newScenarioReportCommand(a),
		newScenarioLintCommand(a),
		newScenarioSchemaCommand(a),
	)
}

// scenarioEntry is the JSON form of a scenario in a list: part of the contract.
type scenarioEntry struct {
	Name    string  `json:"name"`
	Title   string  `json:"title"`
	Summary string  `json:"summary,omitempty"`
	Lab     string  `json:"lab"`
	Seconds float64 `json:"seconds"` // how long its phases last, one run
	Runs    int     `json:"runs"`    // that it compares
}

func entryOf(f library.Found) scenarioEntry {
	return scenarioEntry{Name: f.Name, Title: f.Scenario.Title, Summary: f.Scenario.Summary, Lab: f.Scenario.Lab,
		Seconds: f.Scenario.Length().Seconds(), Runs: max(1, len(f.Scenario.Compare))}
}

func newScenarioListCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [LAB]", Aliases: []string{"ls"},
		Short: "List the scenarios that come with ddsctl",
		Example: `  ddsctl scenario list
  ddsctl scenario list sharded-redis -o json`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeFirst(completeSlugs),
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := library.List()
			if err != nil {
				return err
			}
			entries, rows := []scenarioEntry{}, [][]string{}
			for _, f := range all {
				if len(args) == 1 && f.Scenario.Lab != args[0] {
					continue
				}
				e := entryOf(f)
				entries = append(entries, e)
				length := fmt.Sprintf("%gs", e.Seconds)
				if e.Runs > 1 {
					length = fmt.Sprintf("%d x %s", e.Runs, length)
				}
				rows = append(rows, []string{e.Name, e.Lab, length, e.Title})
			}
			if len(entries) == 0 && a.format == output.Table {
				a.say("no scenario of the library runs on %s", strings.Join(args, ""))
				return nil
			}
			return a.print(entries, []string{"SCENARIO", "LAB", "LENGTH", "WHAT"}, rows)
		},
	}
	a.formatFlag(cmd)
	return cmd
}

// completeFirst completes the first argument only.
func completeFirst(list func() []cobra.Completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list(), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeScenarios completes SCENARIO|FILE.
func completeScenarios(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if looksLikePath(word) {
		return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	var list []cobra.Completion
	all, _ := library.List() // a library that does not read completes nothing
	for _, f := range all {
		list = append(list, cobra.CompletionWithDesc(f.Name, f.Scenario.Title))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

func newScenarioShowCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show SCENARIO|FILE",
		Short: "Show a scenario: its phases, steps and expectations",
		Example: `  ddsctl scenario show shard-loss
  ddsctl scenario show shard-loss -o yaml > mine.yaml      a start for one's own`,
		Args:              positional(cobra.ExactArgs(1)),
		ValidArgsFunction: completeScenarios,
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := library.Open(args[0])
			if err != nil {
				return err
			}
			switch a.format {
			case output.YAML: // as it was written, comments and all
				_, err := a.stdout.Write(found.Text)
				return err
			case output.JSON:
				return a.print(found.Scenario, nil, nil)
			}
			return a.markdown(describe(found))
		},
	}
	a.formatFlag(cmd)
	return cmd
}

// describe is a scenario in Markdown.
func describe(f library.Found) string {
	s := f.Scenario
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\nOn the lab `%s`, %s.\n", s.Title, s.Summary, s.Lab, s.Length())
	for _, w := range s.Workloads {
		w = w.WithDefaults()
		fmt.Fprintf(&b, "\nTraffic `%s`: %s at %g requests/s.\n", w.Name, strings.Join(w.Target, ", "), w.Arrival.Rate)
	}
	b.WriteString("\n| phase | at | what |\n| --- | --- | --- |\n")
	for _, p := range s.Phases {
		fmt.Fprintf(&b, "| **%s** | %s | %s |\n", p.Name, p.For, phaseWords(p))
		for _, step := range p.Steps {
			at := step.At.String()
			if step.When != "" {
				at = "when " + step.When
			}
			fmt.Fprintf(&b, "| | %s | %s |\n", strings.ReplaceAll(at, "|", `\|`), strings.ReplaceAll(stepWords(step), "|", `\|`))
		}
	}
	list := func(title string, texts []string) {
		if len(texts) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		for _, text := range texts {
			fmt.Fprintf(&b, "- `%s`\n", text)
		}
	}
	list("Expected", s.Expect)
	for _, entry := range s.Compare {
		title := "Compared: " + entry.Name
		if entry.Variant != "" {
			title += " (variant " + entry.Variant + ")"
		}
		list(title, entry.Expect)
	}
	fmt.Fprintf(&b, "\n    ddsctl scenario run %s\n", f.Name)
	return b.String()
}

func phaseWords(p script.Phase) string {
	if p.Until != "" {
		return "until " + p.Until
	}
	if len(p.Steps) == 0 && len(p.Traffic) == 0 {
		return "traffic only"
	}
	return ""
}

func stepWords(s script.Step) string {
	text := s.Words()
	if s.Name != "" {
		text += " (" + s.Name + ")"
	}
	return text
}

func newScenarioLintCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check scenario files without running them",
		Long: `Checks that scenario files read: keys, types, ranges, faults, and that expectations compile and refer to phases and steps that are there.
Exit code 4 when one does not.`,
		Example: `  ddsctl scenario lint ./mine.yaml`,
		Args:    positional(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			bad := false
			for _, ref := range args {
				if _, err := library.Open(ref); err != nil {
					bad = true
					a.say("%v", err)
					continue
				}
				a.say("%s: fine", ref)
			}
			if bad {
				return errUnmet
			}
			return nil
		},
	}
	return cmd
}

func newScenarioSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of scenario files, for editors",
		Long: `Prints the JSON Schema of scenario files. An editor with a YAML language server completes keys and marks mistakes with it:

    # yaml-language-server: $schema=scenario.schema.json`,
		Example: `  ddsctl scenario schema > scenario.schema.json`,
		Args:    positional(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			text, err := script.Schema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(text)
			return err
		},
	}
}
