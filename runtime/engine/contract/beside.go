package contract

import (
	"context"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// beside holds how a project is seen that somebody else has started, before and after something of ddsctl's stands beside it.
func beside(t *testing.T, w *world) {
	ctx := t.Context()
	outer, err := w.CreateNetwork(ctx, engine.NetworkSpec{Name: w.project + "-outer", Labels: map[string]string{"owner": "somebody"}})
	require.NoError(t, err)
	theirs := func(service string, more map[string]string, change func(*engine.ContainerSpec)) string {
		id := w.create(service, forever, func(s *engine.ContainerSpec) {
			s.Labels = map[string]string{engine.LabelProject: w.project, engine.LabelService: service, engine.LabelNumber: "1"}
			for k, v := range more {
				s.Labels[k] = v
			}
			change(s)
		})
		require.NoError(t, w.StartContainer(ctx, id))
		return id
	}
	interval := types.Duration(time.Second)
	web := theirs("web", nil, func(s *engine.ContainerSpec) {
		s.Networks = []engine.Attachment{{Network: outer.Name, Aliases: []string{"web"}}}
		s.Service.Environment = types.NewMappingWithEquals([]string{"STORE=redis:6379"})
		s.Service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "true"}, Interval: &interval}
	})
	defer func() { // before the network, which is in use until then
		require.NoError(t, w.RemoveContainer(context.Background(), web))
		require.NoError(t, w.RemoveNetwork(context.Background(), outer.ID))
	}()
	side := theirs("side", nil, func(s *engine.ContainerSpec) { s.NetworkMode = "container:" + web })

	others, err := w.Others(ctx)
	require.NoError(t, err)
	require.Len(t, others[w.project].Containers, 2)
	projects, err := w.Projects(ctx)
	require.NoError(t, err)
	require.NotContains(t, projects, w.project)

	made, err := w.Made(ctx, web)
	require.NoError(t, err)
	require.Equal(t, "web", made.Name)
	require.Equal(t, w.image, made.Image)
	require.Equal(t, types.ShellCommand{"sh", "-c", forever}, made.Command)
	require.Equal(t, "redis:6379", *made.Environment["STORE"])
	require.Equal(t, types.HealthCheckTest{"CMD", "true"}, made.HealthCheck.Test)
	require.Equal(t, interval, *made.HealthCheck.Interval)
	_, err = w.Made(ctx, "0123456789ab")
	require.ErrorIs(t, err, engine.ErrNotFound)

	helper := w.start("ddsctl-wire", forever, func(s *engine.ContainerSpec) { s.Labels[engine.LabelAttached] = "true" })
	others, err = w.Others(ctx)
	require.NoError(t, err)
	require.NotContains(t, others, w.project, "ddsctl stands beside it now")
	projects, err = w.Projects(ctx)
	require.NoError(t, err)
	state, err := w.State(ctx, w.project)
	require.NoError(t, err)
	require.Equal(t, state, projects[w.project], "it is there whole")
	require.True(t, state.Attached())
	require.Len(t, state.Containers, 3)
	require.Empty(t, state.Networks)
	require.Len(t, state.Outer, 1, "a network of others that it is on")
	require.Equal(t, outer.ID, state.Outer[0].ID)
	require.NotEmpty(t, state.Outer[0].Subnets)
	require.Equal(t, web, w.inspect(side).NetworkOf)
	require.Empty(t, w.inspect(web).NetworkOf)
	require.NoError(t, w.RemoveContainer(ctx, helper))
}
