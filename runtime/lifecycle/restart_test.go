package lifecycle_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

func TestARestartKeepsTheContainersAndWaitsUntilTheyAreReady(t *testing.T) {
	e := newSandbox()
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	l := newLife(t, e, t.TempDir())
	_, err := l.up(t, chain)
	require.NoError(t, err)
	before, err := e.State(t.Context(), "lab")
	require.NoError(t, err)

	s := spec(t, chain)
	result, err := l.Restart(t.Context(), "lab", lifecycle.RestartOptions{Spec: &s}, nil)
	require.NoError(t, err)
	require.Equal(t, "restarted 5 containers", result.Summary())
	after, err := e.State(t.Context(), "lab")
	require.NoError(t, err)
	require.Len(t, after.Containers, len(before.Containers))
	for i, c := range after.Containers {
		require.Equal(t, before.Containers[i].ID, c.ID)
		require.Equal(t, before.Containers[i].Phase, c.Phase, c.Name)
	}
	again, err := l.up(t, chain)
	require.NoError(t, err)
	require.Equal(t, "nothing to change", again.Summary())
}

func TestARestartStartsWhatWasStoppedAndNeedsNoFiles(t *testing.T) {
	e := newSandbox()
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	l := newLife(t, e, t.TempDir())
	_, err := l.up(t, chain)
	require.NoError(t, err)
	state, err := e.State(t.Context(), "lab")
	require.NoError(t, err)
	for _, c := range state.Containers {
		if c.Service == "front" && c.Number == 2 {
			require.NoError(t, e.StopContainer(t.Context(), c.ID, nil))
		}
	}
	front := func(c engine.Container) bool { return c.Service == "front" }
	dry, err := l.Restart(t.Context(), "lab", lifecycle.RestartOptions{Only: front, DryRun: true}, nil)
	require.NoError(t, err)
	require.Equal(t, "stop container lab-front-1 (asked for)\nstart container lab-front-1\nstart container lab-front-2\n", dry.Plan.String())

	result, err := l.Restart(t.Context(), "lab", lifecycle.RestartOptions{Only: front}, nil)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"lab-front-1", "lab-front-2"}, result.Containers(plan.Restarted))
	state, err = e.State(t.Context(), "lab")
	require.NoError(t, err)
	for _, c := range state.Containers {
		require.True(t, c.Running() || c.Service == "seed", c.Name)
	}
}

func TestANodeThatDoesNotComeBackFailsTheRestart(t *testing.T) {
	e := newSandbox()
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	l := newLife(t, e, t.TempDir())
	broken := strings.Replace(chain, "seed: {image: done", "seed: {image: bad", 1)
	_, err := l.up(t, broken)
	require.Error(t, err)
	s := spec(t, broken)
	result, err := l.Restart(t.Context(), "lab", lifecycle.RestartOptions{Spec: &s}, nil)
	var exit *ready.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, "seed", exit.Service)
	require.Empty(t, result.Outcomes)
}
