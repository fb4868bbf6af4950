package main

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// upOptions say how a lab is brought up.
type upOptions struct {
	source        openOptions
	noWait        bool
	dryRun        bool
	forceRecreate bool
	noTraffic     bool
	noWire        bool

	brief bool // say only what was done: the lab is known already
}

func (o *upOptions) flags(cmd *cobra.Command) {
	o.source.flags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.noWait, "no-wait", false, "do not wait until the nodes are ready")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	flags.BoolVar(&o.forceRecreate, "force-recreate", false, "recreate every container although nothing has changed")
	flags.BoolVar(&o.noTraffic, "no-traffic", false, "start no traffic with the lab")
	flags.BoolVar(&o.noWire, "no-wire", false, "leave out the helper that observes and breaks the lab's links")
}

// spec is what is brought up for a lab that was opened in this way.
func (o *upOptions) spec(lab *labs.Lab) (spec plan.Spec, err error) {
	asked := o.source.Asked
	asked.NoTraffic = o.noTraffic
	spec = lab.Spec()
	spec.Options, err = asked.Words()
	return spec, err
}

func newLabUpCommand(a *app) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up LAB|DIR",
		Short: "Start a lab, and say how to talk to it",
		Long: `Starts a lab of the catalogue, or any folder with a Compose file, and waits until every node does its work. Running it again changes
nothing; after an edit it changes what is affected. Interrupted (Ctrl-C), the same command goes on from there.`,
		Example: `  ddsctl lab up sharded-redis
  ddsctl lab up sharded-redis --name second --free-ports
                                                 a second one beside the first
  ddsctl lab up ./my-folder                      any folder with a Compose file
  ddsctl lab up ./my-folder --dry-run            what it would do`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeSources,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labUp(cmd.Context(), o, args) },
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.source.name, "name", "", "run it under this name (default: the lab's own)")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labUp(ctx context.Context, o upOptions, args []string) error {
	ref := ""
	switch {
	case len(args) == 1:
		ref = args[0]
	case len(o.source.Files) == 0:
		return usagef("which lab? `ddsctl lab list` shows the catalogue; a folder with a Compose file works too")
	}
	lab, err := o.source.open(ctx, ref)
	if err != nil {
		return err
	}
	return a.bringUp(ctx, lab, o, nil)
}

// upResult is the JSON form of what was done: part of the contract.
type upResult struct {
	Name      string         `json:"name"`
	Lab       string         `json:"lab"`
	Source    string         `json:"source"`
	Changed   bool           `json:"changed"`
	DryRun    bool           `json:"dry_run,omitempty"`
	Outcomes  []plan.Outcome `json:"outcomes"`
	Addresses []address      `json:"addresses"`
	Try       []format.Try   `json:"try"`
	Warnings  []string       `json:"warnings"`
	Duration  int64          `json:"duration_ns"`
}

// bringUp makes a lab run and tells how to talk to it. scale, where given, is all that is changed.
func (a *app) bringUp(ctx context.Context, lab *labs.Lab, o upOptions, scale map[string]int) error {
	client, err := a.engine(ctx)
	if err != nil {
		return err
	}
	if err := client.Ping(ctx); err != nil {
		return err // before anything is shown as being under way
	}
	options := launch.UpOptions{Scale: scale, Helpers: a.helpers(lab, o),
		UpOptions: lifecycle.UpOptions{ForceRecreate: o.forceRecreate, NoWait: o.noWait, DryRun: o.dryRun}}
	for _, note := range lab.Notes {
		a.say("note: %s", note)
	}
	spec, err := o.spec(lab)
	if err != nil {
		return err
	}
	progress := a.progress()
	result, err := launch.New(client, launch.Options{Address: client.Address()}).Up(ctx, spec, options, show(progress))
	progress.Close()
	for _, w := range result.Warnings {
		a.say("%s %s", a.paintErr("warning:", lipgloss.NewStyle().Foreground(lipgloss.Yellow)), w)
	}
	if err != nil {
		return err
	}
	return a.tellUp(ctx, lab, o, result)
}

// helpers are ddsctl's own containers in the lab.
func (a *app) helpers(lab *labs.Lab, o upOptions) *helper.Options {
	options := &helper.Options{NoWire: o.noWire}
	if o.noTraffic {
		return options
	}
	workloads := lab.Workloads()
	options.Workloads = workloads
	for _, w := range workloads {
		options.Targets = append(options.Targets, w.Target...)
		options.Files = append(options.Files, w.TLS.CAFile)
	}
	return options
}

func (a *app) tellUp(ctx context.Context, lab *labs.Lab, o upOptions, result lifecycle.Result) error {
	data := upResult{Name: result.Project, Lab: lab.Slug, Source: lab.Source, Changed: result.Changed(), DryRun: o.dryRun,
		Outcomes: result.Outcomes, Addresses: []address{}, Try: []format.Try{}, Warnings: result.Warnings, Duration: int64(result.Duration)}
	if o.dryRun {
		a.sayPlan(result)
		return a.printUp(data)
	}
	a.say("%s %s: %s%s", a.paintErr(result.Project, lipgloss.NewStyle().Bold(true)), "is up", result.Summary(), took(result))
	state, err := a.engineClient.State(ctx, result.Project)
	if err != nil {
		return err
	}
	if from := origin.Of(state); from.Source != lab.Source { // no container of the lab's own had to change, and it has no helper
		a.say("note: nothing had to be made anew, so that %s still counts as read from %s; --force-recreate changes that", result.Project, from.Source)
	}
	var urls []format.URL
	if lab.Format != nil {
		urls, data.Try = lab.Format.URLs, append(data.Try, lab.Format.Try...)
	}
	data.Addresses = append(data.Addresses, addresses(state.Containers, urls, a.engineClient.Address())...)
	if o.source.FreePorts {
		data.Try = atFreePorts(ctx, lab, data.Try, data.Addresses)
	}
	if !o.brief {
		a.sayAddresses(data.Addresses)
		a.sayTry(lab, data)
	}
	return a.printUp(data)
}

func took(result lifecycle.Result) string {
	if !result.Changed() {
		return ""
	}
	return " in " + seconds(result.Duration)
}

func (a *app) printUp(data upResult) error {
	if a.format == output.Table {
		return nil
	}
	if data.Outcomes == nil {
		data.Outcomes = []plan.Outcome{}
	}
	if data.Warnings == nil {
		data.Warnings = []string{}
	}
	return a.print(data, nil, nil)
}

func (a *app) sayPlan(result lifecycle.Result) {
	if !result.Changed() {
		a.say("%s: nothing to change", result.Project)
		return
	}
	for _, line := range strings.Split(strings.TrimSpace(result.Plan.String()), "\n") {
		a.say("would %s", line)
	}
}

func (a *app) sayAddresses(list []address) {
	if len(list) == 0 {
		return
	}
	a.say("\ntalk to it:")
	width := 0
	for _, x := range list {
		width = max(width, len(x.URL))
	}
	for _, x := range list {
		what := x.Node
		if x.Label != "" {
			what += ", " + x.Label
		}
		a.say("  %s%s   %s", a.paintErr(x.URL, lipgloss.NewStyle().Foreground(lipgloss.Cyan)), strings.Repeat(" ", width-len(x.URL)), what)
	}
}

func (a *app) sayTry(lab *labs.Lab, data upResult) {
	name := data.Name
	commands := append([]format.Try(nil), data.Try...)
	guide := format.Try{Run: "ddsctl lab show " + lab.Slug, About: "its guide: what to predict, do and watch"}
	if lab.Guide() != "" && !slices.ContainsFunc(commands, func(t format.Try) bool { return t.Run == guide.Run }) {
		commands = append(commands, guide)
	}
	commands = append(commands, format.Try{Run: "ddsctl lab down " + name, About: "leave nothing behind"})
	a.say("\ntry next:")
	width := 0
	for _, c := range commands {
		if len(c.Run) <= longestTry {
			width = max(width, len(c.Run))
		}
	}
	for _, c := range commands {
		a.say("%s", strings.TrimRight(fmt.Sprintf("  %-*s   %s", width, c.Run, c.About), " "))
	}
}

// atFreePorts puts the ports that the engine has picked in the place of those that the lab's commands name.
func atFreePorts(ctx context.Context, lab *labs.Lab, commands []format.Try, list []address) []format.Try {
	ref := lab.Source
	if ref == labs.SourceCatalogue {
		ref = lab.Slug
	}
	named, err := origin.Asked{Variant: lab.Variant}.Open(ctx, ref, "", environ())
	if err != nil {
		return commands // they are only a proposal
	}
	commands = slices.Clone(commands)
	for _, x := range list {
		_, free, err := net.SplitHostPort(x.Address)
		if err != nil {
			continue
		}
		for _, p := range named.Project.Services[x.Service].Ports {
			if p.Target != uint32(x.Port) || p.Published == "" {
				continue
			}
			word := regexp.MustCompile(`\b` + regexp.QuoteMeta(p.Published) + `\b`)
			for i := range commands {
				commands[i].Run = word.ReplaceAllString(commands[i].Run, free)
			}
		}
	}
	return commands
}

// longestTry is the longest command that the others are aligned with.
const longestTry = 60

// paintErr colours a word on standard error where that takes colours.
func (a *app) paintErr(text string, style lipgloss.Style) string {
	if !a.color(a.stderr) {
		return text
	}
	return style.Render(text)
}
