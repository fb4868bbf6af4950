package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/library"
	"github.com/ddsctl/ddsctl/scenarios/live"
	"github.com/ddsctl/ddsctl/scenarios/play"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/report"
	"github.com/ddsctl/ddsctl/scenarios/script"
	"github.com/ddsctl/ddsctl/scenarios/store"
)

// runOptions say how a scenario is run.
type runOptions struct {
	name   string
	seed   uint64
	repeat int
	keep   bool
	out    string
	trust  bool
	format string
}

func newScenarioRunCommand(a *app) *cobra.Command {
	o := runOptions{repeat: 1, format: string(output.Table)}
	cmd := &cobra.Command{
		Use:   "run SCENARIO|FILE",
		Short: "Run a scenario on its lab, and judge what happened",
		Long: `Brings the scenario's lab up where it does not run, heals what is broken, plays the phases, heals again, and judges the expectations. The run
is kept in a folder with its record and its report. Interrupted (Ctrl-C), what the run broke is healed and what was seen until then is
reported. A lab that was started for the run is removed after it, unless --keep.

Exit code 0 when every expectation holds, 4 when one fails or could not be judged.`,
		Example: `  ddsctl scenario run shard-loss
  ddsctl scenario run shard-loss --seed 7 --repeat 5
  ddsctl scenario run ./tests/loss.yaml -o junit > junit.xml     in CI
  ddsctl scenario run auto-eject --keep                          two variants side by side; the lab stays up`,
		Args:              positional(cobra.ExactArgs(1)),
		ValidArgsFunction: completeScenarios,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.scenarioRun(cmd.Context(), o, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "run the lab under this name (default: "+labVariable+" where it names one of this lab, else the lab's own)")
	flags.Uint64Var(&o.seed, "seed", 0, "fix what is drawn (default: the scenario's own)")
	flags.IntVar(&o.repeat, "repeat", o.repeat, "run it so many times")
	flags.BoolVar(&o.keep, "keep", false, "leave a lab that was started for the run")
	flags.StringVar(&o.out, "out", "", "keep the runs in this folder (default: ddsctl/runs below XDG_STATE_HOME)")
	flags.BoolVar(&o.trust, "trust", false, "allow a folder's lab what reaches beyond its folder and its containers")
	flags.StringVarP(&o.format, "output", "o", o.format, "how to print the result: table, json or junit")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "junit"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) scenarioRun(ctx context.Context, o runOptions, ref string) error {
	if !slices.Contains([]string{"table", "json", "junit"}, o.format) {
		return usagef("unknown format %q: use table, json or junit", o.format)
	}
	if o.repeat < 1 {
		return usagef("--repeat is at least 1")
	}
	found, err := library.Open(ref)
	if err != nil {
		return err
	}
	entries := found.Scenario.Compare
	if len(entries) == 0 {
		entries = []script.Compare{{}}
	}
	runs := &scenarioRuns{app: a, options: o, found: found, store: store.New(o.out)}
	defer runs.end(ctx)
	for range o.repeat {
		if err := runs.round(ctx, entries); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return runs.tell(ctx)
}

// scenarioRuns are the runs of one call.
type scenarioRuns struct {
	app     *app
	options runOptions
	found   library.Found
	store   store.Store

	started string // the project that was started for the runs
	records []record.Record
	folders []store.Folder
}

// round runs each entry once, and draws them side by side.
func (r *scenarioRuns) round(ctx context.Context, entries []script.Compare) error {
	first := len(r.records)
	for _, entry := range entries {
		if err := r.one(ctx, entry); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(r.records) == first {
		return nil
	}
	folder := r.folders[first]
	return folder.Write(store.ReportFile, func(w io.Writer) error { return report.HTML(w, r.records[first:]...) })
}

func (r *scenarioRuns) one(ctx context.Context, entry script.Compare) error {
	lab, err := r.up(ctx, entry)
	if err != nil {
		return err
	}
	defer func() { _ = lab.Close() }()
	folder, err := r.store.Create(r.found.Name, time.Now())
	if err != nil {
		return err
	}
	show := newTimeline(r.app, r.found.Scenario)
	run, err := play.Run(ctx, lab, r.found.Scenario, play.Options{Scenario: r.found.Name, Lab: lab.Slug, Project: lab.Project, Seed: r.options.seed,
		Entry: entry, Environment: r.app.environment(ctx), HistoryFile: folder.File, Progress: show.event})
	show.close()
	if err != nil {
		return fmt.Errorf("scenario %s: %w", r.found.Name, err)
	}
	r.records, r.folders = append(r.records, run), append(r.folders, folder)
	return folder.Save(run)
}

// up makes the scenario's lab run in the wanted variant. One that runs already in that form is left as it is.
func (r *scenarioRuns) up(ctx context.Context, entry script.Compare) (*live.Lab, error) {
	variant := r.found.Scenario.Variant
	if entry.Variant != "" {
		variant = entry.Variant
	}
	o := upOptions{source: openOptions{Asked: origin.Asked{Variant: variant, Trust: r.options.trust}, name: r.options.name}}
	running, err := r.app.running(ctx)
	if err != nil {
		return nil, err
	}
	if place, ok := attachedPlace(running, r.found.Lab(), r.options.name); ok {
		if variant != "" {
			return nil, place.ours("bring the variant "+variant+" of", "bring the lab up with ddsctl: ddsctl lab up "+r.found.Lab())
		}
		return r.app.openLive(ctx, place)
	}
	if place, ok := placeOf(running, r.found.Lab(), r.options.name); ok {
		o.source.name, o.source.FreePorts = place.name, place.asked().FreePorts
	}
	lab, err := o.source.open(ctx, r.found.Lab())
	if err != nil {
		return nil, err
	}
	client, err := r.app.engine(ctx)
	if err != nil {
		return nil, err
	}
	if err := client.Ping(ctx); err != nil {
		return nil, err
	}
	state, err := client.State(ctx, lab.Project.Name)
	if err != nil {
		return nil, err
	}
	if state.Empty() {
		r.started = lab.Project.Name
	}
	spec, err := o.spec(lab)
	if err != nil {
		return nil, err
	}
	progress := r.app.progress()
	result, err := launch.New(client, launch.Options{Address: client.Address()}).Up(ctx, spec, launch.UpOptions{Helpers: r.app.helpers(lab, o)}, show(progress))
	progress.Close()
	if err != nil {
		return nil, err
	}
	for _, warning := range result.Warnings {
		r.app.say("warning: %s", warning)
	}
	if state, err = client.State(ctx, lab.Project.Name); err != nil {
		return nil, err
	}
	return r.app.openLive(ctx, runningLab{name: lab.Project.Name, state: state, slug: lab.Slug, source: lab.Source})
}

// placeOf is the running lab on which a scenario of the lab ref is played: the one of that name, or where none is given, the one that is
// meant wherever none is named.
func placeOf(running []runningLab, ref, name string) (runningLab, bool) {
	for _, l := range running {
		if l.is(ref) && (l.name == name || name == "" && l.preferred) {
			return l, true
		}
	}
	return runningLab{}, false
}

// attachedPlace is the attached project on which a scenario is played: the one of that name, whatever lab the scenario is for, or where none is given,
// the one that is the scenario's lab.
func attachedPlace(running []runningLab, ref, name string) (runningLab, bool) {
	for _, l := range running {
		if l.attached() && (l.name == name || name == "" && l.is(ref)) {
			return l, true
		}
	}
	return runningLab{}, false
}

// end removes a lab that was started for the runs.
func (r *scenarioRuns) end(ctx context.Context) {
	if r.started == "" || r.options.keep || r.app.engineClient == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	if _, err := r.app.down(ctx, r.started, lifecycle.DownOptions{}); err != nil {
		r.app.say("%v", hint.Wrap(fmt.Errorf("remove the lab that was started for the run: %w", err), "ddsctl lab down %s", r.started))
	}
}

// tell prints the verdicts.
func (r *scenarioRuns) tell(ctx context.Context) error {
	if len(r.records) == 0 {
		return ctx.Err()
	}
	var err error
	switch r.options.format {
	case "json":
		err = output.Print(r.app.stdout, output.JSON, r.results(), output.Rows{})
	case "junit":
		err = record.JUnit(r.app.stdout, r.records)
	default:
		r.table()
	}
	if err != nil {
		return err
	}
	for _, run := range r.records {
		if run.Verdict != expect.Holds {
			return exitStatus(exitUnmet)
		}
	}
	return nil
}

// runResult is the JSON form of a run's result: part of the contract. The record with every Snapshot is in the run's folder.
type runResult struct {
	Scenario     string           `json:"scenario"`
	Title        string           `json:"title"`
	Lab          string           `json:"lab"`
	Variant      string           `json:"variant,omitempty"`
	Seed         uint64           `json:"seed"`
	Verdict      expect.Verdict   `json:"verdict"`
	Interrupted  bool             `json:"interrupted,omitempty"`
	Error        string           `json:"error,omitempty"`
	Start        time.Time        `json:"start"`
	Seconds      float64          `json:"seconds"`
	Steps        []record.Step    `json:"steps"`
	Faults       []record.Fault   `json:"faults"`
	Expectations []expect.Result  `json:"expectations"`
	Histories    []record.History `json:"histories"`
	Folder       string           `json:"folder"`
}

func (r *scenarioRuns) results() []runResult {
	all := []runResult{}
	for i, run := range r.records {
		all = append(all, runResult{run.Scenario, run.Title, run.Lab, run.Variant, run.Seed, run.Verdict, run.Interrupted, run.Error, run.Start,
			run.Duration().Seconds(), append([]record.Step{}, run.Steps...), append([]record.Fault{}, run.Faults...),
			append([]expect.Result{}, run.Expectations...), append([]record.History{}, run.Histories...), r.folders[i].Path})
	}
	return all
}

var verdictStyles = map[expect.Verdict]lipgloss.Style{
	expect.Holds:   lipgloss.NewStyle().Foreground(lipgloss.Green),
	expect.Fails:   lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true),
	expect.Unknown: lipgloss.NewStyle().Foreground(lipgloss.Yellow),
}

func (r *scenarioRuns) table() {
	a := r.app
	paint := func(v expect.Verdict) string {
		text := string(v)
		if a.color(a.stdout) {
			return verdictStyles[v].Render(text)
		}
		return text
	}
	print := func(format string, args ...any) { _, _ = fmt.Fprintf(a.stdout, format+"\n", args...) }
	for i, run := range r.records {
		title := run.Title
		if len(r.records) > 1 {
			title = fmt.Sprintf("%d. %s", i+1, title)
		}
		print("\n%s: %s (seed %d, %.0f s)", title, paint(run.Verdict), run.Seed, run.Duration().Seconds())
		for _, e := range run.Expectations {
			print("  %s  %s", verdictMark(a, e.Verdict), e.Text)
			if e.Verdict != expect.Holds {
				print("       expected %s, measured %s, from %s to %s%s", e.Expected, orDash(e.Measured), e.From.Round(10*time.Millisecond),
					e.To.Round(10*time.Millisecond), when(e))
			}
			if e.Why != "" {
				print("       %s", e.Why)
			}
		}
		for _, h := range run.Histories {
			print("  %s  history %s", verdictMark(a, h.Result.Verdict), h.Result)
			for _, why := range h.Result.Why {
				print("       %s", why)
			}
		}
		for _, s := range run.Steps {
			if s.State != record.Done {
				print("  %s  step %s: %s: %s", verdictMark(a, expect.Fails), s.Text, s.State, s.Error)
			}
		}
		if run.Error != "" {
			print("  %s", run.Error)
		}
		print("  %s", r.folders[i].Path)
	}
	a.say("\nthe report, for a browser: ddsctl scenario report %s", r.found.Name)
}

func verdictMark(a *app, v expect.Verdict) string {
	symbol := map[expect.Verdict]string{expect.Holds: "✓", expect.Fails: "✗", expect.Unknown: "?"}[v]
	if a.ascii() {
		symbol = map[expect.Verdict]string{expect.Holds: "+", expect.Fails: "x", expect.Unknown: "?"}[v]
	}
	if a.color(a.stdout) {
		return verdictStyles[v].Render(symbol)
	}
	return symbol
}

func orDash(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

func when(e expect.Result) string {
	if e.When == nil {
		return ""
	}
	return ", at " + e.When.Round(10*time.Millisecond).String()
}

// environment is where a run takes place.
func (a *app) environment(ctx context.Context) record.Environment {
	e := record.Environment{Ddsctl: buildVersion().Version}
	info, err := a.engineClient.Info(ctx)
	if err != nil {
		info = engine.Info{} // a report without it is still one
	}
	e.Kernel, e.OS, e.Arch, e.CPUs, e.Memory = info.KernelVersion, info.OS, info.Arch, info.CPUs, info.MemoryBytes
	if info.Name != "" {
		e.Engine = info.Name + " " + info.Version
	}
	return e
}
