package supply_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// somebodyElse runs Redis from our image as another tool does, on a network of its own, and returns a client that has set a key in it.
func somebodyElse(t *testing.T, c *docker.Client, name string) (*redis.Client, testcontainers.Container, *testcontainers.DockerNetwork) {
	t.Helper()
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")      // its image cannot be had without a registry; this test removes what it makes
	t.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1") // where ports are published; in a container it would look for the engine at the gateway
	ctx := t.Context()
	_, err := supply.New(c, supply.Options{Address: c.Address()}).Ensure(ctx, refs("ddsctl/redis"), nil)
	require.NoError(t, err)
	n, err := network.New(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Remove(context.Background())) })
	theirs, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: testcontainers.ContainerRequest{Image: "ddsctl/redis", Name: name, Networks: []string{n.Name}, ExposedPorts: []string{"6379/tcp"},
			WaitingFor: wait.ForLog("Ready to accept connections").WithStartupTimeout(time.Minute)},
		Started: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, theirs.Terminate(context.Background())) })
	address, err := theirs.PortEndpoint(ctx, "6379/tcp", "")
	require.NoError(t, err)
	store := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, store.Set(ctx, "k", "theirs", 0).Err())
	return store, theirs, n
}

func TestWhatAnotherToolRunsIsSeenAndNeverTouched(t *testing.T) {
	c := dockerClient(t)
	ctx := t.Context()
	project := fmt.Sprintf("ddsctl-foreign-%d", os.Getpid())
	name := project + "-redis-1" // the name that the lab's own container would have
	store, theirs, n := somebodyElse(t, c, name)

	claims, err := c.Claims(ctx, engine.Names{Containers: []string{name}, Networks: []string{n.Name}})
	require.NoError(t, err)
	require.Len(t, claims, 2)
	for _, claim := range claims {
		require.False(t, claim.Ours(), "%+v", claim)
	}
	node, err := c.InspectContainer(ctx, theirs.GetContainerID())
	require.NoError(t, err)
	require.Equal(t, engine.PhaseRunning, node.Phase)
	require.Contains(t, node.Addresses, n.Name)
	require.NotEmpty(t, node.Ports)
	projects, err := c.Projects(ctx)
	require.NoError(t, err)
	for owner, state := range projects {
		for _, x := range state.Containers {
			require.NotEqual(t, node.ID, x.ID, "it is not in a lab, and so not in %s", owner)
		}
	}

	life := lifecycle.New(c, lifecycle.Options{Address: c.Address(), LockDir: t.TempDir()})
	lab := lab(t, project, "services: {redis: {image: ddsctl/redis}}")
	_, err = life.Up(ctx, lab, lifecycle.UpOptions{}, nil)
	require.ErrorIs(t, err, engine.ErrForeign)
	require.ErrorContains(t, err, name)
	require.Contains(t, hint.Of(err), "--name")
	_, err = life.Down(ctx, project, lifecycle.DownOptions{}, nil)
	require.NoError(t, err)

	value, err := store.Get(ctx, "k").Result()
	require.NoError(t, err, "it runs on")
	require.Equal(t, "theirs", value)
	after, err := c.InspectContainer(ctx, node.ID)
	require.NoError(t, err)
	require.Equal(t, node, after)
	state, err := c.State(ctx, project)
	require.NoError(t, err)
	require.True(t, state.Empty(), "nothing was made beside it: %+v", state)
}

func TestALabMayJoinANetworkOfAnotherTool(t *testing.T) {
	c := dockerClient(t)
	ctx := t.Context()
	project := fmt.Sprintf("ddsctl-external-%d", os.Getpid())
	store, theirs, n := somebodyElse(t, c, project+"-theirs")
	life := lifecycle.New(c, lifecycle.Options{Address: c.Address(), LockDir: t.TempDir()})
	_, err := life.Up(ctx, lab(t, project, fmt.Sprintf(`
services:
  check:
    image: ddsctl/redis
    entrypoint: ["redis-cli", "-h", "%s-theirs", "set", "k", "ours"]
    networks: [shared]
    deploy: {mode: replicated-job}
networks: {shared: {external: true, name: %s}}
`, project, n.Name)), lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	value, err := store.Get(ctx, "k").Result()
	require.NoError(t, err)
	require.Equal(t, "ours", value)

	_, err = life.Down(ctx, project, lifecycle.DownOptions{}, nil)
	require.NoError(t, err)
	claims, err := c.Claims(ctx, engine.Names{Networks: []string{n.Name}})
	require.NoError(t, err)
	require.Len(t, claims, 1, "a network that the lab only joined stays")
	require.True(t, theirs.IsRunning())
}

func lab(t *testing.T, name, yaml string) lifecycle.Spec {
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: t.TempDir(),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(yaml)}}}, func(o *loader.Options) { o.SetProjectName(name, true) })
	require.NoError(t, err)
	return lifecycle.Spec{Lab: name, Project: project}
}
