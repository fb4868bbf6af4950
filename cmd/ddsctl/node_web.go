package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/web"
)

func newNodeWebCommand(a *app) *cobra.Command {
	var o web.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "web",
		Short: "A small HTTP service that behaves as it is told",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeWeb(cmd.Context(), o, listen) },
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&o.Name, "name", "", "its name (default: the host name)")
	flags.StringVar(&o.Version, "version", "v1", "its version")
	flags.DurationVar(&o.StartDelay, "start-delay", 0, "how long it is not ready after its start")
	flags.DurationVar(&o.Latency, "latency", 0, "how long an answer takes")
	flags.BoolVar(&o.Exponential, "exponential", false, "draw the latency, with that mean")
	flags.IntVar(&o.Workers, "workers", 0, "how many requests are worked on at a time (0: all)")
	flags.Float64Var(&o.Errors, "errors", 0, "share of answers that are 500")
	flags.DurationVar(&o.Drain, "drain", 0, "how long it goes on answering, not ready, when it is asked to end")
	flags.StringVar(&o.ConfigFile, "config", "", "configuration file, read anew at SIGHUP")
	flags.Uint64Var(&o.Seed, "seed", 1, "fixes what is drawn")
	return cmd
}

func (a *app) nodeWeb(ctx context.Context, o web.Options, listen string) error {
	o.Name, o.Log = cmp.Or(o.Name, hostName("web")), slog.New(slog.NewTextHandler(a.stderr, nil))
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	server := web.New(o)
	again := make(chan os.Signal, 1)
	signal.Notify(again, reloadSignals...)
	defer signal.Stop(again)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	for {
		select {
		case <-again:
			server.Reload()
		case err := <-served:
			return err
		}
	}
}
