package launch_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
)

// theirs is a project that Docker Compose has started: a web server on a network of its own, and on one that is not the project's.
func theirs(t *testing.T, e *fake.Engine) engine.State {
	t.Helper()
	own := map[string]string{engine.LabelProject: "shop", engine.LabelNetwork: "default"}
	inner, err := e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: "shop_default", Labels: own})
	require.NoError(t, err)
	outer, err := e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: "proxy"})
	require.NoError(t, err)
	id, err := e.CreateContainer(t.Context(), engine.ContainerSpec{Name: "shop-web-1", Project: "shop", Number: 1, Service: spec().Project.Services["web"],
		Labels:   map[string]string{engine.LabelProject: "shop", engine.LabelService: "web", engine.LabelNumber: "1"},
		Networks: []engine.Attachment{{Network: inner.Name}, {Network: outer.Name}}})
	require.NoError(t, err)
	require.NoError(t, e.StartContainer(t.Context(), id))
	return state(t, e)
}

func state(t *testing.T, e *fake.Engine) engine.State {
	t.Helper()
	s, err := e.State(t.Context(), "shop")
	require.NoError(t, err)
	return s
}

// attaching is an engine in which the helper's program is code, or runs until it is stopped where it is below 0.
func attaching(t *testing.T, code int) (*fake.Engine, *launch.Launcher) {
	t.Helper()
	e := fake.New(fake.Options{Images: []string{"web:1"}, Program: func(ctx context.Context, p fake.Process) int {
		if p.Container.Helper() != "" && code >= 0 {
			return code
		}
		<-ctx.Done()
		return 137
	}})
	t.Cleanup(func() { _ = e.Close() })
	return e, launch.New(e, launch.Options{Address: e.Address(), LockDir: t.TempDir(), NodeBinary: build(t, "1")})
}

func TestAttachingMakesHelpersAndTouchesNothingElse(t *testing.T) {
	e, l := attaching(t, -1)
	before := theirs(t, e)
	touched := e.Touched() // by whoever has started it
	to := launch.Attachment{Project: "shop", Lab: "shop", Source: "/shop", Helpers: helper.Options{NoWire: true}}
	result, err := l.Attach(t.Context(), to, launch.Show{})
	require.NoError(t, err)
	require.True(t, result.Changed())
	now := state(t, e)
	require.True(t, now.Attached())
	client, err := helper.Find(now, engine.HelperClient)
	require.NoError(t, err)
	require.Len(t, client.Addresses, 2, "it is a node on every network of the project's containers")
	require.Equal(t, "/shop", client.Labels[engine.LabelSource])
	require.NotContains(t, before.Containers[0].Labels, engine.LabelAttached)
	require.Contains(t, now.Containers, before.Containers[0], "theirs is as it was")
	require.Equal(t, touched, e.Touched())

	again, err := l.Attach(t.Context(), to, launch.Show{})
	require.NoError(t, err)
	require.False(t, again.Changed())

	_, err = l.Down(t.Context(), "shop", lifecycle.DownOptions{}, launch.Show{})
	require.NoError(t, err)
	require.Equal(t, before, state(t, e))
	require.Equal(t, touched, e.Touched())
}

func TestAHelperThatDoesNotRunIsAnErrorAndLeavesNothing(t *testing.T) {
	e, l := attaching(t, 3)
	before := theirs(t, e)
	touched := e.Touched()
	_, err := l.Attach(t.Context(), launch.Attachment{Project: "shop", Lab: "shop", Helpers: helper.Options{}}, launch.Show{})
	require.ErrorIs(t, err, helper.ErrAbsent)
	require.ErrorContains(t, err, "attach to shop")
	require.Equal(t, before, state(t, e))
	require.Equal(t, touched, e.Touched())
}

func TestOnlyWhatRunsAndIsSomebodyElsesIsAttachedTo(t *testing.T) {
	_, l := attaching(t, -1)
	_, err := l.Attach(t.Context(), launch.Attachment{Project: "shop"}, launch.Show{})
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.Contains(t, hint.Of(err), "docker compose -p shop up -d")

	_, err = l.Up(t.Context(), spec(), launch.UpOptions{}, launch.Show{})
	require.NoError(t, err)
	_, err = l.Attach(t.Context(), launch.Attachment{Project: "lab"}, launch.Show{})
	require.ErrorIs(t, err, launch.ErrOwn)
}
