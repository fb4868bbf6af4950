package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

func variables(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// putContext stores a Docker context below a home folder, as `docker context create` does.
func putContext(t *testing.T, home, name, host string, tls bool) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	dir := filepath.Join(home, ".docker", "contexts", "meta", id)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "meta.json"), []byte(`{"Name":"`+name+`","Endpoints":{"docker":{"Host":"`+host+`"}}}`), 0o600))
	if tls {
		dir = filepath.Join(home, ".docker", "contexts", "tls", id, "docker")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), nil, 0o600))
	}
}

func TestTheEngineIsLookedForAsDockersOwnClientDoes(t *testing.T) {
	home := t.TempDir()
	putContext(t, home, "far", "tcp://far:2376", true)
	putContext(t, home, "near", "unix:///near.sock", false)
	putContext(t, home, "kubernetes", "", false)
	runtimeDir := t.TempDir()
	podman := filepath.Join(runtimeDir, "podman", "podman.sock")
	require.NoError(t, os.Mkdir(filepath.Dir(podman), 0o700))
	listener, err := net.Listen("unix", podman)
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()

	for _, c := range []struct {
		name, host string
		env        map[string]string
		current    string // context of the configuration
		want, from string
		tls        bool
	}{
		{name: "said on the command line", host: "tcp://h:1", env: map[string]string{"DOCKER_HOST": "tcp://e:1"}, want: "tcp://h:1", from: "--host"},
		{name: "DOCKER_HOST comes before a context", env: map[string]string{"DOCKER_HOST": "tcp://e:1", "DOCKER_CONTEXT": "near"}, want: "tcp://e:1", from: "DOCKER_HOST"},
		{name: "with certificates", env: map[string]string{"DOCKER_HOST": "tcp://e:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}, want: "tcp://e:1", from: "DOCKER_HOST", tls: true},
		{name: "DOCKER_CONTEXT", env: map[string]string{"DOCKER_CONTEXT": "near"}, current: "far", want: "unix:///near.sock", from: "docker context near"},
		{name: "the current context", current: "far", want: "tcp://far:2376", from: "docker context far", tls: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := filepath.Join(home, ".docker", "config.json")
			require.NoError(t, os.WriteFile(config, []byte(`{"currentContext":"`+c.current+`"}`), 0o600))
			where, err := locate(Options{Host: c.host, Home: home, Environment: variables(c.env)})
			require.NoError(t, err)
			require.Equal(t, c.want, where.host)
			require.Equal(t, c.from, where.source)
			require.Equal(t, c.tls, where.tls != nil)
		})
	}
	for _, name := range []string{"gone", "kubernetes"} {
		_, err := locate(Options{Home: home, Environment: variables(map[string]string{"DOCKER_CONTEXT": name})})
		require.ErrorIs(t, err, engine.ErrUnreachable)
		require.ErrorContains(t, err, name)
		require.Contains(t, hint.Of(err), "docker context")
	}
	list := sockets(variables(map[string]string{"XDG_RUNTIME_DIR": runtimeDir}), home)
	require.Contains(t, list, socket{podman, "rootless Podman"})
}
