//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/nftables"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/supply"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// theirs is a project with the labels of Docker Compose, made by somebody else: a Redis, and a worker that asks it all the time and says so nowhere.
func theirs(t *testing.T, client *docker.Client, name string) {
	t.Helper()
	ctx := t.Context()
	ids, err := supply.New(client, supply.Options{Address: client.Address()}).Ensure(ctx, []supply.Request{{Ref: "ddsctl/redis"}}, nil)
	require.NoError(t, err)
	network, err := client.CreateNetwork(ctx, engine.NetworkSpec{Name: name + "_default",
		Labels: map[string]string{engine.LabelProject: name, engine.LabelNetwork: "default"}})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := client.RemoveNetwork(context.Background(), network.ID); err != nil {
			t.Error(err)
		}
	})
	for _, service := range []string{"redis", "worker"} {
		s := types.ServiceConfig{Name: service}
		s.Image = ids["ddsctl/redis"]
		if service == "worker" {
			s.Entrypoint = types.ShellCommand{"sh", "-c", "while true; do redis-cli -h redis incr n >/dev/null; sleep 0.1; done"}
		}
		id, err := client.CreateContainer(ctx, engine.ContainerSpec{Name: name + "-" + service + "-1", Project: name, Number: 1, Service: s,
			Networks: []engine.Attachment{{Network: network.Name, Aliases: []string{service}}},
			Labels: map[string]string{engine.LabelProject: name, engine.LabelService: service, engine.LabelNumber: "1", engine.LabelOneOff: "False",
				engine.LabelConfigHash: "hash of " + service, engine.LabelWorkingDir: "/on/another/machine", engine.LabelConfigFiles: "/on/another/machine/compose.yaml"}})
		require.NoError(t, err)
		t.Cleanup(func() {
			if err := client.RemoveContainer(context.Background(), id); err != nil {
				t.Error(err)
			}
		})
		require.NoError(t, client.StartContainer(ctx, id))
	}
}

// being is all that tells whether somebody's containers were touched.
type being struct {
	State engine.State
	Lives map[string]engine.Life
}

func beingOf(t *testing.T, client *docker.Client, name string) being {
	t.Helper()
	state, err := client.State(t.Context(), name)
	require.NoError(t, err)
	b := being{state, map[string]engine.Life{}}
	for _, c := range state.Containers {
		b.Lives[c.ID], err = client.Life(t.Context(), c.ID)
		require.NoError(t, err)
	}
	return b
}

func TestAnAttachedProjectIsWatchedBrokenAndLeftAsItWas(t *testing.T) {
	client := dockerEngine(t)
	binary, err := built()
	require.NoError(t, err)
	name := projectName("attach")
	theirs(t, client, name)
	before := beingOf(t, client, name)
	run := func(args ...string) (string, error) {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+client.Address(), "DDSCTL_NODE_BINARY="+binary)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			return said.String(), err
		}
		return string(out), nil
	}
	do := func(args ...string) string {
		t.Helper()
		out, err := run(args...)
		require.NoError(t, err, "%v: %s", args, out)
		return out
	}
	t.Cleanup(func() { _, _ = run("detach", "--force", name) })

	var made attachResult
	require.NoError(t, json.Unmarshal([]byte(do("attach", name, "-o", "json")), &made))
	require.Len(t, made.Helpers, 2)
	require.Equal(t, []labs.FoundLink{}, made.Links, "nothing says that the worker uses the store")
	require.Empty(t, made.Source)

	watch := func() (s telemetry.Snapshot) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(do("lab", "watch", name, "--once", "-o", "json")), &s))
		return s
	}
	require.Eventually(t, func() bool {
		for _, l := range watch().Links {
			if l.From == "worker" && l.To == "redis" && l.Port == 6379 && l.Observed && !l.Declared && l.Forward.Packets > 0 {
				return true
			}
		}
		return false
	}, time.Minute, 100*time.Millisecond, "the wire sees the link that nothing names")

	do("traffic", "start", name, "--target", "redis://redis:6379", "--rate", "50")
	require.Eventually(t, func() bool {
		for _, w := range watch().Traffic {
			if w.Succeeded > 0 {
				return true
			}
		}
		return false
	}, time.Minute, 100*time.Millisecond)
	do("fault", "inject", "cut", name, "worker->redis")
	require.Contains(t, do("fault", "inject", "pause", name, "redis"), "yes")
	require.Contains(t, do("lab", "status", name), "paused")
	require.Contains(t, do("lab", "logs", name, "redis"), "Redis")

	do("fault", "heal", name, "--all")

	scenario := filepath.Join(t.TempDir(), "slow.yaml")
	require.NoError(t, writeFile(scenario, `
version: 1
title: A slow store
summary: The store answers late.
lab: `+name+`
workloads: [{name: asks, target: "redis://redis:6379", mix: [{operation: read}], arrival: {process: constant, rate: 50}}]
phases:
  - {name: steady, for: 2s}
  - {name: slow, for: 3s, steps: [{name: slow, inject: [delay, "client->redis", --delay, 100ms]}]}
expect: ["p50 > 80ms during slow"]
`))
	require.Contains(t, do("scenario", "run", scenario, "--out", t.TempDir()), "A slow store: holds")
	do("fault", "inject", "pause", name, "worker")

	for _, refused := range [][]string{{"lab", "apply", name}, {"lab", "scale", name, "worker=2"}, {"lab", "restart", name}} {
		out, err := run(refused...)
		require.Error(t, err)
		require.Contains(t, out, "ddsctl has not started it", refused)
		require.Contains(t, out, "docker compose -p "+name, refused)
	}

	require.Contains(t, do("detach", name, "-o", "json"), name+"-ddsctl-wire-1")
	require.Equal(t, before, beingOf(t, client, name), "the same containers, networks and volumes, since the same instants")
	tables, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		t.Logf("the kernel's tables cannot be listed by this user: %v", err)
	}
	for _, table := range tables {
		require.NotEqual(t, nft.TableName(name), table.Name)
	}
	out, err := run("detach", name)
	require.Error(t, err)
	require.Contains(t, out, "is not attached")
}
