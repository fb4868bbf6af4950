package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `ddsctl starts each exercise of "Designing Distributed Systems" as containers on this machine, drives real
traffic and failures through it, and shows it live in the terminal.`

const rootExample = `  ddsctl lab list                     which labs there are
  ddsctl lab up sharded-redis         twemproxy in front of three Redis shards
  ddsctl lab show sharded-redis       its guide: what to predict, do and watch
  ddsctl lab down sharded-redis       leave nothing behind`

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "ddsctl",
		Short:         "distributed systems you can start, load, break and watch",
		Long:          rootLong,
		Example:       rootExample,
		SilenceErrors: true, // app.report prints them
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          unknownSubcommand,

		SuggestionsMinimumDistance: 2,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w (see `%s --help`)", err, cmd.CommandPath())
	})
	root.PersistentFlags().StringVar(&a.host, "host", "", "address of the container engine (default: DOCKER_HOST, the Docker context, or the usual sockets)")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colours (NO_COLOR does the same)")
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)

	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))

	root.AddGroup(&cobra.Group{ID: groupLabs, Title: "Labs:"}, &cobra.Group{ID: groupMachine, Title: "This machine:"})
	root.SetHelpCommandGroupID(groupMachine)
	root.SetCompletionCommandGroupID(groupMachine)
	root.AddCommand(
		newLabCommand(a),
		newAttachCommand(a),
		newDetachCommand(a),
		newDashCommand(a),
		newFaultCommand(a),
		newImageCommand(a),
		newDoctorCommand(a),
		newTrafficCommand(a),
		newScenarioCommand(a),
		newExerciseCommand(a),
		newClassCommand(a),
		newVersionCommand(a),
		newNodeCommand(a),
	)
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "doctor", "image", "version":
			cmd.GroupID = groupMachine
		default:
			cmd.GroupID = groupLabs
		}
	}
	return root
}

// The groups of commands in ddsctl's help.
const (
	groupLabs    = "labs"
	groupMachine = "machine"
)

// unknownSubcommand prints the help of a command that only groups others, and refuses a word that is none of them.
func unknownSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return usagef("%s (see `%s --help`)", text, cmd.CommandPath())
}

// group makes a command that only groups others.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: unknownSubcommand,
		SuggestionsMinimumDistance: 2}
	cmd.AddCommand(commands...)
	return cmd
}

// positional wraps cobra's checks of positional arguments so that a wrong count is a usage error.
func positional(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usagef("%w: use `%s` (see `%s --help`)", err, strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
		}
		return nil
	}
}
