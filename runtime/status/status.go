// Package status tells how the nodes of a project are at this instant: in which phase of their life, since when, and whether they do
// their work.
//
//	nodes, err := status.Of(ctx, client, state.Containers, status.Options{Probes: spec.Probes})
package status

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Engine is what telling the status needs of a container engine.
type Engine interface {
	ready.Engine
	Life(ctx context.Context, id string) (engine.Life, error)
}

// Options change what Of does.
type Options struct {
	// Probes are the conditions of readiness by service. A service without any is as healthy as the engine's own healthcheck
	// says, and unknown where there is none.
	Probes map[string][]ready.Probe
	// Ends names the services of which exiting with 0 is the end and no failure.
	Ends map[string]bool
	// Providers names the service whose network a service is in, where that is not its own.
	Providers map[string]string
	// Dialer reaches containers at their own addresses; nil where this machine cannot.
	Dialer ready.Dialer
	// Bound is how long a node's probes may take together; 0 is DefaultBound.
	Bound time.Duration
}

// DefaultBound is how long a node's probes may take together. A node that answers at all answers sooner.
const DefaultBound = time.Second

// Node is one container of a lab at an instant.
type Node struct {
	Name      string // as engine.NodeNames has it
	Container engine.Container
	Life      engine.Life
	Health    telemetry.Health
	Problem   string // why it is not ready, in words
}

// Of looks at every container, all at once. Those that are removed meanwhile are left out.
func Of(ctx context.Context, e Engine, containers []engine.Container, options Options) ([]Node, error) {
	if options.Bound <= 0 {
		options.Bound = DefaultBound
	}
	names := engine.NodeNames(containers)
	found := make([]*Node, len(containers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	waiter := ready.New(e, ready.Options{Dialer: options.Dialer})
	for i, c := range containers {
		group.Go(func() error {
			life, err := e.Life(ctx, c.ID)
			if errors.Is(err, engine.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			node := &Node{Name: names[c.ID], Container: c, Life: life}
			node.Health, node.Problem = health(ctx, waiter, node, target(c, containers, options), options)
			found[i] = node
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	nodes := make([]Node, 0, len(found))
	for _, n := range found {
		if n != nil {
			nodes = append(nodes, *n)
		}
	}
	return nodes, nil
}

// target says how a container's probes reach it.
func target(c engine.Container, all []engine.Container, options Options) ready.Target {
	t := ready.Target{ID: c.ID, Name: c.Name, Service: c.Service}
	provider := options.Providers[c.Service]
	for _, other := range all {
		if provider != "" && other.Service == provider && t.AddressOf == "" {
			t.AddressOf = other.ID
		}
	}
	return t
}

func health(ctx context.Context, waiter *ready.Waiter, n *Node, target ready.Target, options Options) (telemetry.Health, string) {
	switch n.Container.Phase {
	case engine.PhaseRunning:
	case engine.PhaseRestarting:
		return telemetry.HealthFailing, "the engine starts it again and again"
	default:
		return ended(n, options), ""
	}
	probes := options.Probes[n.Container.Service]
	if len(probes) == 0 {
		switch n.Life.Health {
		case "healthy":
			return telemetry.HealthReady, ""
		case "unhealthy":
			return telemetry.HealthFailing, "its healthcheck fails"
		case "starting":
			return telemetry.HealthStarting, ""
		}
		return telemetry.HealthUnknown, ""
	}
	bounded, cancel := context.WithTimeout(ctx, options.Bound)
	defer cancel()
	err := waiter.Wait(bounded, target, once(probes, options.Bound))
	var exited *ready.ExitError
	switch {
	case err == nil:
		return telemetry.HealthReady, ""
	case errors.As(err, &exited):
		return ended(n, options), ""
	}
	return telemetry.HealthFailing, problem(err, probes)
}

// ended is the health of a node that does not run any more.
func ended(n *Node, options Options) telemetry.Health {
	if n.Container.Phase == engine.PhaseExited && n.Container.ExitCode == 0 && options.Ends[n.Container.Service] {
		return telemetry.HealthCompleted
	}
	return telemetry.HealthDown
}

// once bounds probes so that one look does not become a wait.
func once(probes []ready.Probe, bound time.Duration) []ready.Probe {
	list := make([]ready.Probe, len(probes))
	for i, p := range probes {
		p.Bound = bound
		list[i] = p
	}
	return list
}

// problem is what the probe that failed saw, without the words around it.
func problem(err error, probes []ready.Probe) string {
	var timeout *ready.TimeoutError
	if errors.As(err, &timeout) {
		text := timeout.Waiting
		if timeout.Last != nil {
			text += ": " + innermost(timeout.Last).Error()
		}
		return text
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return probes[0].String() + ": no answer"
	}
	return err.Error()
}

func innermost(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
