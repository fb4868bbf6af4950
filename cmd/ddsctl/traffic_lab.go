package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/live"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
	trafficclient "github.com/ddsctl/ddsctl/scenarios/traffic/client"
)

// withTraffic finds the lab that arguments of the form [LAB] WORKLOAD... are about, and hands its traffic client and the other words on.
func (a *app) withTraffic(ctx context.Context, args []string, do func(*trafficclient.Client, []string) error) (err error) {
	running, err := a.running(ctx)
	if err != nil {
		return err
	}
	picked, names, err := pickTraffic(running, args)
	if err != nil {
		return err
	}
	lab, err := a.openLive(ctx, picked)
	if err != nil {
		return err
	}
	defer lab.Close() // a connection that was only read from
	return a.onLab(ctx, lab, names, do)
}

func (a *app) onLab(ctx context.Context, lab *live.Lab, names []string, do func(*trafficclient.Client, []string) error) error {
	client, err := lab.Traffic(ctx)
	if err != nil {
		return err
	}
	err = do(client, names)
	var told *control.Error
	if errors.As(err, &told) && told.Code == control.CodeArguments { // what the user said is wrong, not the call
		err = errors.New(told.Text)
		if told.Hint != "" {
			err = hint.Wrap(err, "%s", told.Hint)
		}
	}
	return err
}

// pickTraffic takes the first word for the lab where it names one that runs, and else for a workload of the lab that is meant without a name.
func pickTraffic(running []runningLab, args []string) (runningLab, []string, error) {
	if len(args) == 0 {
		lab, err := pick(running, "")
		return lab, nil, err
	}
	lab, err := pick(running, args[0])
	if err == nil {
		return lab, args[1:], nil
	}
	if one, ok := only(running); ok && !looksLikePath(args[0]) {
		return one, args, nil
	}
	return lab, nil, err
}

type trafficStartOptions struct {
	workload workloadFlags
	name     string
	targets  []string
}

func newTrafficStartCommand(a *app) *cobra.Command {
	var o trafficStartOptions
	cmd := &cobra.Command{
		Use:   "start [LAB] [WORKLOAD...]",
		Short: "Start traffic in a running lab",
		Long: `Starts workloads of the lab by name, or, without names, all of its own that do not run and are not marked as manual. --target and --file
start a new workload; one with the name of a workload that runs takes its place. The names in the addresses are those of the lab's services.`,
		Example: `  ddsctl traffic start
  ddsctl traffic start sharded-redis burst
  ddsctl traffic start --name more --target redis://twemproxy:22121 --rate 2000 --keys zipfian`,
		ValidArgsFunction: a.completeLab,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trafficStart(cmd.Context(), cmd.Flags(), o, args)
		},
	}
	o.workload.add(cmd)
	cmd.Flags().Lookup("for").DefValue = "0s"
	cmd.Flags().Lookup("for").Usage = "how long (default: until it is stopped)"
	cmd.Flags().StringVar(&o.name, "name", "", "the new workload's name (default: its protocol)")
	cmd.Flags().StringArrayVar(&o.targets, "target", nil, "the address that a new workload asks; may be repeated")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) trafficStart(ctx context.Context, flags changed, o trafficStartOptions, args []string) error {
	if len(o.targets) == 0 && o.workload.file == "" {
		if name := o.workload.given(flags); name != "" {
			return usageError{hint.Wrap(fmt.Errorf("--%s describes a new workload, and there is no --target", name),
				"name the address to ask, such as --target redis://twemproxy:22121, or change a workload that runs with ddsctl traffic set")}
		}
		return a.withTraffic(ctx, args, func(c *trafficclient.Client, names []string) error {
			started, err := c.StartOwn(ctx, names...)
			if err != nil {
				return err
			}
			if len(started) == 0 {
				a.say("nothing to start: the lab's workloads run, or have to be named because they are manual (`ddsctl traffic show`)")
			}
			return a.printLoads(started)
		})
	}
	if !flags.Changed("for") {
		o.workload.duration = 0
	}
	spec, err := o.workload.spec(a.stdin, flags, o.targets)
	if err != nil {
		return err
	}
	if o.name != "" {
		spec.Name = o.name
	}
	if err := spec.Validate(); err != nil {
		return usageError{hint.Wrap(fmt.Errorf("this traffic cannot be made:\n%w", err), "ddsctl traffic start --help")}
	}
	return a.withTraffic(ctx, args, func(c *trafficclient.Client, names []string) error {
		if len(names) > 0 {
			return usagef("a new workload gets its name with --name, not as an argument: %s", strings.Join(names, " "))
		}
		started, err := c.Start(ctx, spec)
		if err != nil {
			return err
		}
		return a.printLoads(started)
	})
}

func newTrafficStopCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop [LAB] [WORKLOAD...]",
		Short: "Stop traffic in a running lab, and report",
		Long:  "Stops workloads by name, all without names, and reports what came of them. `ddsctl traffic start` starts the lab's own again.",
		Example: `  ddsctl traffic stop
  ddsctl traffic stop sharded-redis burst -o json`,
		ValidArgsFunction: a.completeLab,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withTraffic(ctx, args, func(c *trafficclient.Client, names []string) error {
				stopped, err := c.Stop(ctx, names...)
				if err != nil {
					return err
				}
				return a.printReports(stopped, "nothing runs")
			})
		},
	}
	a.formatFlag(cmd)
	return cmd
}

func newTrafficShowCommand(a *app) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "show [LAB] [WORKLOAD...]",
		Short: "Show a running lab's traffic",
		Long: `Lists the lab's workloads with what they get; with names, the whole report of each since its start. --watch goes on until Ctrl-C, and prints
one line of JSON about twice a second with -o json.`,
		Example: `  ddsctl traffic show
  ddsctl traffic show sharded-redis steady
  ddsctl traffic show --watch`,
		ValidArgsFunction: a.completeLab,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withTraffic(ctx, args, func(c *trafficclient.Client, names []string) error {
				if watch {
					return a.trafficWatch(ctx, c, names)
				}
				all, err := c.Show(ctx, len(names) > 0)
				if err != nil {
					return err
				}
				if len(names) == 0 {
					return a.printStatuses(all)
				}
				for _, name := range names {
					if !slices.ContainsFunc(all, func(s trafficclient.Status) bool { return s.Workload.Name == name }) {
						return hint.Wrap(fmt.Errorf("the lab has no workload %q", name), "ddsctl traffic show lists them")
					}
				}
				all = slices.DeleteFunc(all, func(s trafficclient.Status) bool { return !slices.Contains(names, s.Workload.Name) })
				return a.printReports(all, "")
			})
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on until Ctrl-C")
	a.formatFlag(cmd)
	return cmd
}

// trafficWatch shows each workload in a line that changes, or as lines of JSON.
func (a *app) trafficWatch(ctx context.Context, c *trafficclient.Client, names []string) error {
	_, live := terminalFile(a.stdout)
	progress := output.NewProgress(a.stdout, output.Terminal{Live: live, Color: a.color(a.stdout), ASCII: a.ascii(), Width: func() int { return a.width(a.stdout) }})
	defer progress.Close()
	for item, err := range c.Watch(ctx) {
		if err != nil {
			if ctx.Err() != nil {
				return nil // Ctrl-C is how it ends
			}
			return err
		}
		if len(names) > 0 {
			item = slices.DeleteFunc(item, func(t telemetry.Traffic) bool { return !slices.Contains(names, t.Workload) })
		}
		switch {
		case a.format != output.Table:
			if err := json.NewEncoder(a.stdout).Encode(item); err != nil {
				return err
			}
		case live:
			for _, t := range item {
				progress.Update(t.Workload, t.Workload, output.Working, trafficLine(t))
			}
		default:
			for _, t := range item {
				if _, err := fmt.Fprintf(a.stdout, "%s  %s\n", t.Workload, trafficLine(t)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// printStatuses lists workloads, a line each.
func (a *app) printStatuses(all []trafficclient.Status) error {
	rows := make([][]string, 0, len(all))
	for _, s := range all {
		row := []string{s.Workload.Name, string(s.State), strings.Join(s.Workload.Target, " "), "-", "-", "-", "-", "-", "-"}
		switch {
		case s.Error != "":
			row[1] += ": " + s.Error
		case s.Now != nil:
			row = append(row[:3], asked(s.Now.Loop, s.Now.Asked), traffic.Rate(s.Now.Achieved), traffic.Seconds(s.Now.Latency.P50), traffic.Seconds(s.Now.Latency.P99),
				traffic.Percent(s.Now.ErrorRate()), traffic.Rate(s.Now.Dropped))
		case s.Report != nil:
			row = append(row[:3], asked(s.Report.Loop, s.Report.Asked), traffic.Rate(s.Report.Achieved), traffic.Seconds(s.Report.Latency.P50),
				traffic.Seconds(s.Report.Latency.P99), traffic.Percent(s.Report.ErrorRate()), fmt.Sprint(s.Report.Dropped))
		}
		rows = append(rows, row)
	}
	return a.print(all, []string{"WORKLOAD", "STATE", "TARGET", "ASKED", "ACHIEVED", "P50", "P99", "ERRORS", "DROPPED"}, rows)
}

// printLoads lists workloads that were started or changed a moment ago, with what they are to do: there is nothing to measure yet.
func (a *app) printLoads(all []trafficclient.Status) error {
	rows := make([][]string, 0, len(all))
	for _, s := range all {
		rows = append(rows, []string{s.Workload.Name, string(s.State), strings.Join(s.Workload.Target, " "), loadWords(s.Workload)})
	}
	return a.print(all, []string{"WORKLOAD", "STATE", "TARGET", "LOAD"}, rows)
}

// loadWords is a workload's load in a few words.
func loadWords(spec workload.Spec) string {
	arrival := spec.Arrival
	words := string(arrival.Process)
	switch {
	case spec.Loop == workload.LoopClosed:
		words = fmt.Sprintf("closed loop, %d connections", spec.Connections)
	case arrival.Process == workload.ProcessConstant, arrival.Process == workload.ProcessPoisson:
		words += " " + traffic.Rate(arrival.Rate)
	case arrival.Process == workload.ProcessRamp:
		words += fmt.Sprintf(" %s to %s in %s", traffic.Rate(arrival.Rate), traffic.Rate(arrival.To), arrival.Over)
	}
	if spec.Duration > 0 {
		words += " for " + spec.Duration.String()
	}
	return words
}

func asked(loop string, rate float64) string {
	if loop == "closed" {
		return loop
	}
	return traffic.Rate(rate)
}

// printReports prints the whole reports, one below the other.
func (a *app) printReports(all []trafficclient.Status, none string) error {
	if a.format != output.Table {
		return output.Print(a.stdout, a.format, all, output.Rows{})
	}
	if len(all) == 0 {
		a.say("%s", none)
	}
	for i, s := range all {
		if i > 0 {
			_, _ = fmt.Fprintln(a.stdout)
		}
		_, _ = fmt.Fprintf(a.stdout, "workload   %s, %s\n", s.Workload.Name, s.State)
		if s.Error != "" {
			_, _ = fmt.Fprintf(a.stdout, "error      %s\n", s.Error)
		}
		if s.Report == nil {
			continue
		}
		if err := s.Report.Write(a.stdout, a.trafficStyle(a.stdout)); err != nil {
			return err
		}
	}
	return nil
}
