package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/ddsctl/ddsctl/images/node/servicebroker"
)

// The environments that a service broker knows.
const (
	brokerLocal = "local"
	brokerCloud = "cloud"
)

// brokerOptions are the flags of the service broker.
type brokerOptions struct {
	environment, local, key string
	catalogue               []string
	listen, status          string
	servicebroker.Options
}

func newNodeServiceBrokerCommand(a *app) *cobra.Command {
	o := brokerOptions{environment: cmp.Or(os.Getenv("BROKER_ENVIRONMENT"), brokerLocal), local: "mysql:3306", key: "services/mysql", listen: ":3306", status: ":8080"}
	if catalogue := os.Getenv("BROKER_CATALOGUE"); catalogue != "" {
		o.catalogue = []string{catalogue}
	}
	cmd := &cobra.Command{
		Use:   "service-broker",
		Short: "Connect an application with the database of its environment",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeServiceBroker(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.environment, "environment", o.environment, "local or cloud")
	flags.StringVar(&o.local, "local", o.local, "the server in the environment local")
	flags.StringSliceVar(&o.catalogue, "catalogue", o.catalogue, "addresses of the catalogue in the environment cloud")
	flags.StringVar(&o.key, "key", o.key, "the catalogue's key")
	flags.StringVar(&o.listen, "listen", o.listen, "address for the application")
	flags.StringVar(&o.status, "status", o.status, "address of the status page")
	flags.DurationVar(&o.Every, "check-every", 500*time.Millisecond, "how often servers are checked")
	flags.DurationVar(&o.Timeout, "check-timeout", 500*time.Millisecond, "how long a check may take")
	flags.IntVar(&o.Fall, "fall", 3, "after how many failed checks in a row a server is dead")
	return cmd
}

// directory is where the environment keeps its servers, and what closes it.
func (o brokerOptions) directory() (servicebroker.Directory, func() error, error) {
	switch o.environment {
	case brokerLocal:
		return servicebroker.Fixed(o.local), func() error { return nil }, nil
	case brokerCloud:
		if len(o.catalogue) == 0 {
			return nil, nil, usagef("--catalogue: the environment %s has one; at which address?", brokerCloud)
		}
		client, err := clientv3.New(clientv3.Config{Endpoints: o.catalogue, Logger: zap.NewNop(),
			DialKeepAliveTime: keepAlive, DialKeepAliveTimeout: keepAlive, PermitWithoutStream: true})
		if err != nil {
			return nil, nil, fmt.Errorf("connect to the catalogue: %w", err)
		}
		return servicebroker.Catalogue(client, o.key), client.Close, nil
	}
	return nil, nil, usagef("--environment %s: there are %s and %s", o.environment, brokerLocal, brokerCloud)
}

func (a *app) nodeServiceBroker(ctx context.Context, o brokerOptions) (err error) {
	directory, release, err := o.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	o.Directory, o.Check, o.Log = directory, servicebroker.Greeting, slog.New(slog.NewTextHandler(a.stderr, nil))
	listener, err := listenOn(ctx, o.listen)
	if err != nil {
		return err
	}
	pages, err := listenOn(ctx, o.status)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	broker := servicebroker.New(o.Options)
	server := &http.Server{Handler: broker.Handler(o.environment), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(pages) }()
	carried := broker.Serve(ctx, listener)
	closed := server.Close()
	if shown := <-served; !errors.Is(shown, http.ErrServerClosed) {
		carried = errors.Join(carried, fmt.Errorf("show the status: %w", shown))
	}
	return errors.Join(carried, closed)
}
