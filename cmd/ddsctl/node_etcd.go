package main

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/etcd"
)

func newNodeEtcdCommand(_ *app) *cobra.Command {
	o := etcd.Options{Clients: []string{"http://0.0.0.0:2379"}, Peers: []string{"http://0.0.0.0:2380"}}
	heartbeat, election := 100, 1000
	cmd := &cobra.Command{
		Use:   "etcd",
		Short: "A member of an etcd cluster",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Heartbeat, o.Election = time.Duration(heartbeat)*time.Millisecond, time.Duration(election)*time.Millisecond
			return runEtcd(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", "", "the member's name (default: the host name)")
	flags.StringVar(&o.Dir, "data-dir", "/data", "where its data is")
	flags.StringSliceVar(&o.Clients, "listen-client-urls", o.Clients, "where it listens to clients")
	flags.StringSliceVar(&o.AdvertiseClients, "advertise-client-urls", nil, "where clients find it (default http://NAME:2379)")
	flags.StringSliceVar(&o.Peers, "listen-peer-urls", o.Peers, "where it listens to members")
	flags.StringSliceVar(&o.AdvertisePeers, "initial-advertise-peer-urls", nil, "where members find it (default http://NAME:2380)")
	flags.StringVar(&o.InitialCluster, "initial-cluster", "", "NAME=URL of each member, separated by commas (default: this one alone)")
	flags.StringVar(&o.State, "initial-cluster-state", "new", "new or existing")
	flags.StringVar(&o.Token, "initial-cluster-token", "lab", "keeps clusters apart")
	flags.IntVar(&heartbeat, "heartbeat-interval", heartbeat, "how often a leader speaks, in milliseconds")
	flags.IntVar(&election, "election-timeout", election, "how long a follower waits for the leader, in milliseconds")
	flags.StringVar(&o.LogLevel, "log-level", "warn", "debug, info, warn or error")
	return cmd
}

func runEtcd(ctx context.Context, o etcd.Options) error {
	o.Name = cmp.Or(o.Name, hostName("etcd"))
	if o.AdvertiseClients == nil {
		o.AdvertiseClients = []string{"http://" + o.Name + ":2379"}
	}
	if o.AdvertisePeers == nil {
		o.AdvertisePeers = []string{"http://" + o.Name + ":2380"}
	}
	return etcd.Run(ctx, o)
}
