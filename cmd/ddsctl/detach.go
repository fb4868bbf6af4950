package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
)

func newDetachCommand(a *app) *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "detach [PROJECT|DIR]",
		Short: "Leave an attached Compose project as it was",
		Long: `Heals every fault that stands in a project that was attached, then removes ddsctl's helpers and what they kept. The project itself runs on,
untouched.`,
		Example: `  ddsctl detach
  ddsctl detach shop`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeAttached,
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := a.attachedLab(cmd.Context(), args)
			if err != nil {
				return err
			}
			result, err := a.detach(cmd.Context(), lab, lifecycle.DownOptions{}, force)
			if err != nil {
				return err
			}
			a.sayDown(result)
			if a.format != output.Table {
				return a.print(result, nil, nil)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove the helpers although a fault could not be healed")
	a.formatFlag(cmd)
	return cmd
}

// attachedLab is the attached project that is meant; without a word, the only one.
func (a *app) attachedLab(ctx context.Context, args []string) (runningLab, error) {
	running, err := a.running(ctx)
	if err != nil {
		return runningLab{}, err
	}
	if len(args) == 1 {
		lab, err := pick(running, args[0])
		switch {
		case errors.Is(err, engine.ErrNotFound):
			return lab, hint.Wrap(fmt.Errorf("%s is not attached: %w", args[0], engine.ErrNotFound), "nothing of ddsctl's is in it")
		case err == nil && !lab.attached():
			return lab, hint.Wrap(fmt.Errorf("%s is a lab that ddsctl has started", lab.name), "take it down: ddsctl lab down %s", lab.name)
		}
		return lab, err
	}
	var list []runningLab
	for _, l := range running {
		if l.attached() {
			list = append(list, l)
		}
	}
	if len(list) == 0 {
		return runningLab{}, hint.Wrap(errors.New("no project is attached"), "there is nothing to detach; labs are taken down: ddsctl lab down")
	}
	return pick(list, "")
}

// detach heals what stands in an attached project, and removes what ddsctl put beside it.
func (a *app) detach(ctx context.Context, lab runningLab, options lifecycle.DownOptions, force bool) (downResult, error) {
	options.KeepVolumes = false // there is only the journal of faults
	if !options.DryRun {
		if err := a.healAttached(ctx, lab); err != nil {
			if !force {
				return downResult{}, hint.Wrap(fmt.Errorf("detach from %s: heal its faults: %w", lab.name, err),
					"the helpers stay, so that it can be tried again; ddsctl detach --force %s removes them all the same", lab.name)
			}
			a.say("warning: faults on nodes of %s may stand: %v", lab.name, err)
		}
	}
	result, err := a.down(ctx, lab.name, options)
	result.detached = len(lab.nodes()) > 0
	return result, err
}

// healAttached heals every fault. What stands is in the wire's journal, so that a wire that does not run is brought back first.
func (a *app) healAttached(ctx context.Context, lab runningLab) error {
	_, err := helper.Find(lab.state, engine.HelperWire)
	switch {
	case err == nil:
	case len(lab.nodes()) == 0:
		return nil // the project is gone, and what was done to it
	case lab.hasJournal():
		progress := a.progress()
		_, err := launch.New(a.engineClient, launch.Options{Address: a.engineClient.Address()}).Attach(ctx,
			launch.Attachment{Project: lab.name, Lab: lab.slug, Source: lab.source, Helpers: helper.Options{NoClient: true}}, show(progress))
		progress.Close()
		if err != nil {
			return fmt.Errorf("bring the wire back, which knows of them: %w", err)
		}
	default:
		return nil // without a wire there is no fault
	}
	handle, err := a.openLive(ctx, lab)
	if err != nil {
		return err
	}
	return errors.Join(handle.HealAll(ctx), handle.Close())
}

func (l runningLab) hasJournal() bool {
	for _, v := range l.state.Volumes {
		if v.Labels[engine.LabelAttached] != "" {
			return true
		}
	}
	return false
}

// ours refuses what would change the containers of a project that ddsctl has not started.
func (l runningLab) ours(verb, instead string) error {
	if !l.attached() {
		return nil
	}
	return hint.Wrap(fmt.Errorf("%s %s: ddsctl has not started it, and changes nothing of it", verb, l.name), "%s", instead)
}

// completeAttached completes PROJECT: those that are attached.
func (a *app) completeAttached(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var list []cobra.Completion
	if len(args) == 0 {
		for _, l := range a.completeRunning(cmd) {
			if l.attached() {
				list = append(list, l.completion())
			}
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
