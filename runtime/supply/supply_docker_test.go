package supply_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

func dockerClient(t *testing.T) *docker.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	c, err := docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	require.NoError(t, c.Ping(t.Context()))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRedisAndTwemproxyAreBuiltFromDebian(t *testing.T) {
	c := dockerClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s := supply.New(c, supply.Options{Address: c.Address()})
	begin := time.Now()
	show := func(p engine.ImageProgress) {
		t.Logf("%6.2fs %s %s: %s %d/%d", time.Since(begin).Seconds(), p.Image, p.Stage, p.Text, p.Current, p.Total)
	}
	ids, err := s.Ensure(ctx, []supply.Request{{Ref: "ddsctl/redis"}, {Ref: "ddsctl/twemproxy"}}, show)
	require.NoError(t, err)
	require.Len(t, ids, 2)

	var how []string
	again, err := s.Ensure(ctx, []supply.Request{{Ref: "ddsctl/redis"}, {Ref: "ddsctl/twemproxy"}}, func(p engine.ImageProgress) {
		how = append(how, p.Stage+" "+p.Text)
	})
	require.NoError(t, err)
	require.Equal(t, ids, again)
	require.Equal(t, []string{"ready present", "ready present"}, how)
}
