package docker

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Events follows what happens to a project from now on. Both channels are closed when it ends; an error says why it ended
// before ctx did.
func (c *Client) Events(ctx context.Context, project string) (<-chan engine.Event, <-chan error) {
	filters := client.Filters{}.Add("label", engine.LabelProject+"="+project)
	source := c.api.Events(ctx, client.EventsListOptions{Filters: filters})
	out, errs := make(chan engine.Event), make(chan error, 1)
	go func() {
		defer close(out)
		defer close(errs)
		for {
			select {
			case message := <-source.Messages:
				select {
				case out <- eventOf(message):
				case <-ctx.Done():
					return
				}
			case err := <-source.Err:
				if ctx.Err() == nil {
					errs <- c.wrap(err, "follow the events of %s", project)
				}
				return
			}
		}
	}()
	return out, errs
}

// podmanActions are Podman's words for what Docker tells of containers.
var podmanActions = map[string]string{"died": "die", "remove": "destroy"}

func eventOf(m events.Message) engine.Event {
	attributes := m.Actor.Attributes
	// An action may carry an argument: "exec_start: redis-cli ping".
	action, _, _ := strings.Cut(string(m.Action), ":")
	if m.Type == events.ContainerEventType {
		action = cmp.Or(podmanActions[action], action)
	}
	e := engine.Event{
		Time: time.Unix(0, m.TimeNano), Project: attributes[engine.LabelProject], Kind: string(m.Type), Action: action,
		ID: m.Actor.ID, Name: attributes["name"], Service: attributes[engine.LabelService], Labels: attributes,
	}
	if code, err := strconv.Atoi(cmp.Or(attributes["exitCode"], attributes["containerExitCode"])); err == nil {
		e.ExitCode = code
	}
	return e
}
