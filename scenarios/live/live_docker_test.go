package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/live"
)

// built is ddsctl as it runs in the helpers. It is built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ddsctl-live-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ddsctl")
	// With the flags of the other tests, so that all of them put the same file into the helpers' image.
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "github.com/ddsctl/ddsctl/cmd/ddsctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build ddsctl: %w: %s", err, out)
	}
	return path, nil
})

// pair is two servers and a client that asks the first of them, twenty times a second.
const pair = `
name: pair
services:
  redis:
    image: ddsctl/redis
    command: [--maxmemory, 64mb]
    scale: 2
    tmpfs: ["/scratch:size=4m"]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 1s, timeout: 2s, retries: 20}
  app:
    image: debian:trixie-slim
    init: true
    command:
      - bash
      - -c
      - |
        while sleep 0.05; do
          timeout 1 bash -c 'exec 3<>/dev/tcp/$$0/6379 && printf "PING\r\n" >&3 && head -c7 <&3' $$SERVER >/dev/null 2>&1
        done
    environment: {SERVER: "${SERVER}"}
`

// stage is a lab that runs for one test.
type stage struct {
	client *docker.Client
	lab    *live.Lab
	name   string
}

// prepare gives an engine and a name of which nothing is left at the end of the test.
func prepare(t *testing.T) (*docker.Client, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	client, err := docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Ping(t.Context()))
	test := strings.ToLower(t.Name())
	name := fmt.Sprintf("live-%s-%d", test[4:min(len(test), 30)], os.Getpid())
	t.Cleanup(func() { down(t, client, name) })
	return client, name
}

// up brings a folder's lab up, with its wire; it is gone at the end, with everything it had.
func up(t *testing.T, compose string) stage {
	t.Helper()
	client, name := prepare(t)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "compose.yaml"), []byte(compose), 0o600))
	opened, err := labs.Open(t.Context(), folder, labs.Options{Name: name, Environment: map[string]string{"SERVER": name + "-redis-1"}})
	require.NoError(t, err)
	return run(t, client, opened, helper.Options{NoClient: true})
}

func run(t *testing.T, client *docker.Client, opened *labs.Lab, helpers helper.Options) stage {
	t.Helper()
	binary, err := built()
	require.NoError(t, err)
	name := opened.Project.Name
	result, err := launch.New(client, launch.Options{Address: client.Address(), NodeBinary: binary}).
		Up(t.Context(), opened.Spec(), launch.UpOptions{Helpers: &helpers}, launch.Show{})
	require.NoError(t, err)
	require.Empty(t, result.Warnings)
	lab, err := live.Open(t.Context(), client, name, live.Options{Address: client.Address(),
		Definition: func(context.Context, string, engine.State) (*labs.Lab, error) { return opened, nil }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	return stage{client, lab, name}
}

// down takes a lab down and fails the test when anything of it is left, in the engine or in the kernel.
func down(t *testing.T, client *docker.Client, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := lifecycle.New(client, lifecycle.Options{Address: client.Address()}).Down(ctx, name, lifecycle.DownOptions{}, nil)
	require.NoError(t, err)
	state, err := client.State(ctx, name)
	require.NoError(t, err)
	require.True(t, state.Empty(), state)
	for _, table := range tables(t) {
		require.NotContains(t, table, name, "rules are left in the kernel")
	}
}

func tables(t *testing.T) []string {
	t.Helper()
	conn, err := nftables.New()
	require.NoError(t, err)
	list, err := conn.ListTablesOfFamily(nftables.TableFamilyBridge)
	require.NoError(t, err)
	var names []string
	for _, table := range list {
		names = append(names, table.Name)
	}
	return names
}

// until watches the lab until a Snapshot is as wanted. Patience is bounded: a machine may be slow, a lab that hangs is an error.
func (s stage) until(t *testing.T, what string, holds func(telemetry.Snapshot) bool) telemetry.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	var last telemetry.Snapshot
	for snapshot, err := range s.lab.Snapshots(ctx) {
		require.NoError(t, err)
		if holds(snapshot) {
			return snapshot
		}
		last = snapshot
	}
	text, _ := json.MarshalIndent(last, "", " ")
	require.Failf(t, "never seen: "+what, "the last Snapshot:\n%s", text)
	return last
}

func nodeOf(s telemetry.Snapshot, name string) telemetry.Node {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	return telemetry.Node{}
}

func linkOf(s telemetry.Snapshot, from, to string) telemetry.Link {
	for _, l := range s.Links {
		if l.From == from && l.To == to {
			return l
		}
	}
	return telemetry.Link{}
}

func TestALabIsSeenBrokenAndMended(t *testing.T) {
	s := up(t, pair)
	ctx := t.Context()
	seen := s.until(t, "a healthy lab under traffic", func(x telemetry.Snapshot) bool {
		redis := nodeOf(x, "redis-1")
		return redis.Health == telemetry.HealthReady && redis.Stats["ops_per_second"] > 1 && redis.CPU != nil &&
			linkOf(x, "app", "redis-1").Forward.BytesPerSecond > 0
	})
	link := linkOf(seen, "app", "redis-1")
	require.EqualValues(t, 6379, link.Port)
	require.Positive(t, link.Backward.Bytes)
	require.Zero(t, linkOf(seen, "app", "redis-2"), "nobody asks the second one: neither helper nor health check is counted")
	require.Len(t, seen.Links, 1)

	faults, err := s.lab.Inject(ctx, fault.Spec{Kind: "kill", Targets: []string{"redis-1"}})
	require.NoError(t, err)
	require.Equal(t, "yes", faults[0].Verified)
	dead := s.until(t, "the dead node, and its fault", func(x telemetry.Snapshot) bool {
		return nodeOf(x, "redis-1").Health == telemetry.HealthDown && len(x.Faults) == 1
	})
	require.Equal(t, 137, *nodeOf(dead, "redis-1").ExitCode)
	require.Equal(t, faults[0].ID, dead.Faults[0].ID)

	require.NoError(t, s.lab.Heal(ctx, faults[0].ID))
	s.until(t, "the mended lab", func(x telemetry.Snapshot) bool {
		return nodeOf(x, "redis-1").Health == telemetry.HealthReady && len(x.Faults) == 0 && linkOf(x, "app", "redis-1").Backward.BytesPerSecond > 0
	})
}

// shardedRedis is the first lab under its own traffic, on free ports.
func shardedRedis(t *testing.T) stage {
	t.Helper()
	client, name := prepare(t)
	opened, err := labs.Open(t.Context(), "sharded-redis", labs.Options{Name: name})
	require.NoError(t, err)
	for service, config := range opened.Project.Services {
		config.Ports = append(config.Ports[:0:0], config.Ports...)
		for i := range config.Ports {
			config.Ports[i].Published = ""
		}
		opened.Project.Services[service] = config
	}
	helpers := helper.Options{Workloads: opened.Workloads()}
	for _, w := range opened.Workloads() {
		helpers.Targets = append(helpers.Targets, w.Target...)
	}
	return run(t, client, opened, helpers)
}

func TestAKilledShardCostsItsKeysUntilItIsHealed(t *testing.T) {
	s := shardedRedis(t)
	ctx := t.Context()
	errors := func(x telemetry.Snapshot) float64 {
		if len(x.Traffic) != 1 || x.Traffic[0].Achieved < 1 {
			return -1
		}
		return x.Traffic[0].ErrorRate()
	}
	well := s.until(t, "traffic without an error", func(x telemetry.Snapshot) bool {
		return errors(x) == 0 && linkOf(x, "twemproxy", "redis-2").Forward.BytesPerSecond > 0
	})
	require.Equal(t, "client", well.Traffic[0].Client)
	require.True(t, linkOf(well, "client", "twemproxy").Declared)
	require.True(t, linkOf(well, "client", "twemproxy").Observed)
	require.Equal(t, telemetry.HealthReady, nodeOf(well, "client").Health)

	_, err := s.lab.Inject(ctx, fault.Spec{Kind: "kill", Targets: []string{"redis-2"}})
	require.NoError(t, err)
	ill := s.until(t, "the errors of a lost shard", func(x telemetry.Snapshot) bool { return errors(x) > 0.05 && errors(x) < 0.95 })
	require.Len(t, ill.Faults, 1)
	require.NoError(t, s.lab.HealAll(ctx))
	s.until(t, "traffic without an error again", func(x telemetry.Snapshot) bool {
		return errors(x) == 0 && nodeOf(x, "redis-2").Health == telemetry.HealthReady
	})

	// Traffic obeys the handle.
	rate := 50.0
	require.NoError(t, s.lab.SetTraffic(ctx, "", workload.Change{Rate: &rate}))
	s.until(t, "less traffic", func(x telemetry.Snapshot) bool { return len(x.Traffic) == 1 && x.Traffic[0].Achieved < 120 })
	require.NoError(t, s.lab.StopTraffic(ctx))
	s.until(t, "no traffic", func(x telemetry.Snapshot) bool {
		return x.Traffic != nil && len(x.Traffic) == 0 && linkOf(x, "client", "twemproxy").Forward.BytesPerSecond == 0
	})
	require.NoError(t, s.lab.RestoreTraffic(ctx))
	s.until(t, "the lab's own traffic again", func(x telemetry.Snapshot) bool { return errors(x) == 0 && x.Traffic[0].Achieved > 100 })
}

func TestACutLinkIsSeenToBite(t *testing.T) {
	s := up(t, pair)
	ctx := t.Context()
	faults, err := s.lab.Inject(ctx, fault.Spec{Kind: "cut", Targets: []string{"app->redis-1"}})
	require.NoError(t, err)
	cut := s.until(t, "packets dropped, and the verdict", func(x telemetry.Snapshot) bool {
		return len(x.Faults) == 1 && x.Faults[0].Verified == "yes" && linkOf(x, "app", "redis-1").Forward.Dropped > 0 &&
			nodeOf(x, "redis-1").Health == telemetry.HealthReady // the node itself is well
	})
	require.Equal(t, []string{faults[0].ID}, linkOf(cut, "app", "redis-1").Faults)
	require.NoError(t, s.lab.HealAll(ctx))
	s.until(t, "traffic again", func(x telemetry.Snapshot) bool {
		return len(x.Faults) == 0 && linkOf(x, "app", "redis-1").Backward.BytesPerSecond > 0
	})
}

func TestEveryKindOnNodesIsUndone(t *testing.T) {
	s := up(t, pair)
	ctx := t.Context()
	before := s.detail(t, "redis-2")
	for _, spec := range []fault.Spec{
		{Kind: "cpu", Params: fault.Params{"cores": "0.1"}},
		{Kind: "memory", Params: fault.Params{"limit": "32m"}},
		{Kind: "disk", Params: fault.Params{"path": "/scratch"}},
		{Kind: "pause"},
	} {
		spec.Targets = []string{"redis-2"}
		faults, err := s.lab.Inject(ctx, spec)
		require.NoError(t, err, spec.Kind)
		require.Equal(t, "yes", faults[0].Verified, spec.Kind)
	}
	during := s.detail(t, "redis-2")
	require.EqualValues(t, 1e8, during.NanoCPUs)
	require.EqualValues(t, 32<<20, during.MemoryBytes)
	require.Equal(t, engine.PhasePaused, during.Phase)
	require.NoError(t, s.lab.HealAll(ctx))
	after := s.detail(t, "redis-2")
	require.Equal(t, before.NanoCPUs, after.NanoCPUs)
	require.Equal(t, before.MemoryBytes, after.MemoryBytes)
	require.Equal(t, engine.PhaseRunning, after.Phase)
	code, err := s.lab.Run(ctx, "redis-2", []string{"dd", "if=/dev/zero", "of=/scratch/free", "bs=1M", "count=2"}, "0", nil)
	require.NoError(t, err)
	require.Zero(t, code, "the disk has room again")

	for _, kind := range []string{"stop", "restart"} {
		faults, err := s.lab.Inject(ctx, fault.Spec{Kind: kind, Targets: []string{"redis-2"}, Params: fault.Params{"grace": "1s"}})
		require.NoError(t, err, kind)
		require.NoError(t, s.lab.Heal(ctx, faults[0].ID), kind)
		require.Equal(t, engine.PhaseRunning, s.detail(t, "redis-2").Phase, kind)
	}
	_, err = s.lab.Inject(ctx, fault.Spec{Kind: "disk", Targets: []string{"app"}})
	require.ErrorContains(t, err, "no bounded volume")
}

func (s stage) detail(t *testing.T, node string) engine.Detail {
	t.Helper()
	c, err := s.lab.Node(t.Context(), node)
	require.NoError(t, err)
	d, err := s.client.Detail(t.Context(), c.ID)
	require.NoError(t, err)
	return d
}

func TestDownDuringFaultsLeavesNothing(t *testing.T) {
	s := up(t, pair)
	for _, spec := range []fault.Spec{
		{Kind: "delay", Targets: []string{"app<->redis-1"}, Params: fault.Params{"delay": "100ms"}},
		{Kind: "partition", Targets: []string{"app", "redis"}},
		{Kind: "pause", Targets: []string{"redis-1"}},
		{Kind: "kill", Targets: []string{"redis-2"}},
	} {
		_, err := s.lab.Inject(t.Context(), spec)
		require.NoError(t, err, spec.Kind)
	}
	require.NotEmpty(t, tables(t))
	down(t, s.client, s.name)
}

func TestAWireThatIsKilledComesBackWithTheNextUp(t *testing.T) {
	s := up(t, pair)
	ctx := t.Context()
	faults, err := s.lab.Inject(ctx, fault.Spec{Kind: "kill", Targets: []string{"redis-2"}})
	require.NoError(t, err)
	state, err := s.client.State(ctx, s.name)
	require.NoError(t, err)
	wire, err := helper.Find(state, engine.HelperWire)
	require.NoError(t, err)
	require.NoError(t, s.client.KillContainer(ctx, wire.ID, "SIGKILL"))
	_, err = s.client.WaitContainer(ctx, wire.ID)
	require.NoError(t, err)
	for _, table := range tables(t) {
		require.NotContains(t, table, s.name, "the rules went with their owner")
	}
	_, err = s.lab.Faults(ctx)
	require.ErrorIs(t, err, helper.ErrAbsent)
	require.NoError(t, s.client.StartContainer(ctx, wire.ID), "as the next up does")
	listed, err := s.lab.Faults(ctx)
	require.NoError(t, err)
	require.Equal(t, faults[0].ID, listed[0].ID, "the journal is on its volume")
	require.NoError(t, s.lab.HealAll(ctx))
	require.Equal(t, engine.PhaseRunning, s.detail(t, "redis-2").Phase)
}

// TestTheHelpersCannotHarmTheHost looks at what the engine really made.
func TestTheHelpersCannotHarmTheHost(t *testing.T) {
	s := shardedRedis(t)
	harmless(t, s.name+"-ddsctl-wire-1", "NET_ADMIN")
	harmless(t, s.name+"-ddsctl-client-1")
}

func harmless(t *testing.T, container string, capabilities ...string) {
	t.Helper()
	out, err := exec.Command("docker", "inspect", container).Output()
	require.NoError(t, err)
	var inspected []struct {
		HostConfig struct {
			CapAdd, CapDrop, SecurityOpt []string
			Privileged, ReadonlyRootfs   bool
			PidMode, IpcMode             string
			PortBindings                 map[string]any
			Binds                        []string
			Devices                      []any
		}
		Mounts []struct{ Type, Source, Destination string }
	}
	require.NoError(t, json.Unmarshal(out, &inspected))
	host := inspected[0].HostConfig
	require.Len(t, host.CapAdd, len(capabilities))
	for i, capability := range capabilities {
		require.Contains(t, host.CapAdd[i], capability)
	}
	require.Equal(t, []string{"ALL"}, host.CapDrop)
	require.Contains(t, strings.Join(host.SecurityOpt, " "), "no-new-privileges")
	require.True(t, host.ReadonlyRootfs)
	require.False(t, host.Privileged)
	require.Empty(t, host.PidMode)
	require.Empty(t, host.PortBindings)
	require.Empty(t, host.Binds)
	require.Empty(t, host.Devices)
	for _, m := range inspected[0].Mounts {
		require.NotEqual(t, "bind", m.Type, "nothing of the host is mounted: %v", m)
		require.NotContains(t, m.Destination, "docker.sock")
	}
}
