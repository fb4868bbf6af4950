package main

import (
	"context"
	"fmt"
	"path/filepath"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// labCopied is the JSON form of a lab's copy: part of the contract.
type labCopied struct {
	Dir   string   `json:"dir"`
	Files []string `json:"files"`
}

func newLabInitCommand(a *app) *cobra.Command {
	fromCompose := false
	cmd := &cobra.Command{
		Use:   "init LAB DIR | --from-compose FILE|DIR [NEWDIR]",
		Short: "Copy a lab's files into a folder, to change them there",
		Long: `Copies a lab of the catalogue, or another folder's, into a folder that is new or empty. The copy is a lab of its own: edit its files, and
'ddsctl lab up DIR' runs what they say. It is also how a new lab begins.

With --from-compose, a Compose project that is there already becomes a lab: a lab.yaml is written beside its Compose file, with kinds, links
and traffic guessed from images, ports, depends_on and environment, each with a comment that says where it comes from. With NEWDIR, the project's folder
is copied there first, and stays as it is.`,
		Example: `  ddsctl lab init sharded-redis ./mine
  ddsctl lab up ./mine
  ddsctl lab init --from-compose ./shop
  ddsctl lab init --from-compose ./shop/prod.yaml ./my-lab`,
		Args: positional(func(cmd *cobra.Command, args []string) error {
			if fromCompose {
				return cobra.RangeArgs(1, 2)(cmd, args)
			}
			return cobra.ExactArgs(2)(cmd, args)
		}),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if fromCompose && len(args) == 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return completeSources(cmd, args, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if fromCompose {
				return a.labGuess(cmd.Context(), args)
			}
			return a.labInit(cmd.Context(), args[0], args[1])
		},
	}
	cmd.Flags().BoolVar(&fromCompose, "from-compose", false, "write a lab.yaml for a Compose project")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labGuess(ctx context.Context, args []string) error {
	// Trust is for what runs: describing a project starts nothing.
	options := labs.Options{Environment: environ(), Trust: true}
	project := args[0]
	var files []string
	if len(args) == 2 {
		copied, err := labs.CopyForGuess(ctx, project, args[1], options)
		if err != nil {
			return err
		}
		project, files = args[1], copied
	}
	name, err := labs.InitFromCompose(ctx, project, options)
	if err != nil {
		return err
	}
	dir := filepath.Dir(name)
	if a.format != output.Table {
		full, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		return a.print(labCopied{full, append(files, filepath.Base(name))}, nil, nil)
	}
	for _, file := range files {
		a.say("  %s", filepath.Join(dir, file))
	}
	if !looksLikePath(dir) {
		dir = "./" + dir
	}
	a.say("  %s\n\nread its comments, change it, then:\n  ddsctl lab lint %s\n  ddsctl lab up %s", name, dir, dir)
	return nil
}

func (a *app) labInit(ctx context.Context, ref, dir string) error {
	files, err := labs.Init(ctx, ref, dir)
	if err != nil {
		return err
	}
	if a.format != output.Table {
		full, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		return a.print(labCopied{full, files}, nil, nil)
	}
	for _, file := range files {
		a.say("  %s", filepath.Join(dir, file))
	}
	if !looksLikePath(dir) {
		dir = "./" + dir // without a slash it would be a lab of the catalogue
	}
	a.say("\nedit them, then:\n  ddsctl lab lint %s\n  ddsctl lab up %s", dir, dir)
	return nil
}

func newLabLintCommand(a *app) *cobra.Command {
	trust, strict := false, false
	cmd := &cobra.Command{
		Use:   "lint [DIR...]",
		Short: "Check a lab's folder, with file, line and column for each mistake",
		Long: `Checks everything that can be told without running a lab: the Compose file against what is supported, lab.yaml against its format, names
against each other, the guide's headings. Without a folder, the labs of the catalogue. Exit code 4 when there is a mistake.`,
		Example: `  ddsctl lab lint ./mine
  ddsctl lab lint ./mine --strict      warnings count too
  ddsctl lab lint ./mine -o json       for an editor or a CI job`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.labLint(cmd.Context(), args, trust, strict) },
	}
	cmd.Flags().BoolVar(&trust, "trust", false, "check it as a lab that may reach beyond its folder and its containers")
	cmd.Flags().BoolVar(&strict, "strict", false, "a warning counts as a mistake")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labLint(ctx context.Context, dirs []string, trust, strict bool) error {
	options := labs.LintOptions{Trust: trust,
		Expectation: func(text string) error { _, err := expect.Compile(text); return err },
		Measure:     func(text string) error { _, err := expect.CompileValue(text); return err },
		Inject: func(words []string) error {
			spec, err := fault.Parse(words)
			if err != nil {
				return err
			}
			return spec.Validate()
		},
		Count: func(model, name string) error { return history.Model(model).Counted(name) }}
	findings := []labs.Finding{}
	if len(dirs) == 0 {
		found, err := labs.LintCatalogue(ctx, options)
		if err != nil {
			return err
		}
		findings = append(findings, found...)
	}
	for _, dir := range dirs {
		found, err := labs.Lint(ctx, dir, options)
		if err != nil {
			return err
		}
		findings = append(findings, found...)
	}
	errors, warnings := 0, 0
	for _, f := range findings {
		if f.Severity == mark.Warning {
			warnings++
		} else {
			errors++
		}
	}
	if err := a.printFindings(findings); err != nil {
		return err
	}
	if errors > 0 || strict && warnings > 0 {
		a.say("%s, %s", count(errors, "error"), count(warnings, "warning"))
		return exitStatus(exitUnmet)
	}
	if warnings > 0 {
		a.say("no error, %s", count(warnings, "warning"))
	} else {
		a.say("nothing to find fault with")
	}
	return nil
}

// printFindings prints what was found: each with the line that it is about, where people read it.
func (a *app) printFindings(findings []labs.Finding) error {
	if a.format != output.Table {
		return a.print(findings, nil, nil)
	}
	for _, f := range findings {
		style := lipgloss.NewStyle().Foreground(lipgloss.Red)
		if f.Severity == mark.Warning {
			style = style.Foreground(lipgloss.Yellow)
		}
		text := fmt.Sprintf("%s: %s: %s", f.Place(), a.paint(string(f.Severity), style), f.Text)
		if f.Excerpt != "" {
			text += "\n" + f.Excerpt
		}
		if _, err := fmt.Fprintln(a.stdout, text); err != nil {
			return err
		}
	}
	return nil
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func newLabSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of lab.yaml, with which editors complete it",
		Long: `Prints the JSON Schema of lab.yaml. An editor that speaks the YAML language server's protocol uses it where the file begins with

    # yaml-language-server: $schema=lab.schema.json`,
		Example: `  ddsctl lab schema > lab.schema.json`,
		Args:    positional(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			text, err := format.Schema()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s\n", text)
			return err
		},
	}
}
