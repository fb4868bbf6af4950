package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/cacheaside"
)

// cacheConnections are kept open to the cache between requests.
const cacheConnections = 64

// cacheAsideOptions are the flags of the service with a cache.
type cacheAsideOptions struct {
	listen, cache string
	cacheTimeout  time.Duration
	cacheaside.Options
}

func newNodeCacheAsideCommand(a *app) *cobra.Command {
	var o cacheAsideOptions
	cmd := &cobra.Command{
		Use:   "cache-aside",
		Short: "A service that keeps its pages in memcached",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeCacheAside(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", ":8080", "address to listen on")
	flags.StringVar(&o.cache, "cache", "memcached:11211", "address of memcached, or of a proxy before several")
	flags.DurationVar(&o.cacheTimeout, "cache-timeout", 250*time.Millisecond, "how long the cache may take")
	flags.StringVar(&o.Store, "store", "http://store:8080", "URL of the store")
	flags.IntVar(&o.Size, "size", 1000, "how large a page is, in bytes")
	return cmd
}

func (a *app) nodeCacheAside(ctx context.Context, o cacheAsideOptions) error {
	cache := memcache.New(o.cache)
	cache.Timeout, cache.MaxIdleConns = o.cacheTimeout, cacheConnections
	o.Cache, o.Log = cache, slog.New(slog.NewTextHandler(a.stderr, nil))
	listener, err := listenOn(ctx, o.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: cacheaside.New(o.Options).Handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve: %w", err), cache.Close())
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = server.Shutdown(last)
	<-served
	return errors.Join(err, cache.Close())
}
