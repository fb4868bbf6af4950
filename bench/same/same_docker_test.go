package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/compose/composetest"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// TestWhatDockerComposeMakesDdsctlMakesToo brings every project of testdata up with both.
func TestWhatDockerComposeMakesDdsctlMakesToo(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	client, err := docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Ping(t.Context()))
	compose := composetest.Command(t.Context())
	if compose == nil {
		t.Skip("Docker Compose is not here: neither its plugin, nor the one that bench/up.sh builds; nothing was compared")
	}
	_, err = supply.New(client, supply.Options{Address: client.Address()}).Ensure(t.Context(),
		[]supply.Request{{Ref: supply.Base}, {Ref: "ddsctl/redis"}, {Ref: "ddsctl/nginx"}, {Ref: "ddsctl/mariadb"}}, nil)
	require.NoError(t, err)
	binary := filepath.Join(t.TempDir(), "ddsctl")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, "../../cmd/ddsctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	t.Setenv("DOCKER_HOST", client.Address())
	t.Setenv("FROM_OUTSIDE", "of this process")
	folders, err := filepath.Glob("testdata/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			var out, say bytes.Buffer
			code := run(t.Context(), []string{"-compose", strings.Join(compose, " "), "-ddsctl", binary, folder}, &out, &say)
			t.Log(out.String())
			require.Zero(t, code, "%s%s", out.String(), say.String())
		})
	}
}

func TestADifferenceIsToldUnlessItIsKnown(t *testing.T) {
	var out bytes.Buffer
	c := comparison{out: &out}
	same := map[string]string{"shop-web-1 image": "a", "shop-web-1 ports": "0.0.0.0:80->80/tcp"}
	require.False(t, c.tell("shop", compare(same, map[string]string{"shop-web-1 image": "a", "shop-web-1 ports": "127.0.0.1:80->80/tcp"})))
	require.Contains(t, out.String(), "shop: known shop-web-1 ports")
	require.Contains(t, out.String(), "shop: the same")
	out.Reset()
	require.True(t, c.tell("shop", compare(same, map[string]string{"shop-web-1 image": "b", "shop-web-1 ports": "0.0.0.0:80->80/tcp", "volume shop_x": "{}"})))
	require.Equal(t, "shop: DIFFERS shop-web-1 image: docker compose a, ddsctl b\nshop: DIFFERS volume shop_x: docker compose nothing, ddsctl {}\n", out.String())
	require.True(t, c.tell("shop", compare(map[string]string{"a file /x": `0644 0:0 "one"`}, map[string]string{"a file /x": `0644 0:0 "two"`})))
}
