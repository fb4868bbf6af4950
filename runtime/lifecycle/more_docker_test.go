package lifecycle_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// perlServer answers HTTP on port 8080 after a moment; perl is in Debian's smallest image.
const perlServer = `use IO::Socket::INET; select undef,undef,undef,0.3; my $s=IO::Socket::INET->new(LocalPort=>8080,Listen=>9,ReuseAddr=>1) or die;
while(my $c=$s->accept){ my $l=<$c>; print $c "HTTP/1.0 200 OK\r\n\r\nstate: green\n"; close $c; }`

func TestScaleAndServersInDocker(t *testing.T) {
	w := newWorld(t)
	spec := lifecycle.Spec{Lab: "lctest", Project: project(t, w.name, `
services:
  web:
    image: debian:trixie-slim
    init: true
    command: ["perl", "-e", "${SERVER}"]
    healthcheck: {test: ["CMD-SHELL", "grep -q 1F90 /proc/net/tcp"], timeout: 2s}
  sidecar:
    image: debian:trixie-slim
    init: true
    command: ["sh", "-c", "sleep infinity"]
    network_mode: "service:web"
    pid: "service:web"
`)}
	web := spec.Project.Services["web"]
	web.Command[2] = perlServer
	spec.Project.Services["web"] = web
	http := []ready.Probe{{Kind: ready.TCP, Port: 8080}, {Kind: ready.HTTP, Port: 8080, Pattern: "green"}}
	spec.Probes = map[string][]ready.Probe{"web": http, "sidecar": http[1:]} // the sidecar is reached at its provider's address
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := w.life.Up(ctx, spec, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)

	result, err := w.life.Scale(ctx, spec, map[string]int{"web": 3}, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	require.Equal(t, "created 2 containers", result.Summary())
	result, err = w.life.Scale(ctx, spec, map[string]int{"web": 2}, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{w.name + "-web-3"}, result.Containers(plan.Removed))

	// The provider dies; the sidecar's namespace went with it.
	for _, c := range w.state().Containers {
		if c.Service == "web" && c.Number == 1 {
			require.NoError(t, w.client.KillContainer(ctx, c.ID, "SIGKILL"))
			_, err := w.client.WaitContainer(ctx, c.ID)
			require.NoError(t, err)
		}
	}
	result, err = w.life.Up(ctx, spec, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{w.name + "-web-1"}, result.Containers(plan.Started))
	require.Equal(t, []string{w.name + "-sidecar-1"}, result.Containers(plan.Recreated))
}

func TestAForeignContainerNetworkAndVolumeInDocker(t *testing.T) {
	w := newWorld(t)
	const yaml = `
services: {web: {image: debian:trixie-slim, init: true, command: sleep infinity, volumes: ["data:/data"]}}
volumes: {data: {}}
`
	docker := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	for _, c := range []struct{ kind, name string }{{"container", w.name + "-web-1"}, {"network", w.name + "_default"}, {"volume", w.name + "_data"}} {
		create := []string{c.kind, "create", c.name}
		if c.kind == "container" {
			create = []string{"create", "--name", c.name, "debian:trixie-slim", "true"}
		}
		docker(create...)
		t.Cleanup(func() { _ = exec.Command("docker", c.kind, "rm", c.name).Run() })
		before := docker("inspect", "--type", c.kind, c.name)
		_, err := w.up(yaml)
		require.ErrorIs(t, err, engine.ErrForeign)
		require.ErrorContains(t, err, fmt.Sprintf("%s %q", c.kind, c.name))
		require.Contains(t, hint.Of(err), "--name")
		require.True(t, w.state().Empty(), "nothing was made beside it")
		w.down()
		require.Equal(t, before, docker("inspect", "--type", c.kind, c.name))
		docker(c.kind, "rm", c.name)
	}
	_, err := w.up(yaml)
	require.NoError(t, err)
}

func TestInterruptedInDockerReturnsAtOnce(t *testing.T) {
	w := newWorld(t)
	const yaml = `services: {web: {image: debian:trixie-slim, init: true, command: sleep infinity, healthcheck: {test: [CMD, "false"]}}}`
	ctx, cancel := context.WithCancel(t.Context())
	spec := lifecycle.Spec{Lab: "lctest", Project: project(t, w.name, yaml)}
	_, err := w.life.Up(ctx, spec, lifecycle.UpOptions{}, func(p lifecycle.Progress) {
		if p.Kind == plan.WaitReady && p.State == lifecycle.StepStarted {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "the same command again")
	_, err = w.up(strings.Replace(yaml, "false", "true", 1))
	require.NoError(t, err)
}
