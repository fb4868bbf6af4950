package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

type downOptions struct {
	all         bool
	keepVolumes bool
	dryRun      bool
	timeout     time.Duration
}

// downResult is the JSON form of what was removed: part of the contract.
type downResult struct {
	Name    string         `json:"name"`
	Changed bool           `json:"changed"`
	DryRun  bool           `json:"dry_run,omitempty"`
	Removed []plan.Outcome `json:"removed"`

	summary  string
	detached bool
}

func newLabDownCommand(a *app) *cobra.Command {
	var o downOptions
	cmd := &cobra.Command{
		Use:   "down [LAB|DIR]",
		Short: "Remove a running lab: its containers, networks and volumes",
		Long: `Removes everything that ddsctl made for a lab, and nothing else. It works as well for a lab that was interrupted while it came up,
and for one whose folder is gone. A project that was attached is detached, and runs on.`,
		Example: `  ddsctl lab down                     the only running lab
  ddsctl lab down sharded-redis
  ddsctl lab down --all               every lab
  ddsctl lab down --keep-volumes      keep its data for the next time`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeLab,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labDown(cmd.Context(), cmd, o, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.all, "all", false, "every running lab")
	flags.BoolVar(&o.keepVolumes, "keep-volumes", false, "leave the lab's volumes")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be removed")
	flags.DurationVar(&o.timeout, "timeout", 0, "how long containers may take to stop, such as 10s (default: what they ask for, else short)")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labDown(ctx context.Context, cmd *cobra.Command, o downOptions, args []string) error {
	if o.all && len(args) > 0 {
		return usagef("either a lab or --all")
	}
	running, err := a.running(ctx)
	if err != nil {
		return err
	}
	names, unsure := labNames(running), error(nil)
	if !o.all {
		name, err := a.downName(ctx, running, args)
		if name == "" {
			return err
		}
		names, unsure = []string{name}, err
	}
	options := lifecycle.DownOptions{KeepVolumes: o.keepVolumes, DryRun: o.dryRun}
	if cmd.Flags().Changed("timeout") {
		options.Grace = &o.timeout
	}
	results, failed := []downResult{}, error(nil)
	for _, name := range names {
		result, err := a.downOrDetach(ctx, running, name, options)
		failed = errors.Join(failed, err)
		switch {
		case err != nil:
		case unsure != nil && !result.Changed:
			failed = errors.Join(failed, unsure)
		default:
			a.sayDown(result)
			results = append(results, result)
		}
	}
	if len(names) == 0 {
		a.say("no lab is running: nothing to remove")
	}
	if a.format != output.Table {
		failed = errors.Join(a.print(results, nil, nil), failed)
	}
	return failed
}

// downName is the project to remove. One of which nothing is there may still be asked for: it may have been interrupted at an instant
// from which something is yet to come. Where the word names no lab at all it is returned with the error to report if nothing was.
func (a *app) downName(ctx context.Context, running []runningLab, args []string) (string, error) {
	if len(args) == 0 {
		lab, err := pick(running, "")
		return lab.name, err
	}
	lab, err := pick(running, args[0])
	if err == nil || !errors.Is(err, engine.ErrNotFound) {
		return lab.name, err
	}
	if name, ok := a.projectName(ctx, args[0]); ok {
		return name, nil
	}
	if looksLikePath(args[0]) {
		return "", err
	}
	return args[0], err
}

// downOrDetach leaves an attached project running: of that, only what ddsctl put beside it is removed.
func (a *app) downOrDetach(ctx context.Context, running []runningLab, name string, options lifecycle.DownOptions) (downResult, error) {
	for _, l := range running {
		if l.name == name && l.attached() {
			return a.detach(ctx, l, options, false)
		}
	}
	return a.down(ctx, name, options)
}

func (a *app) down(ctx context.Context, name string, options lifecycle.DownOptions) (downResult, error) {
	client, err := a.engine(ctx)
	if err != nil {
		return downResult{}, err
	}
	progress := a.progress()
	result, err := launch.New(client, launch.Options{Address: client.Address()}).Down(ctx, name, options, show(progress))
	progress.Close()
	if err != nil {
		return downResult{}, fmt.Errorf("take down %s: %w", name, err)
	}
	for _, w := range result.Warnings {
		a.say("warning: %s", w)
	}
	removed := result.Outcomes
	if removed == nil {
		removed = []plan.Outcome{}
	}
	return downResult{Name: name, Changed: result.Changed(), DryRun: options.DryRun, Removed: removed,
		summary: result.Summary() + " in " + seconds(result.Duration)}, nil
}

func (a *app) sayDown(r downResult) {
	switch {
	case !r.Changed:
		a.say("%s: nothing to remove", r.Name)
	case r.DryRun:
		for _, x := range r.Removed {
			a.say("would remove %s %s", x.Kind, x.Name)
		}
	case r.detached:
		a.say("%s is detached, and runs on as it was: %s", r.Name, r.summary)
	default:
		a.say("%s: %s", r.Name, r.summary)
	}
}

// seconds is a duration for people.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
