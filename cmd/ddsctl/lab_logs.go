package main

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/logs"
)

type logsOptions struct {
	follow     bool
	tail       string
	since      string
	timestamps bool
	noPrefix   bool
}

func newLabLogsCommand(a *app) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs [LAB] [NODE|SERVICE...]",
		Short: "Show what the nodes of a running lab have written",
		Long: `Shows the logs of a running lab's nodes as one, in the order of time, each line with its node's name before it.
Following (-f) goes on through restarts and new nodes until the lab is taken down or Ctrl-C is pressed.`,
		Example: `  ddsctl lab logs                     everything that the only running lab has written
  ddsctl lab logs -f --tail 20        the last lines, and what comes
  ddsctl lab logs -f twemproxy        one node or service
  ddsctl lab logs sharded-redis redis-1 redis-2 --since 5m`,
		ValidArgsFunction: a.completeNodes(0, true),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labLogs(cmd.Context(), o, args) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on with what comes")
	flags.StringVarP(&o.tail, "tail", "n", "all", "how many last lines of each node")
	flags.StringVar(&o.since, "since", "", "leave out what is older: a duration such as 5m, or a time such as 2026-01-31T12:00:00Z")
	flags.BoolVarP(&o.timestamps, "timestamps", "t", false, "each line's time before it")
	flags.BoolVar(&o.noPrefix, "no-prefix", false, "no names before the lines")
	return cmd
}

func (a *app) labLogs(ctx context.Context, o logsOptions, args []string) error {
	options := logs.Options{Follow: o.follow, Timestamps: o.timestamps}
	var err error
	if options.Tail, err = tailOf(o.tail); err != nil {
		return err
	}
	if options.Since, err = sinceOf(o.since, time.Now()); err != nil {
		return err
	}
	lab, words, err := a.pickWords(ctx, args)
	if err != nil {
		return err
	}
	if options.Select, err = lab.selection(words); err != nil {
		return err
	}
	client, err := a.engine(ctx)
	if err != nil {
		return err
	}
	names, width := engine.NodeNames(lab.state.Containers), 0
	for _, c := range lab.state.Containers {
		if options.Select(c) {
			width = max(width, len(names[c.ID]))
		}
	}
	_, onTerminal := terminalFile(a.stdout)
	merger := output.NewMerger(a.stdout, width, a.color(a.stdout), onTerminal)
	return logs.Copy(ctx, client, lab.name, options, func(c engine.Container) io.Writer {
		if o.noPrefix {
			return merger.Bare()
		}
		name := names[c.ID]
		if name == "" { // made while following
			name = c.Service
		}
		return merger.Node(name)
	})
}

// selection is the containers that words mean, also those that a service gets later. No words mean every node.
func (l runningLab) selection(words []string) (func(engine.Container) bool, error) {
	if len(words) == 0 {
		return func(c engine.Container) bool { return c.Helper() == "" }, nil
	}
	services, names := map[string]bool{}, map[string]bool{}
	for _, word := range words {
		found, err := l.named(word)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if c.Service == word {
				services[word] = true
			}
			names[c.Name] = true // a recreated container keeps its name
		}
	}
	return func(c engine.Container) bool { return services[c.Service] || names[c.Name] }, nil
}

func tailOf(text string) (int, error) {
	if text == "all" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, usagef("--tail %s: use a number of lines, or all", text)
	}
	return n, nil
}

func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("--since %s: use a duration such as 5m, or a time such as 2026-01-31T12:00:00Z", text)
}
