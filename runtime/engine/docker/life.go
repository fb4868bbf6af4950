package docker

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Life tells since when a container runs, or when it ended.
func (c *Client) Life(ctx context.Context, id string) (engine.Life, error) {
	result, err := c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return engine.Life{}, c.wrap(err, "inspect container %s", short(id))
	}
	life := engine.Life{Restarts: result.Container.RestartCount}
	state := result.Container.State
	if state == nil {
		return life, nil
	}
	life.Started = instant(state.StartedAt)
	if !state.Running {
		life.Finished = instant(state.FinishedAt)
	}
	if state.Health != nil && state.Health.Status != container.NoHealthcheck {
		life.Health = string(state.Health.Status)
	}
	return life, nil
}

// instant reads the engine's time; its word for "never" is the year 1.
func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() <= 1 {
		return time.Time{}
	}
	return at
}
