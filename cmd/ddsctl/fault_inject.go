package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/fault"
)

// injectOptions are what every kind of fault takes.
type injectOptions struct {
	lasts  time.Duration
	links  []string
	random bool
	seed   uint64
	params map[string]*string // the kind's own, by name
}

func newFaultInjectCommand(a *app) *cobra.Command {
	cmd := group("inject", "Put a fault on nodes or links",
		`Puts a fault on a running lab. TARGET is a node (redis-2) or a service (redis, for all of its nodes); for faults on links also a->b
(one way), a<->b (both ways); quote them, the shell knows > as well. host is whatever comes from outside the lab, client the traffic client.`)
	cmd.Use = "inject KIND [LAB] TARGET..."
	cmd.Example = `  ddsctl fault inject kill redis-2 --for 10s
  ddsctl fault inject delay 'twemproxy->redis-2' --delay 100ms --jitter 10ms
  ddsctl fault inject partition etcd-1,etcd-2 etcd-3
  ddsctl fault inject kill redis --random --seed 7`
	for _, kind := range fault.Kinds() {
		cmd.AddCommand(newFaultInjectKindCommand(a, kind.Help()))
	}
	return cmd
}

func newFaultInjectKindCommand(a *app, help fault.Help) *cobra.Command {
	o := injectOptions{params: map[string]*string{}}
	cmd := &cobra.Command{
		Use:               help.Name + " [LAB] TARGET...",
		Short:             strings.ToUpper(help.Summary[:1]) + help.Summary[1:],
		Example:           "  ddsctl fault inject " + help.Example,
		ValidArgsFunction: a.completeNodes(0, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.faultInject(cmd.Context(), help, o, args)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&o.lasts, "for", 0, "heal it after this time, such as 10s (default: it stands until it is healed)")
	flags.BoolVar(&o.random, "random", false, "put it on one of the targets, or of all nodes where none is named, by chance")
	flags.Uint64Var(&o.seed, "seed", 1, "what --random chooses by: the same seed chooses the same")
	if help.On == fault.OnLinks {
		flags.StringArrayVar(&o.links, "link", nil, "a link a->b as target (may be repeated)")
	}
	for _, p := range help.Params {
		usage := p.Usage
		if p.Required {
			usage += " (required)"
		}
		o.params[p.Name] = flags.String(p.Name, p.Default, usage)
	}
	a.formatFlag(cmd)
	return cmd
}

func (a *app) faultInject(ctx context.Context, help fault.Help, o injectOptions, args []string) error {
	spec := fault.Spec{Kind: help.Name, For: o.lasts, Random: o.random, Seed: o.seed, Params: fault.Params{}}
	for _, p := range help.Params {
		if v := *o.params[p.Name]; v != "" && v != p.Default {
			spec.Params[p.Name] = v
		}
	}
	// What can be told without a lab is told before one is looked for. The first word may be the lab's name.
	spec.Targets = append(append([]string(nil), args...), o.links...)
	if err := spec.Validate(); err != nil {
		return usageError{err}
	}
	running, err := a.running(ctx)
	if err != nil {
		return err
	}
	picked, words, err := pickFault(running, args, len(o.links) > 0 || o.random)
	if err != nil {
		return err
	}
	spec.Targets = append(append([]string(nil), words...), o.links...)
	if err := spec.Validate(); err != nil {
		return usageError{err}
	}
	lab, err := a.openLive(ctx, picked)
	if err != nil {
		return err
	}
	defer lab.Close()
	faults, err := lab.Inject(ctx, spec)
	if err != nil {
		return err
	}
	if o.random {
		a.say("chosen by seed %d: %s", o.seed, strings.Join(faults[0].Nodes, ", "))
	}
	return a.printFaults(faults)
}

// pickFault splits [LAB] TARGET...: pickFirst, which does not take a lab's name alone for a target unless a node has it too.
func pickFault(labs []runningLab, args []string, elsewhere bool) (runningLab, []string, error) {
	// A link, or a group of nodes, is no lab's name.
	if len(args) == 0 && elsewhere || len(args) > 0 && strings.ContainsAny(args[0], ">,") {
		l, err := pick(labs, "")
		return l, args, err
	}
	return pickFirst(labs, args)
}

// healOverdue heals the faults of a lab that should have ended, for commands that do not open a handle on it, and gives the lab as it is
// then. A helper that does not answer is no reason to fail: `fault list` says what is wrong with it.
func (a *app) healOverdue(ctx context.Context, lab runningLab) (runningLab, error) {
	if !lab.hasHelper(engine.HelperWire) {
		return lab, nil
	}
	handle, err := a.openLive(ctx, lab) // opening heals
	if err != nil {
		return lab, err
	}
	defer handle.Close()
	state, err := handle.State(ctx)
	if err != nil {
		return lab, err
	}
	lab.state = state
	return lab, nil
}
