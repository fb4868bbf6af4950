package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/ddsctl/ddsctl/images/node/configmanager"
)

// configManagerOptions are the flags of the config manager.
type configManagerOptions struct {
	endpoints      []string
	key, file      string
	initial        string
	signal, reload string
	pid            int
	page           string
	timeout        time.Duration
}

// keepAlive is how soon a connection to an etcd that is gone is noticed.
const keepAlive = 2 * time.Second

func newNodeConfigManagerCommand(a *app) *cobra.Command {
	o := configManagerOptions{pid: 1, timeout: 10 * time.Second}
	cmd := &cobra.Command{
		Use:   "config-manager",
		Short: "Carry a key of etcd into a file, and tell the application that reads it",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeConfigManager(cmd.Context(), o) },
	}
	lag := &cobra.Command{
		Use:   "lag",
		Short: "Measure how long a change takes to be seen",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeConfigLag(cmd.Context(), o) },
	}
	cmd.AddCommand(lag)
	cmd.PersistentFlags().StringSliceVar(&o.endpoints, "endpoints", []string{"http://127.0.0.1:2379"}, "addresses of etcd's members")
	cmd.PersistentFlags().StringVar(&o.key, "key", "app/config", "the key")
	cmd.Flags().StringVar(&o.initial, "initial", "", "the key's value where there is no such key at the start")
	cmd.Flags().StringVar(&o.file, "file", "/data/app.conf", "the file")
	cmd.Flags().StringVar(&o.signal, "signal", "", "tell the application by this signal, such as HUP")
	cmd.Flags().IntVar(&o.pid, "pid", o.pid, "the process that is signalled")
	cmd.Flags().StringVar(&o.reload, "reload", "", "tell the application by a POST to this URL")
	lag.Flags().StringVar(&o.page, "page", "", "URL of the page that shows the value")
	lag.Flags().DurationVar(&o.timeout, "timeout", o.timeout, "when to give up")
	return cmd
}

func (o configManagerOptions) connect() (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: o.endpoints, Logger: zap.NewNop(),
		DialKeepAliveTime: keepAlive, DialKeepAliveTimeout: keepAlive, PermitWithoutStream: true})
}

// tell is how the application hears of a change.
func (o configManagerOptions) tell() (configmanager.Teller, error) {
	switch {
	case o.signal != "" && o.reload != "":
		return nil, usagef("--signal and --reload: the application is told in one way")
	case o.reload != "":
		return configmanager.Call(o.reload), nil
	case o.signal == "":
		return nil, nil
	}
	signal, ok := tellSignals[strings.TrimPrefix(strings.ToUpper(o.signal), "SIG")]
	if !ok {
		names := make([]string, 0, len(tellSignals))
		for name := range tellSignals {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, usagef("--signal %s: there are %s", o.signal, strings.Join(names, ", "))
	}
	return configmanager.Signal(o.pid, signal), nil
}

func (a *app) nodeConfigManager(ctx context.Context, o configManagerOptions) (err error) {
	tell, err := o.tell()
	if err != nil {
		return err
	}
	client, err := o.connect()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	options := configmanager.Options{Key: o.key, File: o.file, Tell: tell, Log: slog.New(slog.NewTextHandler(a.stderr, nil))}
	if o.initial != "" {
		options.Missing = configmanager.Create(client, o.key, o.initial)
	}
	return configmanager.New(client, options).Run(ctx)
}

func (a *app) nodeConfigLag(ctx context.Context, o configManagerOptions) (err error) {
	if o.page == "" {
		return usagef("--page: which page shows the value?")
	}
	client, err := o.connect()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	lag, err := configmanager.Lag(ctx, client, o.key, o.page)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%d ms\n", lag.Milliseconds())
	return nil
}
