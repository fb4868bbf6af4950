// Package etcd runs a member of a real etcd cluster inside ddsctl's own executable, for labs whose machine has no image of etcd.
//
//	err := etcd.Run(ctx, etcd.Options{Name: "etcd-1", Dir: "/data", Clients: []string{"http://0.0.0.0:2379"}, ...})
//
// README.md is its interface.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// Options are those of the program etcd, under its names. Addresses are URLs.
type Options struct {
	// Name tells members apart; it is the member's name in InitialCluster.
	Name string
	// Dir is where its data is.
	Dir string
	// Clients and Peers are where it listens; AdvertiseClients and AdvertisePeers are where others find it.
	Clients, AdvertiseClients []string
	Peers, AdvertisePeers     []string
	// InitialCluster is NAME=URL for each member, separated by commas; "" is this member alone.
	InitialCluster string
	// State is new or existing; Token keeps clusters apart.
	State, Token string
	// Heartbeat is how often a leader speaks; Election is how long a follower waits for it, at least five times as long.
	Heartbeat, Election time.Duration
	// LogLevel is debug, info, warn or error.
	LogLevel string
	// Ready is called once when the member serves clients; nil is nobody.
	Ready func()
}

// config is what etcd is told.
func (o Options) config() (*embed.Config, error) {
	c := embed.NewConfig()
	c.Name, c.Dir, c.LogLevel = o.Name, o.Dir, o.LogLevel
	c.LogOutputs = []string{"stderr"}
	for _, list := range []struct {
		name string
		from []string
		to   *[]url.URL
	}{
		{"listen-client-urls", o.Clients, &c.ListenClientUrls}, {"advertise-client-urls", o.AdvertiseClients, &c.AdvertiseClientUrls},
		{"listen-peer-urls", o.Peers, &c.ListenPeerUrls}, {"initial-advertise-peer-urls", o.AdvertisePeers, &c.AdvertisePeerUrls},
	} {
		*list.to = nil
		for _, text := range list.from {
			u, err := url.Parse(text)
			if err != nil || u.Host == "" {
				return nil, fmt.Errorf("%s: %q is no URL such as http://0.0.0.0:2379", list.name, text)
			}
			*list.to = append(*list.to, *u)
		}
	}
	if o.State != "" {
		c.ClusterState = o.State
	}
	if o.Token != "" {
		c.InitialClusterToken = o.Token
	}
	if c.InitialCluster = o.InitialCluster; c.InitialCluster == "" {
		c.InitialCluster = c.InitialClusterFromName(c.Name)
	}
	if o.Heartbeat > 0 {
		c.TickMs = uint(o.Heartbeat.Milliseconds())
	}
	if o.Election > 0 {
		c.ElectionMs = uint(o.Election.Milliseconds())
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("configure etcd: %w", err)
	}
	return c, nil
}

// Run is a member of the cluster until ctx ends; then it hands over what it leads, and returns nil.
func Run(ctx context.Context, o Options) error {
	c, err := o.config()
	if err != nil {
		return err
	}
	member, err := embed.StartEtcd(c)
	if err != nil {
		return fmt.Errorf("start etcd member %s: %w", o.Name, err)
	}
	defer member.Close()
	ready := member.Server.ReadyNotify()
	for {
		select {
		case <-ready:
			ready = nil // a closed channel would be ready for ever
			if o.Ready != nil {
				o.Ready()
			}
		case <-ctx.Done():
			return nil
		case err := <-member.Err():
			return fmt.Errorf("etcd member %s: %w", o.Name, err)
		case <-member.Server.StopNotify():
			if ctx.Err() != nil {
				return nil
			}
			return errors.New("etcd member " + o.Name + " was removed from the cluster")
		}
	}
}
