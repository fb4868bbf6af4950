package docker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine/contract"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
)

func client(t *testing.T) *docker.Client {
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

func TestDockerKeepsTheContract(t *testing.T) {
	contract.Run(t, contract.Harness{New: func(t *testing.T) contract.Engine { return client(t) }, Image: "debian:trixie-slim"})
}
