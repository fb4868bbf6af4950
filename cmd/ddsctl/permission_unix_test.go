//go:build unix

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is a user who may use no engine's socket.
const nobody = 65534

func TestAnEngineThatMayNotBeUsedIsExitCode3AndSaysWhatToDo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	binary, err := built()
	require.NoError(t, err)
	// Both must be reachable for another user, which a test's own folder is not.
	require.NoError(t, os.Chmod(filepath.Dir(binary), 0o755))
	dir, err := os.MkdirTemp("", "ddsctl-socket-*") //nolint:usetesting // another user has to reach it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	socket := filepath.Join(dir, "engine.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	require.NoError(t, os.Chmod(socket, 0))

	for _, args := range [][]string{{"lab", "status"}, {"lab", "up", "sharded-redis"}, {"doctor"}} {
		cmd := exec.CommandContext(t.Context(), binary, append(args, "--host", "unix://"+socket)...)
		cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C"}
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		words, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit), "%v: %v\n%s", args, err, words)
		require.Equal(t, exitUnreachable, exit.ExitCode(), "%s", words)
		require.Contains(t, string(words), "no permission to use the container engine")
		require.Contains(t, string(words), "usermod -aG docker")
	}
}
