package main

import (
	"cmp"
	"log/slog"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/kafka/stage"
)

func newNodeEventsCommand(a *app) *cobra.Command {
	return group("events", "Steps of an event pipeline over Kafka: copier, filter, splitter, sharder, merger",
		"Steps of an event pipeline over Kafka. Each reads topics as one of a group, and sends what it reads on to where its pattern says.",
		newNodeEventsCopierCommand(a), newNodeEventsFilterCommand(a), newNodeEventsSplitterCommand(a), newNodeEventsSharderCommand(a), newNodeEventsMergerCommand(a))
}

// eventsCommand is a step; route is asked when the flags are known.
func eventsCommand(a *app, use, short string, route func() (stage.Route, error)) *cobra.Command {
	var o stage.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Route, err = route(); err != nil {
				return usagef("%v", err)
			}
			o.Name, o.Log = cmp.Or(o.Name, use), slog.New(slog.NewTextHandler(a.stderr, nil))
			o.Group = o.Name
			s, err := stage.New(o)
			if err != nil {
				return usagef("%v", err)
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return s.Serve(cmd.Context(), listener)
		},
	}
	brokersFlag(cmd, &o.Brokers)
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address of its pages")
	flags.StringVar(&o.Name, "name", "", "its name, its group's and its transactions' (default: the pattern)")
	flags.StringSliceVar(&o.Inputs, "from", nil, "topics that it reads")
	flags.DurationVar(&o.Every, "every", 250*time.Millisecond, "how long after a batch's begin the next one begins at the earliest")
	flags.DurationVar(&o.Work, "work", 0, "how long the work on a record takes")
	flags.DurationVar(&o.Session, "session", 6*time.Second, "how long the group waits for a sign of life")
	flags.BoolVar(&o.Plain, "plain", false, "do without transactions")
	return cmd
}

func newNodeEventsCopierCommand(a *app) *cobra.Command {
	var to []string
	cmd := eventsCommand(a, "copier", "Send each record to every output", func() (stage.Route, error) { return stage.Copier(to...), nil })
	cmd.Flags().StringSliceVar(&to, "to", nil, "topics")
	return cmd
}

func newNodeEventsFilterCommand(a *app) *cobra.Command {
	var to, match string
	cmd := eventsCommand(a, "filter", "Send on the records whose key matches, and drop the rest", func() (stage.Route, error) {
		expression, err := regexp.Compile(match)
		if err != nil {
			return nil, err
		}
		return stage.Filter(expression, to), nil
	})
	cmd.Flags().StringVar(&to, "to", "", "topic")
	cmd.Flags().StringVar(&match, "match", "", "regular expression (RE2) that keys must match")
	return cmd
}

func newNodeEventsSplitterCommand(a *app) *cobra.Command {
	var branches []string
	var rest string
	cmd := eventsCommand(a, "splitter", "Send each record to the first branch that its key matches", func() (stage.Route, error) {
		var list []stage.Branch
		for _, text := range branches {
			b, err := stage.ParseBranch(text)
			if err != nil {
				return nil, err
			}
			list = append(list, b)
		}
		return stage.Splitter(list, rest), nil
	})
	cmd.Flags().StringArrayVar(&branches, "branch", nil, "OUTPUT=REGULAR-EXPRESSION; may be given more than once, in order")
	cmd.Flags().StringVar(&rest, "rest", "", "topic for those that match none (default: they are dropped)")
	return cmd
}

func newNodeEventsSharderCommand(a *app) *cobra.Command {
	var to []string
	cmd := eventsCommand(a, "sharder", "Send each record to one of the outputs, by its key", func() (stage.Route, error) {
		if len(to) == 0 {
			return nil, usagef("a sharder has outputs: --to shard-0,shard-1")
		}
		return stage.Sharder(to...), nil
	})
	cmd.Flags().StringSliceVar(&to, "to", nil, "topics")
	return cmd
}

func newNodeEventsMergerCommand(a *app) *cobra.Command {
	var to string
	cmd := eventsCommand(a, "merger", "Send the records of all inputs to one output", func() (stage.Route, error) { return stage.Merger(to), nil })
	cmd.Flags().StringVar(&to, "to", "", "topic")
	return cmd
}
