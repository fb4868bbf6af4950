package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/ddsctl/ddsctl/images/node/tally"
)

// auditMost bounds an audit.
const auditMost = time.Minute

func newNodeTallyCommand(a *app) *cobra.Command {
	o := tally.Options{}
	listen, update, endpoints := ":8080", string(tally.Blind), []string{"http://etcd:2379"}
	cmd := &cobra.Command{
		Use:   "tally",
		Short: "Count in etcd, as one of several replicas",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Update = tally.Update(update); !slices.Contains(tally.Updates(), o.Update) {
				return usagef("--update %s: there are %v", update, tally.Updates())
			}
			if o.Name == "" {
				o.Name, _ = os.Hostname()
			}
			return serveTally(cmd.Context(), endpoints, o, listen)
		},
	}
	cmd.AddCommand(newNodeTallyAuditCommand(a))
	flags := cmd.Flags()
	flags.StringVar(&update, "update", update, "how an addition is written: blind or compare")
	flags.StringSliceVar(&endpoints, "endpoints", endpoints, "addresses of etcd's members")
	flags.StringVar(&o.Name, "name", "", "its name (default: the host name)")
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	return cmd
}

func newNodeTallyAuditCommand(a *app) *cobra.Command {
	var replicas []string
	clients, adds := 12, 300
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Let clients add at the same time, and say what became of it",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), auditMost)
			defer cancel()
			report, err := tally.Audit(ctx, replicas, fmt.Sprintf("audit-%x", time.Now().UnixNano()), clients, adds)
			if err == nil {
				_, _ = fmt.Fprintln(a.stdout, report)
			}
			return err
		},
	}
	cmd.Flags().StringSliceVar(&replicas, "replicas", []string{"http://127.0.0.1:8080"}, "addresses of the replicas, which are asked by turns")
	cmd.Flags().IntVar(&clients, "clients", clients, "how many add at the same time")
	cmd.Flags().IntVar(&adds, "adds", adds, "how often they add, all together")
	return cmd
}

func serveTally(ctx context.Context, endpoints []string, o tally.Options, listen string) (err error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		return fmt.Errorf("connect to etcd: %w", err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	return tally.New(client, o).Serve(ctx, listener)
}
