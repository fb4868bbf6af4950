package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
	"github.com/ddsctl/ddsctl/runtime/wire/agent"
)

// runWire is the wire helper until ctx ends; then all faults on links are undone, and nothing of it is left in the kernel.
func runWire(ctx context.Context, a *app, o wireOptions) (err error) {
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	o.seed = cmp.Or(o.seed, rand.Uint64())
	log.Info("wire", "version", buildVersion().Version, "seed", o.seed)
	wire, err := agent.New(agent.Options{Folder: o.folder, Seed: o.seed, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wire.Close()) }()
	listener, err := control.Listen(o.socket)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()                           // before the wait
	running.Go(func() { _ = wire.Run(ctx) }) // ends with ctx, and with nothing else
	return control.Serve(ctx, listener, control.Merge(wire.Handlers(), probe.Handlers(probe.Options{})))
}
