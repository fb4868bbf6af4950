package status_test

import (
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/status"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// start runs a shell line as a service's container.
func start(t *testing.T, e *fake.Engine, service string, number int, script string) string {
	t.Helper()
	config := types.ServiceConfig{Name: service}
	config.Image, config.Command = "debian", types.ShellCommand{"sh", "-c", script}
	id, err := e.CreateContainer(t.Context(), engine.ContainerSpec{Name: service + "-" + string(rune('0'+number)), Project: "lab", Number: number,
		Service: config, NetworkMode: "none", Labels: map[string]string{engine.LabelProject: "lab", engine.LabelService: service,
			engine.LabelNumber: string(rune('0' + number)), engine.LabelLab: "lab"}})
	require.NoError(t, err)
	require.NoError(t, e.StartContainer(t.Context(), id))
	return id
}

func of(t *testing.T, e *fake.Engine, options status.Options) map[string]status.Node {
	t.Helper()
	state, err := e.State(t.Context(), "lab")
	require.NoError(t, err)
	nodes, err := status.Of(t.Context(), e, state.Containers, options)
	require.NoError(t, err)
	byName := map[string]status.Node{}
	for _, n := range nodes {
		byName[n.Name] = n
	}
	return byName
}

func TestANodeIsAsHealthyAsItsProbesSayAtThisInstant(t *testing.T) {
	e := fake.New(fake.Options{})
	t.Cleanup(func() { _ = e.Close() })
	start(t, e, "web", 1, "touch /ok; sleep infinity")
	start(t, e, "web", 2, "sleep infinity")
	start(t, e, "cache", 1, "sleep infinity")
	paused := start(t, e, "paused", 1, "sleep infinity")
	require.NoError(t, e.PauseContainer(t.Context(), paused))
	dead := start(t, e, "dead", 1, "sleep infinity")
	e.Exit(dead, 137)

	probe := ready.Probe{Kind: ready.Command, Command: []string{"test", "-f", "/ok"}}
	nodes := of(t, e, status.Options{Bound: 100 * time.Millisecond, Probes: map[string][]ready.Probe{"web": {probe}, "dead": {probe}}})
	require.Len(t, nodes, 5)
	require.Equal(t, telemetry.HealthReady, nodes["web-1"].Health)
	require.Empty(t, nodes["web-1"].Problem)
	require.Equal(t, telemetry.HealthFailing, nodes["web-2"].Health)
	require.Contains(t, nodes["web-2"].Problem, "test -f /ok")
	require.Equal(t, telemetry.HealthUnknown, nodes["cache"].Health, "nobody can tell")
	require.Equal(t, telemetry.HealthDown, nodes["paused"].Health)
	require.Equal(t, telemetry.HealthDown, nodes["dead"].Health)
	require.Equal(t, 137, nodes["dead"].Container.ExitCode)
	require.False(t, nodes["dead"].Life.Finished.IsZero())
	require.True(t, nodes["web-1"].Life.Finished.IsZero())
	require.False(t, nodes["web-1"].Life.Started.IsZero())
}

func TestANodeThatIsMeantToEndIsCompletedByExitCodeZero(t *testing.T) {
	e := fake.New(fake.Options{})
	t.Cleanup(func() { _ = e.Close() })
	for service, code := range map[string]int{"seed": 0, "failed": 3, "server": 0} {
		e.Exit(start(t, e, service, 1, "sleep infinity"), code)
	}
	nodes := of(t, e, status.Options{Ends: map[string]bool{"seed": true, "failed": true}})
	require.Equal(t, telemetry.HealthCompleted, nodes["seed"].Health)
	require.Equal(t, telemetry.HealthDown, nodes["failed"].Health)
	require.Equal(t, telemetry.HealthDown, nodes["server"].Health)
}

func TestWhatIsRemovedMeanwhileIsLeftOut(t *testing.T) {
	e := fake.New(fake.Options{})
	t.Cleanup(func() { _ = e.Close() })
	id := start(t, e, "web", 1, "sleep infinity")
	state, err := e.State(t.Context(), "lab")
	require.NoError(t, err)
	require.NoError(t, e.RemoveContainer(t.Context(), id))
	nodes, err := status.Of(t.Context(), e, state.Containers, status.Options{})
	require.NoError(t, err)
	require.Empty(t, nodes)
}
