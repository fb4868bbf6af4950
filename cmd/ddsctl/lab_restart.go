package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

type restartOptions struct {
	noWait  bool
	dryRun  bool
	timeout time.Duration
}

// restartResult is the JSON form of what was restarted: part of the contract.
type restartResult struct {
	Name      string         `json:"name"`
	DryRun    bool           `json:"dry_run,omitempty"`
	Restarted []plan.Outcome `json:"restarted"`
	Warnings  []string       `json:"warnings"`
	Duration  int64          `json:"duration_ns"`
}

func newLabRestartCommand(a *app) *cobra.Command {
	var o restartOptions
	cmd := &cobra.Command{
		Use:   "restart [LAB] [NODE|SERVICE...]",
		Short: "Stop nodes of a running lab and start them again",
		Long: `Stops nodes and starts them again as they are, those that others depend on first, and waits until they are ready; without names, all of
the lab's. Nodes that were stopped are started. What has changed in the lab's files is not taken over: ddsctl lab apply does that. To end a node
as a fault, without a word to it, there is ddsctl fault inject restart.`,
		Example: `  ddsctl lab restart                  every node of the only running lab
  ddsctl lab restart twemproxy
  ddsctl lab restart sharded-redis redis-1 redis-2`,
		ValidArgsFunction: a.completeNodes(0, true),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labRestart(cmd.Context(), cmd, o, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.noWait, "no-wait", false, "do not wait until the nodes are ready")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	flags.DurationVarP(&o.timeout, "timeout", "t", 0, "how long nodes may take to stop, such as 10s (default: what they ask for, else short)")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labRestart(ctx context.Context, cmd *cobra.Command, o restartOptions, args []string) error {
	lab, words, err := a.pickWords(ctx, args)
	if err != nil {
		return err
	}
	if err := lab.ours("restart", fmt.Sprintf("docker compose -p %s restart; as a fault, which is healed: ddsctl fault inject restart %s NODE", lab.name, lab.name)); err != nil {
		return err
	}
	options := lifecycle.RestartOptions{NoWait: o.noWait, DryRun: o.dryRun}
	if options.Only, err = lab.selection(words); err != nil {
		return err
	}
	if cmd.Flags().Changed("timeout") {
		options.Grace = &o.timeout
	}
	if spec, ok := a.specOf(ctx, lab); ok {
		options.Spec = &spec
	}
	progress := a.progress()
	result, err := launch.New(a.engineClient, launch.Options{Address: a.engineClient.Address()}).Restart(ctx, lab.name, options, show(progress))
	progress.Close()
	for _, w := range result.Warnings {
		a.say("%s %s", a.paintErr("warning:", lipgloss.NewStyle().Foreground(lipgloss.Yellow)), w)
	}
	if err != nil {
		return err
	}
	return a.tellRestart(o, result)
}

func (a *app) tellRestart(o restartOptions, result lifecycle.Result) error {
	if o.dryRun {
		for _, line := range strings.Split(strings.TrimSpace(result.Plan.String()), "\n") {
			a.say("would %s", line)
		}
	} else {
		a.say("%s: %s%s", result.Project, result.Summary(), took(result))
	}
	if a.format == output.Table {
		return nil
	}
	data := restartResult{Name: result.Project, DryRun: o.dryRun, Restarted: []plan.Outcome{}, Warnings: []string{}, Duration: int64(result.Duration)}
	data.Restarted, data.Warnings = append(data.Restarted, result.Outcomes...), append(data.Warnings, result.Warnings...)
	return a.print(data, nil, nil)
}
