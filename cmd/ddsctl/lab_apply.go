package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

func newLabApplyCommand(a *app) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "apply [LAB|DIR]",
		Short: "Bring a running lab to what its files say now",
		Long: `Reads a running lab's files anew and changes what differs: a service whose configuration changed is recreated, the others are left
alone; nodes that were stopped or removed by hand come back. Variant, profiles and files are those that the lab was started with, unless
others are given. A folder whose lab runs from elsewhere, such as a copy that lab init made, takes its place: the lab becomes what the
folder says. Of a copy that says the same, only the wire is made anew, so that the lab is known to be the copy.`,
		Example: `  ddsctl lab init sharded-redis ./mine && ddsctl lab up ./mine
  $EDITOR ./mine/twemproxy.yml && ddsctl lab apply ./mine
  ddsctl lab apply --dry-run          what would change`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeLab,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labApply(cmd, o, args) },
	}
	o.flags(cmd)
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labApply(cmd *cobra.Command, o upOptions, args []string) error {
	running, err := a.running(cmd.Context())
	if err != nil {
		return err
	}
	word := ""
	if len(args) == 1 {
		word = args[0]
	}
	lab, err := pick(running, word)
	if errors.Is(err, engine.ErrNotFound) && looksLikePath(word) {
		if replaced, ok := a.replacedBy(cmd.Context(), running, word, o); ok {
			lab, err = replaced, nil
		}
	}
	if err != nil {
		return err
	}
	if err := lab.ours("apply", fmt.Sprintf("docker compose -p %s up -d", lab.name)); err != nil {
		return err
	}
	if lab, err = a.healOverdue(cmd.Context(), lab); err != nil {
		return err
	}
	opened, err := a.reopen(cmd, lab, &o)
	if err != nil {
		return err
	}
	return a.bringUp(cmd.Context(), opened, o, nil)
}

// replacedBy is the running lab whose place another folder takes: the one of the same name, which from now on is what that folder says,
// in none of its former variants.
func (a *app) replacedBy(ctx context.Context, running []runningLab, folder string, o upOptions) (runningLab, bool) {
	copied, err := o.source.open(ctx, folder)
	if err != nil {
		return runningLab{}, false // not a lab, and so not what runs
	}
	for _, l := range running {
		if l.name == copied.Project.Name {
			l.slug, l.source, l.moved = copied.Slug, copied.Source, true
			return l, true
		}
	}
	return runningLab{}, false
}

// reopen reads a running lab's files anew, in the way it was asked for, except for what the flags say otherwise. Helpers that were
// left out stay out.
func (a *app) reopen(cmd *cobra.Command, lab runningLab, o *upOptions) (*labs.Lab, error) {
	asked, flags := lab.asked(), cmd.Flags()
	if lab.moved { // what the other folder was asked for does not suit this one
		asked = openOptions{Asked: origin.Asked{FreePorts: asked.FreePorts, NoTraffic: asked.NoTraffic}}
	}
	for name, keep := range map[string]func(){
		"file": func() { o.source.Files = asked.Files }, "profile": func() { o.source.Profiles = asked.Profiles },
		"variant": func() { o.source.Variant = asked.Variant }, "trust": func() { o.source.Trust = asked.Trust },
		"free-ports": func() { o.source.FreePorts = asked.FreePorts },
	} {
		if !flags.Changed(name) {
			keep()
		}
	}
	o.source.name, o.brief = lab.name, true
	if !flags.Changed("no-traffic") {
		o.noTraffic = asked.NoTraffic
	}
	if !flags.Changed("no-wire") {
		o.noWire = !lab.hasHelper(engine.HelperWire)
	}
	opened, err := o.source.open(cmd.Context(), lab.ref())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Wrap(fmt.Errorf("read the files of %s anew: %w", lab.name, err),
			"the lab runs on and can be used; `ddsctl lab down %s` removes it without its files", lab.name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the files of %s anew: %w", lab.name, err)
	}
	return opened, nil
}

func (l runningLab) hasHelper(kind string) bool {
	for _, c := range l.state.Containers {
		if c.Helper() == kind {
			return true
		}
	}
	return false
}

func newLabScaleCommand(a *app) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "scale [LAB] SERVICE=COUNT...",
		Short: "Change how many nodes services of a running lab have",
		Long: `Adds or removes nodes of services and leaves everything else as it is. The lab's files still say what they said: the next apply goes
back to their counts.`,
		Example: `  ddsctl lab scale web=5
  ddsctl lab scale replicated-service web=1`,
		Args:              positional(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeScale,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labScale(cmd, o, args) },
	}
	cmd.Flags().BoolVar(&o.noWait, "no-wait", false, "do not wait until the nodes are ready")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labScale(cmd *cobra.Command, o upOptions, args []string) error {
	word := ""
	if !strings.Contains(args[0], "=") {
		word, args = args[0], args[1:]
	}
	counts, err := countsOf(args)
	if err != nil {
		return err
	}
	running, err := a.running(cmd.Context())
	if err != nil {
		return err
	}
	lab, err := pick(running, word)
	if err != nil {
		return err
	}
	if err := lab.ours("scale", fmt.Sprintf("docker compose -p %s up -d --no-recreate --scale %s", lab.name, strings.Join(args, " --scale "))); err != nil {
		return err
	}
	opened, err := a.reopen(cmd, lab, &o)
	if err != nil {
		return err
	}
	return a.bringUp(cmd.Context(), opened, o, counts)
}

func countsOf(args []string) (map[string]int, error) {
	counts := map[string]int{}
	for _, arg := range args {
		service, text, ok := strings.Cut(arg, "=")
		n, err := strconv.Atoi(text)
		if !ok || service == "" || err != nil || n < 0 {
			return nil, usagef("%q: use SERVICE=COUNT, such as web=3", arg)
		}
		counts[service] = n
	}
	if len(counts) == 0 {
		return nil, usagef("which service, and how many nodes? Use SERVICE=COUNT, such as web=3")
	}
	return counts, nil
}

// completeScale completes [LAB] SERVICE=.
func (a *app) completeScale(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	running := a.completeRunning(cmd)
	var list []cobra.Completion
	word := ""
	if len(args) == 0 {
		for _, l := range running {
			list = append(list, l.completion())
		}
	} else if !strings.Contains(args[0], "=") {
		word = args[0]
	}
	if lab, err := pick(running, word); err == nil {
		seen := map[string]int{}
		for _, c := range lab.nodes() {
			seen[c.Service]++
		}
		for service, n := range seen {
			list = append(list, cobra.CompletionWithDesc(service+"=", fmt.Sprintf("has %d", n)))
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
