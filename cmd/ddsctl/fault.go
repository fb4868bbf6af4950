package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

func newFaultCommand(a *app) *cobra.Command {
	return group("fault", "Break a running lab on purpose, and mend it",
		`A fault is put on nodes (kill, pause, cpu, ...) or on the links between them (cut, delay, loss, ...). Faults compose: each stands until
it is healed, or until its --for is over, which holds although ddsctl is killed in the meantime.`,
		newFaultInjectCommand(a), newFaultListCommand(a), newFaultHealCommand(a), newFaultKindsCommand(a), newFaultKeepCommand(a),
	)
}

func newFaultListCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [LAB]",
		Short: "Show the faults that stand, and whether they bite",
		Long: `Shows the faults that stand in a running lab, the oldest first. BITES is yes or no where it was measured: by the engine for nodes, by
the wire for links; unknown until there was traffic on them.`,
		Example:           "  ddsctl fault list\n  ddsctl fault list sharded-redis -o json",
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeLab,
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, rest, err := a.pickLive(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer lab.Close() // a connection that was only read from
			if len(rest) > 0 {
				return usagef("%q is not a running lab", rest[0])
			}
			faults, err := lab.Faults(cmd.Context())
			if err != nil {
				return err
			}
			if len(faults) == 0 && a.format == output.Table {
				a.say("no fault stands in %s", lab.Project)
				return nil
			}
			return a.printFaults(faults)
		},
	}
	a.formatFlag(cmd)
	return cmd
}

func (a *app) printFaults(faults []telemetry.Fault) error {
	now := time.Now()
	rows := make([][]string, 0, len(faults))
	for _, f := range faults {
		ends := "when healed"
		if f.Expires != nil {
			ends = "in " + output.Age(f.Expires.Sub(now))
		}
		rows = append(rows, []string{f.ID, f.Kind, f.Target, f.Detail, clockTime(f.Start), ends, f.Verified})
	}
	return a.print(faults, []string{"ID", "KIND", "TARGET", "STRENGTH", "SINCE", "ENDS", "BITES"}, rows)
}

func newFaultHealCommand(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "heal [LAB] ID...|--all",
		Short: "Undo faults: nodes and links get back what they had before",
		Example: `  ddsctl fault heal f3k2
  ddsctl fault heal --all
  ddsctl fault heal sharded-redis --all`,
		ValidArgsFunction: a.completeFaults,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.faultHeal(cmd.Context(), args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every fault of the lab")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) faultHeal(ctx context.Context, args []string, all bool) error {
	running, err := a.running(ctx)
	if err != nil {
		return err
	}
	meant, ids, err := pickBefore(running, args)
	if err != nil {
		return err
	}
	lab, err := a.openLive(ctx, meant)
	if err != nil {
		return err
	}
	defer lab.Close() // what was done stands, and its error was reported
	switch {
	case all && len(ids) > 0:
		return usagef("either faults by their IDs, or --all")
	case !all && len(ids) == 0:
		return usagef("which fault? `ddsctl fault list` shows their IDs; --all heals every one")
	}
	var healed []telemetry.Fault
	if all {
		healed, err = lab.Injector().HealAll(ctx)
	} else {
		healed, err = lab.Injector().Heal(ctx, ids...)
	}
	if err != nil {
		for _, f := range healed {
			a.sayHealed(f)
		}
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(healed, func(f telemetry.Fault) bool { return f.ID == id }) {
			return hint.Wrap(fmt.Errorf("no fault %q stands in %s: %w", id, lab.Project, engine.ErrNotFound), "`ddsctl fault list` shows those that do")
		}
	}
	if a.format != output.Table {
		if healed == nil {
			healed = []telemetry.Fault{}
		}
		return a.printFaults(healed)
	}
	if len(healed) == 0 {
		a.say("no fault stands in %s", lab.Project)
	}
	for _, f := range healed {
		a.sayHealed(f)
	}
	return nil
}

func (a *app) sayHealed(f telemetry.Fault) {
	a.say("healed %s", strings.TrimSpace(strings.Join([]string{f.ID, f.Kind, f.Target, f.Detail}, " ")))
}

func newFaultKindsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kinds",
		Short: "Show which faults there are",
		Args:  positional(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			var kinds []fault.Help
			var rows [][]string
			for _, k := range fault.Kinds() {
				help := k.Help()
				if help.Params == nil {
					help.Params = []fault.Param{}
				}
				kinds = append(kinds, help)
				rows = append(rows, []string{help.Name, help.On, help.Summary, "ddsctl fault inject " + help.Example})
			}
			return a.print(kinds, []string{"KIND", "ON", "DOES", "EXAMPLE"}, rows)
		},
	}
	a.formatFlag(cmd)
	return cmd
}

// completeFaults completes [LAB] ID...: the faults of the only lab, or of the one that is named.
func (a *app) completeFaults(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	var list []cobra.Completion
	labs := a.completeRunning(cmd)
	if len(args) == 0 {
		for _, l := range labs {
			list = append(list, l.completion())
		}
	}
	picked, given, err := pickFirst(labs, args)
	if err != nil {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	lab, err := a.openLive(ctx, picked)
	if err != nil {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	defer lab.Close() // a connection that was only read from
	faults, err := lab.Faults(ctx)
	if err != nil {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	for _, f := range faults {
		if !slices.Contains(given, f.ID) {
			list = append(list, cobra.CompletionWithDesc(f.ID, strings.TrimSpace(f.Kind+" "+f.Target+" "+f.Detail)))
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
