//go:build linux

package agent_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/supply"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

const twoNodes = `
services:
  a:
    image: debian:trixie-slim
    init: true
    command: sleep infinity
  b:
    image: debian:trixie-slim
    init: true
    command: sleep infinity
`

// district is a lab of real containers on a real bridge, with the wire helper in its container. The test enters the containers'
// network namespaces to send and to measure.
type district struct {
	t      *testing.T
	engine *docker.Client
	api    *client.Client
	life   *lifecycle.Lifecycle
	spec   lifecycle.Spec
	name   string
	*town
}

func newDistrict(t *testing.T) *district {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	require.Zero(t, os.Geteuid(), "this test enters network namespaces: run it as root, or with -short")
	d := &district{t: t, name: fmt.Sprintf("wiretest-%d", os.Getpid())}
	var err error
	d.engine, err = docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.engine.Close() })
	require.NoError(t, d.engine.Ping(t.Context()))
	d.api, err = client.New(client.FromEnv)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.api.Close() })
	d.life = lifecycle.New(d.engine, lifecycle.Options{Address: d.engine.Address(), LockDir: t.TempDir()})

	_, err = supply.New(d.engine, supply.Options{Address: d.engine.Address()}).Ensure(t.Context(), []supply.Request{{Ref: supply.Base}},
		func(engine.ImageProgress) {})
	require.NoError(t, err)
	image := d.image()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: "/wiretest", ConfigFiles: []types.ConfigFile{{Filename: "/wiretest/compose.yaml", Content: []byte(twoNodes)}},
	}, func(o *loader.Options) { o.SetProjectName(d.name, true) })
	require.NoError(t, err)
	d.spec, err = helper.Add(lifecycle.Spec{Lab: "wiretest", Project: project}, helper.Options{Image: image, NoClient: true})
	require.NoError(t, err)
	t.Cleanup(func() { d.down() })
	d.up()
	return d
}

// image imports this checkout's ddsctl, or what DDSCTL_NODE_BINARY names, under a name of its own, which goes with the test.
func (d *district) image() string {
	t := d.t
	t.Helper()
	binary := os.Getenv(supply.EnvNodeBinary)
	if binary == "" {
		binary = build(t)
	}
	file, err := os.Open(binary)
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	read, write := io.Pipe()
	go func() {
		layer := tar.NewWriter(write)
		err := layer.WriteHeader(&tar.Header{Name: "ddsctl", Mode: 0o755, Size: info.Size()})
		if err == nil {
			_, err = io.Copy(layer, file)
		}
		if err == nil {
			err = layer.Close()
		}
		_ = write.CloseWithError(err)
	}()
	ref := "ddsctl-" + d.name + ":test"
	_, err = d.engine.ImportImage(t.Context(), ref, read, []string{`ENTRYPOINT ["/ddsctl"]`})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.engine.RemoveImage(context.Background(), ref)) })
	return ref
}

// build makes ddsctl as it goes into its image.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ddsctl")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/ddsctl/ddsctl/cmd/ddsctl")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// up brings the lab to what it should be, tells the helper its nodes, and enters the containers.
func (d *district) up() {
	t := d.t
	t.Helper()
	_, err := d.life.Up(t.Context(), d.spec, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	require.NoError(t, helper.Configure(t.Context(), d.engine, d.name))
	connection, err := helper.Dial(t.Context(), d.engine, d.name, engine.HelperWire)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	state := d.state()
	require.Len(t, state.Networks, 1)
	here, err := os.Readlink("/proc/thread-self/ns/net")
	require.NoError(t, err)
	lab := &netlab.Lab{Host: netlab.Here(t, state.Networks[0].Gateways[0]), Nodes: map[string]*netlab.Namespace{}}
	for _, c := range state.Containers {
		inspected, err := d.api.ContainerInspect(t.Context(), c.ID, client.ContainerInspectOptions{})
		require.NoError(t, err)
		pid := inspected.Container.State.Pid
		if c.Service == helper.WireService {
			there, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
			require.NoError(t, err)
			require.Equal(t, there, here, "this test must run on the engine's own host")
			continue
		}
		var address netip.Addr
		for _, address = range c.Addresses {
		}
		lab.Nodes[c.Service] = netlab.Enter(t, pid, address)
	}
	d.town = &town{Lab: lab, process: &process{Client: wire.NewClient(connection), control: connection}}
}

func (d *district) state() engine.State {
	d.t.Helper()
	state, err := d.engine.State(context.Background(), d.name)
	require.NoError(d.t, err)
	return state
}

func (d *district) down() {
	d.t.Helper()
	_, err := d.life.Down(context.Background(), d.name, lifecycle.DownOptions{}, nil)
	require.NoError(d.t, err)
	require.True(d.t, d.state().Empty(), "down leaves nothing")
	require.NotContains(d.t, d.rules(), d.name)
}

// rules are those of this lab.
func (d *district) rules() string {
	d.t.Helper()
	var own strings.Builder
	mine := false
	here := &netlab.Lab{Host: netlab.Here(d.t, netip.Addr{})} // d.Host is closed by the time of the last cleanup
	for line := range strings.Lines(here.Rules(d.t)) {
		if strings.HasPrefix(line, "table ") {
			mine = strings.HasSuffix(strings.TrimSpace(line), "ddsctl-"+d.name)
		}
		if mine {
			own.WriteString(line)
		}
	}
	return own.String()
}

func TestTheWireOnRealContainers(t *testing.T) {
	d := newDistrict(t)
	a, b := d.Nodes["a"], d.Nodes["b"]
	healthy := d.rules()
	require.NotEmpty(t, healthy)
	capabilities, err := d.Capabilities(t.Context())
	require.NoError(t, err)
	t.Logf("%+v", capabilities)

	// A step that fails ends the test: its fault may stand.
	step := func(name string, f func(t *testing.T)) { require.True(t, t.Run(name, f)) }
	step("bytes of a link are those of the interfaces, and the helper's own are not counted", func(t *testing.T) {
		probes := netlab.Flow{From: d.Host, To: b, Count: 50, FromPort: wire.ProbePortFirst + 3}
		require.Len(t, probes.Run(t), 50)
		before := interfaceBytes(t, a)
		exchange(t, a, b, 50<<20, 20<<20)
		after := interfaceBytes(t, a)
		counters, err := d.Read(t.Context())
		require.NoError(t, err)
		require.Len(t, counters.Links, 1)
		link := counters.Links[0]
		require.Equal(t, "a", link.From)
		require.Equal(t, "b", link.To)
		require.InEpsilon(t, after.sent-before.sent, link.Forward.FrameBytes(), 0.01)
		require.InEpsilon(t, after.received-before.received, link.Backward.FrameBytes(), 0.01)
	})
	step("a cut is one way, at once", func(t *testing.T) {
		d.cutInTheMiddle(t)
	})
	step("a delay is measured by round trips", func(t *testing.T) {
		state := d.inject(t, wire.Delay, "a->b", func(f *wire.Fault) { f.Delay, f.Jitter = 100*time.Millisecond, 10*time.Millisecond })
		netlab.Within(t, float64(100*time.Millisecond), 0.05, func() float64 { return float64(roundTrips(t, a, b, 100)) })
		state = d.heal(t, state.ID)
		require.Equal(t, wire.Yes, state.Verified, state.Figure)
	})
	step("a loss is measured over 5000 packets", func(t *testing.T) {
		state := d.inject(t, wire.Loss, "a->b", func(f *wire.Fault) { f.Probability = 0.1 })
		require.InDelta(t, 0.1, 1-float64(d.arrive(t, "a", "b", 5000))/5000, 0.02)
		state = d.heal(t, state.ID)
		require.Equal(t, wire.Yes, state.Verified, state.Figure)
	})
	step("a rate is kept by TCP", func(t *testing.T) {
		const rate, size = 10_000_000, 4_000_000
		state := d.inject(t, wire.Rate, "a->b", func(f *wire.Fault) { f.Rate = rate })
		netlab.Within(t, rate, 0.1, func() float64 { return size * 8 / transfer(t, a, b, size).Seconds() })
		state = d.heal(t, state.ID)
		require.Equal(t, wire.Yes, state.Verified, state.Figure)
	})
	step("healed, all is as it was", func(t *testing.T) {
		require.Equal(t, healthy, d.rules())
		require.Equal(t, 20, d.arrive(t, "a", "b", 20))
	})
	{ // a helper that is killed leaves no rule, and the next one goes on
		cut := d.inject(t, wire.Cut, "a->b")
		d.inject(t, wire.Delay, "b->a", func(f *wire.Fault) { f.Delay = time.Second })
		require.Zero(t, d.arrive(t, "a", "b", 5))
		for _, c := range d.state().Containers {
			if c.Service == helper.WireService {
				_, err := d.api.ContainerKill(t.Context(), c.ID, client.ContainerKillOptions{Signal: "KILL"})
				require.NoError(t, err)
			}
		}
		require.Eventually(t, func() bool { return d.rules() == "" }, 10*time.Second, 5*time.Millisecond)
		require.Equal(t, 10, d.arrive(t, "a", "b", 10))
		d.up()
		require.Zero(t, d.arrive(t, "a", "b", 5))
		require.Equal(t, wire.Yes, d.town.state(t, cut.ID).Verified)
	}
	d.down() // during faults
}
