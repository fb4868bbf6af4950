package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// followClient keeps a connection to the traffic client.
func (c *collector) followClient(ctx context.Context) {
	for ctx.Err() == nil {
		state, changed := c.latest.current()
		err := c.traffic(ctx, state)
		c.latest.set(func() { c.latest.traffic = nil })
		if ctx.Err() != nil {
			return
		}
		c.latest.source(sourceTraffic, stateAbsent, wordsOf(err))
		if errors.Is(err, helper.ErrAbsent) {
			pause(ctx, stateEvery, changed)
			continue
		}
		pause(ctx, againAfter, nil)
	}
}

func (c *collector) traffic(ctx context.Context, state engine.State) error {
	connection, err := helper.DialIn(ctx, c.engine, state, c.options.About.Project, engine.HelperClient)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	name := clientName(state)
	for item, err := range connection.Stream(ctx, telemetry.MethodTraffic, nil) {
		if err != nil {
			return err
		}
		traffic := []telemetry.Traffic{}
		if err := json.Unmarshal(item, &traffic); err != nil {
			return fmt.Errorf("traffic: %w", err)
		}
		for i := range traffic {
			traffic[i].Client = name
		}
		c.latest.set(func() { c.latest.traffic, c.latest.trafficAt = traffic, time.Now() })
		c.latest.source(sourceTraffic, stateOK, "")
	}
	return errors.New("the stream of traffic ended")
}

// clientName is the client's name as a node.
func clientName(state engine.State) string {
	nodes := helper.Nodes(state)
	names := engine.NodeNames(nodes)
	for _, c := range nodes {
		if c.Helper() == engine.HelperClient {
			return names[c.ID]
		}
	}
	return engine.HelperClient
}
