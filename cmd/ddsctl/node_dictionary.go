package main

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/dictionary"
)

func newNodeDictionaryCommand(a *app) *cobra.Command {
	var o dictionary.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "dictionary",
		Short: "A replica of a dictionary of numbers",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeDictionary(cmd.Context(), o, listen) },
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&o.Name, "name", "", "its name (default: the host name)")
	flags.DurationVar(&o.Load, "load", 0, "how long it takes to load the dictionary")
	flags.DurationVar(&o.Latency, "latency", 0, "how long a lookup takes")
	flags.IntVar(&o.Workers, "workers", 0, "how many lookups are done at a time (0: all)")
	flags.DurationVar(&o.Drain, "drain", 0, "how long it goes on answering, not ready, when it is asked to end")
	flags.DurationVar(&o.MaxAge, "max-age", 0, "how long caches may keep an answer; below 0: they must not")
	flags.StringVar(&o.SessionCookie, "session-cookie", "", "the cookie that names a session")
	flags.DurationVar(&o.SessionIdle, "session-idle", 0, "how long a session lives without a lookup (0: 10m)")
	return cmd
}

func (a *app) nodeDictionary(ctx context.Context, o dictionary.Options, listen string) error {
	o.Name, o.Log = cmp.Or(o.Name, hostName("dictionary")), slog.New(slog.NewTextHandler(a.stderr, nil))
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	return dictionary.New(o).Serve(ctx, listener)
}
