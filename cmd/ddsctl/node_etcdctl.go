package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/etcdctl"
)

// etcdctlOptions are what every command of etcdctl has.
type etcdctlOptions struct {
	endpoints []string
	timeout   time.Duration
}

func newNodeEtcdctlCommand(a *app) *cobra.Command {
	o := etcdctlOptions{endpoints: strings.Split(cmp.Or(os.Getenv("ETCDCTL_ENDPOINTS"), "http://127.0.0.1:2379"), ","), timeout: 5 * time.Second}
	cmd := group("etcdctl", "Ask etcd", "Asks etcd, as the program etcdctl does.",
		o.get(a), o.put(a), o.del(a), o.watch(a),
		o.command("move-leader MEMBER", "Let a member lead", 1, func(ctx context.Context, c *etcdctl.Client, args []string) error {
			return c.MoveLeader(ctx, a.stdout, args[0])
		}),
		group("member", "The cluster's members", "The cluster's members.", o.command("list", "List them", 0, func(ctx context.Context, c *etcdctl.Client, _ []string) error {
			return c.Members(ctx, a.stdout)
		})),
		group("endpoint", "The addresses that are asked", "The addresses that are asked.", o.command("status", "How each of them is", 0, func(ctx context.Context, c *etcdctl.Client, _ []string) error {
			return c.Status(ctx, a.stdout)
		})),
	)
	cmd.PersistentFlags().StringSliceVar(&o.endpoints, "endpoints", o.endpoints, "addresses of members")
	cmd.PersistentFlags().DurationVar(&o.timeout, "command-timeout", o.timeout, "how long a command may take")
	return cmd
}

// command is one that takes count arguments and asks the cluster once.
func (o *etcdctlOptions) command(use, short string, count int, ask func(context.Context, *etcdctl.Client, []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: positional(cobra.ExactArgs(count)), RunE: func(cmd *cobra.Command, args []string) (err error) {
		client, err := etcdctl.Connect(o.endpoints)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, client.Close()) }()
		ctx, cancel := cmd.Context(), context.CancelFunc(func() {})
		if o.timeout > 0 && cmd.Name() != "watch" {
			ctx, cancel = context.WithTimeout(ctx, o.timeout)
		}
		defer cancel()
		return ask(ctx, client, args)
	}}
}

func (o *etcdctlOptions) get(a *app) *cobra.Command {
	var options etcdctl.GetOptions
	consistency := "l"
	cmd := o.command("get KEY", "Print a key and its value", 1, func(ctx context.Context, c *etcdctl.Client, args []string) error {
		if options.Serializable = consistency == "s"; !options.Serializable && consistency != "l" {
			return usagef("--consistency %s: it is l (linearizable) or s (serializable)", consistency)
		}
		return c.Get(ctx, a.stdout, args[0], options)
	})
	cmd.Flags().BoolVar(&options.Prefix, "prefix", false, "all keys that begin with it")
	cmd.Flags().BoolVar(&options.ValueOnly, "print-value-only", false, "leave out the keys")
	cmd.Flags().BoolVar(&options.KeysOnly, "keys-only", false, "leave out the values")
	cmd.Flags().StringVar(&consistency, "consistency", consistency, "l: what the cluster agrees on; s: what this member has")
	return cmd
}

func (o *etcdctlOptions) put(a *app) *cobra.Command {
	return o.command("put KEY VALUE", "Set a key", 2, func(ctx context.Context, c *etcdctl.Client, args []string) error {
		return c.Put(ctx, a.stdout, args[0], args[1])
	})
}

func (o *etcdctlOptions) del(a *app) *cobra.Command {
	var prefix bool
	cmd := o.command("del KEY", "Remove a key", 1, func(ctx context.Context, c *etcdctl.Client, args []string) error {
		return c.Delete(ctx, a.stdout, args[0], prefix)
	})
	cmd.Flags().BoolVar(&prefix, "prefix", false, "all keys that begin with it")
	return cmd
}

func (o *etcdctlOptions) watch(a *app) *cobra.Command {
	var prefix bool
	var count int
	cmd := o.command("watch KEY", "Print each change of a key", 1, func(ctx context.Context, c *etcdctl.Client, args []string) error {
		return c.Watch(ctx, a.stdout, args[0], prefix, count)
	})
	cmd.Flags().BoolVar(&prefix, "prefix", false, "of all keys that begin with it")
	cmd.Flags().IntVar(&count, "count", 0, "end after so many changes (0: never)")
	return cmd
}
