package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
	"github.com/ddsctl/ddsctl/images/node/workqueue/audit"
	"github.com/ddsctl/ddsctl/images/node/workqueue/dispatch"
	"github.com/ddsctl/ddsctl/images/node/workqueue/job"
	"github.com/ddsctl/ddsctl/images/node/workqueue/scaler"
	"github.com/ddsctl/ddsctl/images/node/workqueue/source"
	"github.com/ddsctl/ddsctl/images/node/workqueue/worker"
)

func newNodeWorkQueueCommand(a *app) *cobra.Command {
	return group("workqueue", "A work queue: where its items come from, who hands them out, and who works on them",
		"A work queue in parts, each a container of its own: a source of items, a manager that hands them out, workers, and what scales and audits them.",
		newNodeWorkSourceCommand(a), newNodeWorkManagerCommand(a), newNodeWorkWorkerCommand(a), newNodeWorkStageCommand(a), newNodeWorkScalerCommand(a), newNodeWorkAuditCommand(a))
}

func newNodeWorkSourceCommand(_ *app) *cobra.Command {
	listen, most := ":8080", 20_000
	cmd := &cobra.Command{
		Use:   "source FOLDER",
		Short: "Where items come from: a folder, each file of which is an item",
		Args:  positional(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := source.New(args[0], most)
			if err != nil {
				return err
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return s.Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.IntVar(&most, "most", most, "how many items it takes")
	return cmd
}

func newNodeWorkManagerCommand(a *app) *cobra.Command {
	o := dispatch.Options{Journal: "/data/queue.db", Lease: 6 * time.Second, Attempts: 3, Wait: 500 * time.Millisecond}
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "manager",
		Short: "Hands items out to workers, and takes down what came of them",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Log = slog.New(slog.NewTextHandler(a.stderr, nil))
			m, err := dispatch.New(o)
			if err != nil {
				return err
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return m.Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&o.Source, "source", "http://source:8080", "the source's API")
	flags.StringVar(&o.Journal, "journal", o.Journal, "the file of all items")
	flags.DurationVar(&o.Lease, "lease", o.Lease, "how long a worker has an item without a sign of life")
	flags.IntVar(&o.Attempts, "attempts", o.Attempts, "how often an item is begun at most")
	flags.DurationVar(&o.Wait, "wait", o.Wait, "how long an item that failed waits; twice as long each further time")
	flags.DurationVar(&o.Poll, "poll", 250*time.Millisecond, "how often the source is asked")
	flags.DurationVar(&o.Window, "window", 15*time.Second, "how far back rates and means look")
	return cmd
}

func newNodeWorkWorkerCommand(a *app) *cobra.Command {
	o := worker.Options{Queue: "http://queue:8080", Slots: 1}
	var stages []string
	var program job.Program
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "worker [-- COMMAND...]",
		Short: "Works on items: with a command, or with other containers that do a part each",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name, o.Log = cmp.Or(o.Name, hostName("worker")), slog.New(slog.NewTextHandler(a.stderr, nil))
			switch {
			case (len(args) == 0) == (len(stages) == 0):
				return usagef("a worker has a command behind --, or a --stage and more")
			case len(stages) > 0:
				chain, err := job.NewChain(stages...)
				if err != nil {
					return err
				}
				o.Do = chain
			default:
				program.Command, program.Environment = args, os.Environ()
				o.Do = program
			}
			w, err := worker.New(o)
			if err != nil {
				return err
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return w.Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&o.Queue, "queue", o.Queue, "the manager's API")
	flags.StringVar(&o.Name, "name", "", "its name (default: the host name)")
	flags.IntVar(&o.Slots, "slots", o.Slots, "how many items it works on at a time")
	flags.BoolVar(&o.Silent, "silent", false, "give no sign of life while it works")
	flags.StringArrayVar(&stages, "stage", nil, "a container that does a part of the work; may be given more than once, in order")
	flags.DurationVar(&program.Timeout, "timeout", time.Minute, "for an attempt of the command")
	return cmd
}

func newNodeWorkStageCommand(_ *app) *cobra.Command {
	listen, slots := ":8080", 1
	program := job.Program{Timeout: time.Minute}
	cmd := &cobra.Command{
		Use:   "stage -- COMMAND...",
		Short: "Does one part of a worker's work, with a command",
		Args:  positional(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			program.Command, program.Environment = args, os.Environ()
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return api.Serve(cmd.Context(), listener, job.NewStage(program, slots).Handler())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.IntVar(&slots, "slots", slots, "how many items it works on at a time; others wait")
	flags.DurationVar(&program.Timeout, "timeout", program.Timeout, "for an attempt of the command")
	return cmd
}

func newNodeWorkScalerCommand(a *app) *cobra.Command {
	listen, config := ":8080", "/etc/scaler/scaler.yaml"
	cmd := &cobra.Command{
		Use:   "scaler",
		Short: "Gives workers as many slots as arrivals and processing time ask for",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := os.ReadFile(config) //nolint:gosec // the lab's own configuration
			if err != nil {
				return err
			}
			c, err := scaler.ParseConfig(text)
			if err != nil {
				return err
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return scaler.New(c, slog.New(slog.NewTextHandler(a.stderr, nil))).Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&config, "config", config, "YAML file that says how it decides")
	return cmd
}

func newNodeWorkAuditCommand(a *app) *cobra.Command {
	o := audit.Options{Source: "http://source:8080", Queue: "http://queue:8080"}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compare what the source has, what the queue says of it, and the results",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeWorkAudit(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Source, "source", o.Source, "the source's API")
	flags.StringVar(&o.Queue, "queue", o.Queue, "the manager's API")
	flags.StringVar(&o.Results, "results", "", "folder with a file for each item that is done")
	flags.StringVar(&o.Ending, "ending", "", "what such a file's name has behind the item's")
	return cmd
}

func (a *app) nodeWorkAudit(ctx context.Context, o audit.Options) error {
	r, err := audit.Compare(ctx, o)
	if err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, string(text))
	if !r.Exact() {
		return errors.New("not every item is accounted for")
	}
	return nil
}
