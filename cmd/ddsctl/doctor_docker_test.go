package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/launch"
)

func TestTheDoctorsOwnWireAnswersAndIsGone(t *testing.T) {
	client := dockerEngine(t)
	binary, err := built()
	require.NoError(t, err)
	offers, err := launch.New(client, launch.Options{Address: client.Address(), LockDir: t.TempDir(), NodeBinary: binary}).Wire(t.Context(), launch.Show{})
	require.NoError(t, err)
	require.NotEmpty(t, offers.Kernel)
	require.True(t, offers.Counters.Available() || offers.Counters.Why != "")
	projects, err := client.Projects(t.Context())
	require.NoError(t, err)
	for name := range projects {
		require.False(t, strings.HasPrefix(name, "ddsctl-doctor-"), name)
	}
}
