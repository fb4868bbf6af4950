package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/functions"
)

func newNodeFunctionsCommand(a *app) *cobra.Command {
	var o functions.Options
	listen, config := ":8080", "/functions/functions.yaml"
	cmd := &cobra.Command{
		Use:   "functions",
		Short: "A host of functions, which run as processes on demand",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := os.ReadFile(config) //nolint:gosec // the lab's own configuration
			if err != nil {
				return err
			}
			if o.Config, err = functions.ParseConfig(text); err != nil {
				return err
			}
			o.Environment, o.Log = os.Environ(), slog.New(slog.NewTextHandler(a.stderr, nil))
			host, err := functions.New(o)
			if err != nil {
				return err
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return host.Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&config, "config", config, "which functions there are")
	flags.StringVar(&o.Events, "events", "/data/events.db", "the file of the events that are not done")
	flags.Uint64Var(&o.Seed, "seed", 1, "fixes how long retries wait")
	return cmd
}
