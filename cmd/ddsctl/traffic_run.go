package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
)

type trafficRunOptions struct {
	workload workloadFlags
	expect   []string
}

func newTrafficRunCommand(a *app) *cobra.Command {
	var o trafficRunOptions
	cmd := &cobra.Command{
		Use:   "run [URL...]",
		Short: "Ask an address from this machine, and report",
		Long: `Asks an address, or several turn by turn, and reports rates, latencies and errors. Ctrl-C ends the run early; the report
comes all the same. Schemes: ` + strings.Join(workload.Schemes(), ", ") + `.

Latency runs from when a request was due, service from when it was sent. Latencies are of the requests that succeeded or got no answer in
time; what failed otherwise is in the errors only.

In paths, headers, bodies, commands and statements, {key}, {number} and {value} stand for the request's key, its number and a value.

--expect fails the command with exit code 4 where it does not hold; it knows ` + strings.Join([]string{"p50", "p90", "p99", "p999", "max_latency", "errors",
			"achieved", "dropped"}, ", ") + ` and more.`,
		Example: `  ddsctl traffic run http://127.0.0.1:8080 --rate 1000 --for 30s
  ddsctl traffic run redis://127.0.0.1:6379 --rate 5000 --arrival poisson --keys zipfian --zipf 1.1
  ddsctl traffic run 'http://127.0.0.1:8080/item/{key}' --closed --connections 64
  ddsctl traffic run http://127.0.0.1 --rate 200 --expect 'p99 < 50ms' --expect 'errors < 0.1%'
  ddsctl traffic run mysql://root:pw@127.0.0.1/shop --statement 'SELECT * FROM items WHERE id = {number}'
  ddsctl traffic run -f workload.yaml -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.trafficRun(cmd.Context(), cmd.Flags(), args, o)
		},
	}
	o.workload.add(cmd)
	cmd.Flags().StringArrayVar(&o.expect, "expect", nil, "what should hold, such as 'p99 < 50ms' or 'errors < 0.1%'; may be repeated")
	a.formatFlag(cmd)
	return cmd
}

// trafficResult is a run's report with what was expected of it.
type trafficResult struct {
	traffic.Report
	Expectations []expect.Result `json:"expectations,omitempty"`
}

func (a *app) trafficRun(ctx context.Context, flags changed, args []string, o trafficRunOptions) error {
	spec, err := o.workload.spec(a.stdin, flags, args)
	if err != nil {
		return err
	}
	var expectations []expect.Expectation
	for _, text := range o.expect {
		e, err := expect.Compile(text)
		if err != nil {
			return usageError{err}
		}
		expectations = append(expectations, e)
	}
	if err := spec.Validate(); err != nil {
		return usageError{hint.Wrap(fmt.Errorf("this traffic cannot be made:\n%w", err), "ddsctl traffic run --help")}
	}

	progress := a.progress()
	spec = spec.WithDefaults()
	label := strings.Join(spec.Target, " ")
	if target, err := workload.ParseTarget(spec.Target[0]); err == nil && len(spec.Target) == 1 {
		label = target.Redacted()
	}
	progress.Update("run", label, output.Working, "opening connections")
	var windows []telemetry.Snapshot
	began := time.Now()
	run, err := traffic.Start(ctx, traffic.Options{Workload: spec, Exact: true, Patience: time.Second, Observe: func(t telemetry.Traffic) {
		now := time.Now()
		window := now.Sub(began)
		if len(windows) > 0 {
			window = now.Sub(windows[len(windows)-1].Time)
		}
		windows = append(windows, telemetry.Snapshot{Time: now, Window: window, Traffic: []telemetry.Traffic{t}})
		progress.Update("run", label, output.Working, trafficLine(t))
	}})
	if err != nil {
		progress.Drop("run")
		progress.Close()
		return usageError{err}
	}
	report := run.Wait()
	progress.Drop("run")
	progress.Close()
	if err := run.Err(); err != nil {
		return err
	}
	if report.Started.IsZero() {
		return ctx.Err()
	}
	result := trafficResult{Report: report}
	for _, e := range expectations {
		result.Expectations = append(result.Expectations, e.Judge(expect.Run{Start: report.Started, End: time.Now(), Snapshots: windows}))
	}
	if err := a.printTraffic(result); err != nil {
		return err
	}
	if ctx.Err() != nil && spec.Duration > 0 && report.Elapsed < spec.Duration.Std() {
		a.say("interrupted after %v of %v", report.Elapsed.Round(100*time.Millisecond), spec.Duration.Std())
	}
	if next := trafficAdvice(report); next != "" {
		a.say("%s", next)
	}
	if slices.ContainsFunc(result.Expectations, func(r expect.Result) bool { return r.Verdict != expect.Holds }) {
		return exitStatus(exitUnmet)
	}
	if report.TotalSucceeded == 0 && report.TotalFailed > 0 {
		return fmt.Errorf("none of %d requests succeeded: %s", report.TotalFailed, report.Errors[0].Example)
	}
	return nil
}

// trafficLine is the last window in a line.
func trafficLine(t telemetry.Traffic) string {
	rate := traffic.Rate(t.Achieved)
	if t.Loop == string(workload.LoopOpen) {
		rate += " of " + traffic.Rate(t.Asked)
	}
	parts := []string{rate}
	if t.Latency.Count > 0 {
		parts = append(parts, "p50 "+traffic.Seconds(t.Latency.P50), "p99 "+traffic.Seconds(t.Latency.P99))
	}
	parts = append(parts, fmt.Sprintf("in flight %d", t.InFlight))
	if rate := t.ErrorRate(); rate > 0 {
		parts = append(parts, "errors "+traffic.Percent(rate))
	}
	if t.Dropped > 0 {
		parts = append(parts, "dropped "+traffic.Rate(t.Dropped))
	}
	return strings.Join(parts, ", ")
}

// trafficAdvice says what in a report may mislead.
func trafficAdvice(r traffic.Report) string {
	switch {
	case r.Loop != string(workload.LoopOpen) || r.Latency.Count == 0:
		return ""
	case r.Lateness.P99 > 2e-3 && r.Lateness.P99 > r.Latency.P99/4:
		return "this machine was busy: requests fell due up to " + traffic.Seconds(r.Lateness.P99) + " late (p99), which is in the latencies"
	case r.Dropped > 0 || r.Asked > 0 && r.Achieved < 0.95*r.Asked:
		return "the target did not keep up with the rate; --closed measures what it can do"
	case r.Delay.P99 > r.Service.P99 && r.Delay.P99 > 5e-3:
		return "requests waited longer for a connection than for their answer; --connections gives them more"
	}
	return ""
}

func (a *app) printTraffic(result trafficResult) error {
	if a.format != output.Table {
		return output.Print(a.stdout, a.format, result, output.Rows{})
	}
	if err := result.Write(a.stdout, a.trafficStyle(a.stdout)); err != nil {
		return err
	}
	if len(result.Expectations) > 0 {
		_, _ = fmt.Fprintln(a.stdout)
	}
	for _, e := range result.Expectations {
		measured := "measured " + e.Measured
		if e.Measured == "" {
			measured = e.Why
		}
		_, _ = fmt.Fprintf(a.stdout, "%-7s  %s  (%s)\n", e.Verdict, e.Text, measured)
	}
	return nil
}

// trafficStyle is how reports look on w.
func (a *app) trafficStyle(w io.Writer) traffic.Style {
	style := traffic.Style{ASCII: a.ascii(), Width: a.width(w)}
	if a.color(w) {
		bold, red := lipgloss.NewStyle().Bold(true), lipgloss.NewStyle().Foreground(lipgloss.Red)
		style.Strong = func(text string) string { return bold.Render(text) }
		style.Bad = func(text string) string { return red.Render(text) }
	}
	return style
}
