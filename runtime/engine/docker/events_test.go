package docker

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

func TestEventsAreDecoded(t *testing.T) {
	attributes := map[string]string{engine.LabelProject: "lab", engine.LabelService: "redis", "name": "lab-redis-1", "exitCode": "137"}
	e := eventOf(events.Message{Type: "container", Action: "die", TimeNano: 1_700_000_000_000_000_001, Actor: events.Actor{ID: "abc", Attributes: attributes}})
	require.Equal(t, engine.Event{Time: time.Unix(1_700_000_000, 1), Project: "lab", Kind: "container", Action: "die", ID: "abc", Name: "lab-redis-1",
		Service: "redis", ExitCode: 137, Labels: attributes}, e)

	for action, want := range map[string]string{"exec_start: redis-cli ping": "exec_start", "health_status: healthy": "health_status", "oom": "oom"} {
		require.Equal(t, want, eventOf(events.Message{Action: events.Action(action)}).Action)
	}
	podman := eventOf(events.Message{Type: "container", Action: "died", Actor: events.Actor{Attributes: map[string]string{"containerExitCode": "3"}}})
	require.Equal(t, "die", podman.Action, "Podman has words of its own")
	require.Equal(t, 3, podman.ExitCode)
	require.Equal(t, "destroy", eventOf(events.Message{Type: "container", Action: "remove"}).Action)
	require.Equal(t, "remove", eventOf(events.Message{Type: "network", Action: "remove"}).Action)
}
