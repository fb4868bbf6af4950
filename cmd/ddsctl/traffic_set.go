package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/hint"
	trafficclient "github.com/ddsctl/ddsctl/scenarios/traffic/client"
)

type trafficSetOptions struct {
	workload      workloadFlags
	pause, resume bool
}

func newTrafficSetCommand(a *app) *cobra.Command {
	var o trafficSetOptions
	cmd := &cobra.Command{
		Use:   "set [LAB] [WORKLOAD]",
		Short: "Change traffic while it runs",
		Long: `Changes a workload that runs, all of the lab's without a name. What is not said stays as it is; a new arrival process starts at once.
--keys and the mix are replaced as a whole.`,
		Example: `  ddsctl traffic set --rate 2000
  ddsctl traffic set sharded-redis steady --keys zipfian --zipf 1.2
  ddsctl traffic set --ramp-to 5000 --ramp-over 1m
  ddsctl traffic set steady --pause`,
		ValidArgsFunction: a.completeLab,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trafficSet(cmd.Context(), cmd.Flags(), o, args)
		},
	}
	o.flags(cmd)
	a.formatFlag(cmd)
	return cmd
}

func (o *trafficSetOptions) flags(cmd *cobra.Command) {
	o.workload.addChanges(cmd)
	cmd.Flags().BoolVar(&o.pause, "pause", false, "let nothing fall due")
	cmd.Flags().BoolVar(&o.resume, "resume", false, "go on")
}

func (a *app) trafficSet(ctx context.Context, flags changed, o trafficSetOptions, args []string) error {
	if err := exclusive(flags, [2]string{"pause", "resume"}); err != nil {
		return err
	}
	change, err := o.change(flags)
	if err != nil {
		return err
	}
	if change.Empty() {
		return usageError{hint.Wrap(fmt.Errorf("nothing to change"), "ddsctl traffic set --rate 2000; see ddsctl traffic set --help")}
	}
	return a.withTraffic(ctx, args, func(c *trafficclient.Client, names []string) error {
		if len(names) > 1 {
			return usagef("one workload at a time, or all without a name: %s", strings.Join(names, " "))
		}
		name := strings.Join(names, "")
		statuses, err := c.Set(ctx, name, change)
		if err != nil {
			return err
		}
		return a.printLoads(statuses)
	})
}

// change is the change that the flags describe. --pause=false is as good as --resume.
func (o *trafficSetOptions) change(flags changed) (workload.Change, error) {
	change, err := o.workload.change(flags)
	paused := o.pause
	if flags.Changed("resume") {
		paused = !o.resume
	}
	if flags.Changed("pause") || flags.Changed("resume") {
		change.Pause = &paused
	}
	return change, err
}

// change is the change that the flags about the workload describe.
func (f *workloadFlags) change(flags changed) (workload.Change, error) {
	var c workload.Change
	var spec workload.Spec
	switch {
	case flags.Changed("rate") && !flags.Changed("arrival") && !flags.Changed("ramp-to") && !flags.Changed("steps"):
		c.Rate = &f.rate // the process stays
	case flags.Changed("rate"), flags.Changed("arrival"), flags.Changed("steps"), flags.Changed("ramp-to"):
		if err := f.load(&spec, flags); err != nil {
			return c, err
		}
		c.Arrival = &spec.Arrival
	}
	f.about(&spec, flags)
	if flags.Changed("keys") || flags.Changed("key-count") || flags.Changed("key-prefix") || flags.Changed("zipf") || flags.Changed("hot-fraction") || flags.Changed("hot-share") {
		c.Keys = &spec.Keys
	}
	if flags.Changed("value-size") {
		c.Values = &spec.Values
	}
	if err := f.operations(&spec, flags); err != nil {
		return c, err
	}
	c.Mix = spec.Mix
	return c, nil
}
