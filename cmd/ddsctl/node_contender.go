package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/contender"
)

// takeMost bounds how long a lock is waited for by the one who names its next owner.
const takeMost = 30 * time.Second

func newNodeContenderCommand(a *app) *cobra.Command {
	o := contender.Options{}
	listen, resource := ":8080", "http://vault:8080"
	cmd := &cobra.Command{
		Use:   "contender",
		Short: "Contend for a lock, and use a resource while it is owned",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Name == "" {
				o.Name, _ = os.Hostname()
			}
			o.Use, o.Log = contender.HTTP(resource), slog.New(slog.NewTextHandler(a.stderr, nil))
			return serveContender(cmd.Context(), o, listen)
		},
	}
	take := &cobra.Command{
		Use:   "take NAME",
		Short: "Let a contender own the lock next",
		Args:  positional(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), takeMost)
			defer cancel()
			token, err := contender.Take(ctx, o.Endpoints, o.Lock, args[0])
			if err == nil {
				_, _ = fmt.Fprintf(a.stdout, "%s owns the lock, token %d\n", args[0], token)
			}
			return err
		},
	}
	cmd.AddCommand(take)
	cmd.PersistentFlags().StringSliceVar(&o.Endpoints, "endpoints", []string{"http://etcd:2379"}, "addresses of etcd's members")
	cmd.PersistentFlags().StringVar(&o.Lock, "lock", "locks/vault", "prefix of the lock's keys")
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", "", "its name (default: the host name)")
	flags.DurationVar(&o.TTL, "ttl", 3*time.Second, "how long the lock is kept without a renewal")
	flags.DurationVar(&o.Renew, "renew", 0, "how often it renews (default: a third of --ttl)")
	flags.DurationVar(&o.GiveUp, "give-up", 0, "how long it believes in its lock without a renewal that was answered (0: for ever)")
	flags.DurationVar(&o.Every, "every", 100*time.Millisecond, "how often it uses the resource")
	flags.StringVar(&resource, "resource", resource, "address of the resource")
	flags.StringVar(&listen, "listen", listen, "address of its own pages")
	return cmd
}

func serveContender(ctx context.Context, o contender.Options, listen string) error {
	if o.TTL < time.Second {
		return usagef("--ttl %s: it is a second at least", o.TTL)
	}
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	return contender.New(o).Serve(ctx, listener)
}
