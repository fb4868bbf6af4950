package launch_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// build compiles testdata/node: another executable for each version.
func build(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "-ldflags", "-X main.Version="+version, "testdata/node/main.go")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// dictionary is a lab of one service that is ddsctl itself.
func dictionary(name string) plan.Spec {
	service := types.ServiceConfig{Name: "dictionary"}
	service.Image, service.Command = "ddsctl/node", types.ShellCommand{"node", "dictionary"}
	service.Networks = map[string]*types.ServiceNetworkConfig{"default": nil}
	return plan.Spec{Lab: name, Source: "catalogue", Project: &types.Project{Name: name, Services: types.Services{"dictionary": service},
		Networks: types.Networks{"default": {Name: name + "_default"}}}}
}

// helpers are those that need no privileges.
var helpers = launch.UpOptions{Helpers: &helper.Options{NoWire: true}}

// engineOf is what the tests of two builds on one engine look at.
type engineOf interface {
	launch.Engine
	Address() string
}

// later is a clock by which every image is old.
func later() time.Time { return time.Now().Add(2 * supply.PruneAge) }

// twoBuilds lets two builds of ddsctl work on one engine by turns.
func twoBuilds(t *testing.T, e engineOf, prefix, older, newer string) {
	t.Helper()
	locks := t.TempDir()
	first := launch.New(e, launch.Options{Address: e.Address(), LockDir: locks, NodeBinary: older, Now: later})
	second := launch.New(e, launch.Options{Address: e.Address(), LockDir: locks, NodeBinary: newer, Now: later})
	one, two := prefix+"one", prefix+"two"
	up := func(l *launch.Launcher, name string) lifecycle.Result {
		t.Helper()
		result, err := l.Up(t.Context(), dictionary(name), helpers, launch.Show{})
		require.NoError(t, err)
		return result
	}
	images := func(name string) map[string]string {
		t.Helper()
		state, err := e.State(t.Context(), name)
		require.NoError(t, err)
		byService := map[string]string{}
		for _, c := range state.Containers {
			byService[c.Service] = c.ImageID
		}
		require.Len(t, byService, 2)
		require.Equal(t, byService["dictionary"], byService[helper.ClientService], "the lab's own services and the helpers are of one build")
		return byService
	}
	t.Cleanup(func() {
		for _, name := range []string{one, two} {
			_, err := first.Down(context.Background(), name, lifecycle.DownOptions{}, launch.Show{})
			require.NoError(t, err)
		}
	})

	require.True(t, up(first, one).Changed())
	before := images(one)
	require.True(t, up(second, two).Changed())
	require.NotEqual(t, before, images(two))
	require.Equal(t, before, images(one), "the second's lab changes nothing in the first's")
	require.False(t, up(first, one).Changed(), "the second build took nothing from the first")
	require.False(t, up(second, two).Changed())

	require.True(t, up(second, one).Changed(), "another build recreates what is of it")
	require.Equal(t, images(two), images(one))
	require.False(t, up(second, one).Changed(), "once")

	_, err := second.Down(t.Context(), one, lifecycle.DownOptions{}, launch.Show{})
	require.NoError(t, err)
	_, err = e.Image(t.Context(), before["dictionary"])
	require.ErrorIs(t, err, engine.ErrNotFound, "what the first build left goes with a lab of the second")
	require.False(t, up(second, two).Changed())
}

func TestTwoBuildsOfDdsctlWorkOnOneEngine(t *testing.T) {
	e := fake.New(fake.Options{Program: func(ctx context.Context, p fake.Process) int {
		<-ctx.Done()
		return 0
	}})
	t.Cleanup(func() { _ = e.Close() })
	twoBuilds(t, e, "launch-", build(t, "1"), build(t, "2"))
}

func TestAnImageThatIsTakenAwayInBetweenIsMadeAgain(t *testing.T) {
	e := fake.New(fake.Options{Program: func(ctx context.Context, p fake.Process) int {
		<-ctx.Done()
		return 0
	}})
	t.Cleanup(func() { _ = e.Close() })
	thief := &thief{Engine: e}
	l := launch.New(thief, launch.Options{Address: e.Address(), LockDir: t.TempDir(), NodeBinary: build(t, "1")})
	_, err := l.Up(t.Context(), dictionary("lab"), launch.UpOptions{}, launch.Show{})
	require.NoError(t, err)
	require.Equal(t, 2, thief.created, "the second try finds the image")
	require.Equal(t, []string{"dictionary"}, services(t, e))
}

// thief is an engine in which somebody removes an image just before the first container is made from it.
type thief struct {
	*fake.Engine
	created int
}

func (e *thief) CreateContainer(ctx context.Context, spec engine.ContainerSpec) (string, error) {
	if e.created++; e.created == 1 {
		image, err := e.Image(ctx, spec.Service.Image)
		if err != nil {
			return "", err
		}
		if err := e.RemoveImage(ctx, image.ID); err != nil {
			return "", err
		}
		return "", fmt.Errorf("no such image %s: %w", spec.Service.Image, engine.ErrNotFound)
	}
	return e.Engine.CreateContainer(ctx, spec)
}
