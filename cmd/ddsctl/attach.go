package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/attached"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/launch"
)

type attachOptions struct {
	traffic  bool
	noWire   bool
	noClient bool
}

// attachResult is the JSON form of what was found and made: part of the contract.
type attachResult struct {
	Name     string            `json:"name"`
	Source   string            `json:"source"`
	Changed  bool              `json:"changed"`
	Services []serviceShown    `json:"services"`
	Links    []labs.FoundLink  `json:"links"`
	Try      []format.Try      `json:"try"`
	Notes    []string          `json:"notes"`
	Helpers  map[string]string `json:"helpers"` // container names by kind
	Duration int64             `json:"duration_ns"`
}

func newAttachCommand(a *app) *cobra.Command {
	var o attachOptions
	cmd := &cobra.Command{
		Use:   "attach [PROJECT|DIR]",
		Short: "Watch and break a Compose project that somebody else has started",
		Long: `Puts ddsctl's two helpers, the wire and the traffic client, beside a project that 'docker compose up' has started. Then the dashboard, faults,
traffic, scenarios, reports, status, logs and exec work on it as on a lab. Its topology comes from depends_on, from the environment, and from the
links that the wire sees in use; a lab.yaml in its folder is read too. Nothing of the project is made, changed or removed: ddsctl detach leaves it as it
was. No traffic starts by itself.`,
		Example: `  docker compose up -d && ddsctl attach       the only Compose project there is
  ddsctl attach shop
  ddsctl dash shop
  ddsctl fault inject delay shop 'web->db' --delay 200ms --for 1m
  ddsctl detach shop                          heal every fault, and leave nothing behind`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeOthers,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.attach(cmd.Context(), o, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.traffic, "traffic", false, "start the workloads of the project's lab.yaml that start with a lab")
	flags.BoolVar(&o.noWire, "no-wire", false, "leave out the helper that observes and breaks links")
	flags.BoolVar(&o.noClient, "no-client", false, "leave out the traffic client, which is a node on the project's networks")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) attach(ctx context.Context, o attachOptions, args []string) error {
	if o.noWire && o.noClient {
		return usagef("without the wire and without the client there is nothing to attach")
	}
	client, err := a.engine(ctx)
	if err != nil {
		return err
	}
	name, state, err := a.attachable(ctx, args)
	if err != nil {
		return err
	}
	lab, err := attached.Open(ctx, client, name, state, environ())
	if err != nil {
		return err
	}
	for _, note := range lab.Notes {
		a.say("note: %s", note)
	}
	options := helper.Options{NoWire: o.noWire, NoClient: o.noClient}
	workloads := lab.Workloads()
	for i := range workloads {
		workloads[i].Manual = workloads[i].Manual || !o.traffic // nobody expects load on what runs already
		options.Files = append(options.Files, workloads[i].TLS.CAFile)
	}
	options.Workloads = workloads
	progress := a.progress()
	result, err := launch.New(client, launch.Options{Address: client.Address()}).Attach(ctx,
		launch.Attachment{Project: name, Lab: lab.Slug, Source: lab.Source, Helpers: options}, show(progress))
	progress.Close()
	if err != nil {
		return err
	}
	if state, err = client.State(ctx, name); err != nil {
		return err
	}
	data := attachResult{Name: name, Source: lab.Source, Changed: result.Changed(), Services: shown(lab).Services,
		Links: append([]labs.FoundLink{}, lab.FoundLinks()...), Notes: append([]string{}, lab.Notes...), Helpers: map[string]string{},
		Try: tryAttached(name), Duration: int64(result.Duration)}
	for _, c := range state.Containers {
		if kind := c.Helper(); kind != "" {
			data.Helpers[kind] = c.Name
		}
	}
	if a.format != output.Table {
		return a.print(data, nil, nil)
	}
	a.sayAttached(data)
	return nil
}

func tryAttached(name string) []format.Try {
	return []format.Try{
		{Run: "ddsctl dash " + name, About: "its topology live; a key breaks a node or a link"},
		{Run: "ddsctl lab watch " + name + " --once", About: "what runs, and which links carry traffic"},
		{Run: "ddsctl traffic start " + name + " --help", About: "load on one of its services"},
		{Run: "ddsctl detach " + name, About: "heal every fault, and leave nothing behind"},
	}
}

func (a *app) sayAttached(data attachResult) {
	bold := lipgloss.NewStyle().Bold(true)
	from := "its containers"
	if data.Source != "" {
		from = data.Source
	}
	a.say("%s is attached: %s, read from %s", a.paintErr(data.Name, bold), count(len(data.Services), "service"), from)
	for _, l := range data.Links {
		port := ""
		if l.Port != 0 {
			port = fmt.Sprintf(":%d", l.Port)
		}
		a.say("  %s -> %s%s   %s", l.From, l.To, port, l.Why)
	}
	a.say("Links that are in use and that nothing names appear as the wire sees them.\n\ntry next:")
	width := 0
	for _, t := range data.Try {
		width = max(width, len(t.Run))
	}
	for _, t := range data.Try {
		a.say("  %-*s   %s", width, t.Run, t.About)
	}
}

// attachable is the project that is meant, by its name or its folder; without a word, the only one that ddsctl has not started.
func (a *app) attachable(ctx context.Context, args []string) (string, engine.State, error) {
	others, err := a.engineClient.Others(ctx)
	if err != nil {
		return "", engine.State{}, err
	}
	names := slices.Sorted(maps.Keys(others))
	if len(args) == 0 {
		switch len(names) {
		case 0:
			return "", engine.State{}, hint.Wrap(errors.New("no Compose project runs that ddsctl has not started"), "start one: docker compose up -d")
		case 1:
			return names[0], others[names[0]], nil
		}
		return "", engine.State{}, usageError{hint.Wrap(fmt.Errorf("several Compose projects are there: %s", strings.Join(names, ", ")), "name the one that is meant")}
	}
	word := args[0]
	if state, ok := others[word]; ok {
		return word, state, nil
	}
	running, err := a.running(ctx) // attaching anew, or a lab
	if err != nil {
		return "", engine.State{}, err
	}
	for _, l := range running {
		if l.is(word) {
			return l.name, l.state, nil
		}
	}
	if looksLikePath(word) {
		if path, err := filepath.Abs(word); err == nil {
			for _, name := range names {
				if attached.Source(others[name]) == path {
					return name, others[name], nil
				}
			}
		}
	}
	err = fmt.Errorf("no Compose project %q runs: %w", word, engine.ErrNotFound)
	switch near := nearest.Word(word, names); {
	case near != "":
		return "", engine.State{}, hint.Wrap(err, "did you mean %s?", near)
	case len(names) > 0:
		return "", engine.State{}, hint.Wrap(err, "there are %s", strings.Join(names, ", "))
	}
	return "", engine.State{}, hint.Wrap(err, "start it: docker compose -p %s up -d", word)
}

// completeOthers completes PROJECT: those that ddsctl has not started.
func (a *app) completeOthers(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	client, err := a.engine(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	others, err := client.Others(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	for _, name := range slices.Sorted(maps.Keys(others)) {
		list = append(list, cobra.CompletionWithDesc(name, "a Compose project, "+count(len(others[name].Containers), "container")))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
