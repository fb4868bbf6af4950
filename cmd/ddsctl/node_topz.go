package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/topz"
)

func newNodeTopzCommand(a *app) *cobra.Command {
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "topz",
		Short: "A page of the processes in the PID namespace",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeTopz(cmd.Context(), listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", listen, "address to listen on")
	return cmd
}

func (a *app) nodeTopz(ctx context.Context, listen string) error {
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	sampler := topz.New(topz.System{}, topz.Options{Log: slog.New(slog.NewTextHandler(a.stderr, nil))})
	server := &http.Server{Handler: sampler.Handler(), ReadHeaderTimeout: 5 * time.Second}
	running, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	wait.Go(func() { sampler.Run(running) })
	wait.Go(func() { <-running.Done(); _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
