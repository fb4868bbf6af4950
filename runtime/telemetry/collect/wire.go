package collect

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// followWire keeps a connection to the wire helper, and makes another when it was lost: the helper may have been killed, or be of
// another `lab up`.
func (c *collector) followWire(ctx context.Context) {
	for ctx.Err() == nil {
		state, changed := c.latest.current()
		err := c.wire(ctx, state)
		c.latest.set(func() {
			l := c.latest
			l.counters, l.records, l.states, l.sample = nil, nil, nil, nil
		})
		if ctx.Err() != nil {
			return
		}
		c.latest.source(sourceWire, stateAbsent, wordsOf(err))
		if errors.Is(err, helper.ErrAbsent) {
			pause(ctx, stateEvery, changed)
			continue
		}
		pause(ctx, againAfter, nil)
	}
}

func wordsOf(err error) string {
	if err == nil {
		return "the connection ended"
	}
	return err.Error()
}

// wire reads the wire helper until the connection or the helper is lost.
func (c *collector) wire(ctx context.Context, state engine.State) error {
	container, err := helper.Find(state, engine.HelperWire)
	if err != nil {
		return err
	}
	connection, err := helper.DialIn(ctx, c.engine, state, c.options.About.Project, engine.HelperWire)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	client := wire.NewClient(connection)
	// Who is who comes first, so that no link is counted under a wrong name.
	topology := helper.Topology(c.options.About.Project, state)
	if err := client.Configure(ctx, topology); err != nil {
		return err
	}
	capabilities, err := client.Capabilities(ctx)
	if err != nil {
		return err
	}
	if capabilities.Counters.Available() {
		c.latest.source(sourceWire, stateOK, capabilities.Counters.Mechanism)
	} else {
		c.latest.source(sourceWire, stateDegraded, "links are not counted: "+capabilities.Counters.Why)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.keepConfigured(ctx, client, topology, container.ID) })
	group.Go(func() error { return c.keepFaults(ctx, client) })
	group.Go(func() error { return c.keepSamples(ctx, connection) })
	if capabilities.Counters.Available() {
		group.Go(func() error { return c.keepCounters(ctx, client) })
	}
	return group.Wait()
}

// keepConfigured tells the helper of every change, until another helper has taken its place.
func (c *collector) keepConfigured(ctx context.Context, client *wire.Client, told wire.Topology, id string) error {
	for {
		state, changed := c.latest.current()
		container, err := helper.Find(state, engine.HelperWire)
		switch {
		case err != nil:
			return err
		case container.ID != id:
			return fmt.Errorf("another wire helper has taken its place")
		}
		if topology := helper.Topology(c.options.About.Project, state); !reflect.DeepEqual(topology, told) {
			if err := client.Configure(ctx, topology); err != nil {
				return err
			}
			told = topology
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (c *collector) keepCounters(ctx context.Context, client *wire.Client) error {
	for counters, err := range client.Counters(ctx, c.options.Interval) {
		if err != nil {
			return err
		}
		c.latest.set(func() { c.latest.counters, c.latest.countersAt = &counters, time.Now() })
	}
	return errors.New("the stream of counters ended")
}

func (c *collector) keepFaults(ctx context.Context, client *wire.Client) error {
	ticker := time.NewTicker(c.options.Interval)
	defer ticker.Stop()
	for {
		records, err := client.Records(ctx)
		if err != nil {
			return err
		}
		states, err := client.List(ctx)
		if err != nil {
			return err
		}
		if records == nil {
			records = []wire.Record{} // known to be none
		}
		c.latest.set(func() { c.latest.records, c.latest.states = records, states })
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// keepSamples reads the nodes through the helper, anew whenever they are others.
func (c *collector) keepSamples(ctx context.Context, connection probe.Streamer) error {
	for ctx.Err() == nil {
		state, changed := c.latest.current()
		ask := c.ask(state)
		watching, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer stop()
			for {
				select {
				case <-watching.Done():
					return
				case <-changed:
				}
				var now engine.State
				if now, changed = c.latest.current(); !reflect.DeepEqual(c.ask(now), ask) {
					return
				}
			}
		}()
		begin := time.Now()
		var lost error
		for sample, err := range probe.Watch(watching, connection, ask) {
			if err != nil {
				lost = err
				break
			}
			c.latest.set(func() {
				sample.Nodes = carried(sample.Nodes, c.latest.sample, time.Since(begin))
				c.latest.sample, c.latest.sampleAt = &sample, time.Now()
			})
		}
		replaced := watching.Err() != nil
		stop()
		<-done
		var refused *control.Error
		switch {
		case replaced:
		case errors.As(lost, &refused) && refused.Code == control.CodeMethod:
			<-ctx.Done() // an older helper, which does not know how
		case lost != nil:
			return lost
		default:
			return errors.New("the stream of samples ended")
		}
	}
	return ctx.Err()
}

// carryFor is how long what a stream said last stands for the next one, whose first answers take their time.
const carryFor = 3 * time.Second

// carried adds what was known of nodes that a new stream has not asked yet.
func carried(nodes map[string]probe.Result, before *probe.Sample, age time.Duration) map[string]probe.Result {
	if before == nil || age > carryFor {
		return nodes
	}
	for id, result := range nodes {
		was := before.Nodes[id]
		if result.Ready == nil {
			result.Ready, result.NotReady = was.Ready, was.NotReady
		}
		if result.Reading == nil && result.ReadError == "" {
			result.Reading, result.ReadError = was.Reading, was.ReadError
		}
		nodes[id] = result
	}
	return nodes
}

// ask is what the helper is to look at: the nodes that run.
func (c *collector) ask(state engine.State) probe.Ask {
	ask := probe.Ask{Interval: c.options.Interval, Nodes: []probe.Node{}}
	for _, container := range helper.Nodes(state) {
		if container.Phase != engine.PhaseRunning && container.Phase != engine.PhasePaused {
			continue
		}
		node := probe.Node{ID: container.ID, Address: helper.AddressOf(state, container)}
		if container.Phase == engine.PhaseRunning { // a paused one answers nobody
			if component, ok := c.options.Components[container.Service]; ok {
				node.Component = &component
			}
			for _, p := range c.options.Probes[container.Service] {
				if p.Kind == ready.TCP || p.Kind == ready.HTTP {
					node.Probes = append(node.Probes, p)
				}
			}
		}
		ask.Nodes = append(ask.Nodes, node)
	}
	return ask
}
