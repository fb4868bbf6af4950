package probe_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

const id = "4f5ba1c0ffee0123456789abcdef"

// redis answers INFO, and notes from which ports it was asked.
type redis struct {
	at    netip.AddrPort
	mu    sync.Mutex
	ports []uint16
}

func serveRedis(t *testing.T) *redis {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &redis{at: netip.MustParseAddrPort(listener.Addr().String())}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.ports = append(r.ports, netip.MustParseAddrPort(conn.RemoteAddr().String()).Port())
			r.mu.Unlock()
			all.Go(func() {
				defer conn.Close() // a test's server
				line, _ := bufio.NewReader(conn).ReadString('\n')
				if strings.HasPrefix(line, "*1") {
					info := "redis_version:7.0\r\nrole:master\r\ntotal_commands_processed:12\r\ndb0:keys=312,expires=0\r\n"
					_, _ = fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(info), info)
				}
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return r
}

func watch(t *testing.T, options probe.Options, ask probe.Ask, until func(probe.Sample) bool) probe.Sample {
	t.Helper()
	here, there := net.Pipe()
	var served sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	served.Go(func() { _ = control.ServeStream(ctx, there, probe.Handlers(options)) })
	client := control.Dial(ctx, here)
	defer func() { _ = client.Close(); cancel(); served.Wait() }()
	for sample, err := range probe.Watch(ctx, client, ask) {
		require.NoError(t, err)
		if until(sample) {
			return sample
		}
	}
	require.Fail(t, "the stream ended")
	return probe.Sample{}
}

func TestANodeIsReadFromPortsThatAreNotCounted(t *testing.T) {
	server := serveRedis(t)
	cgroups := fstest.MapFS{"cgroup.controllers": &fstest.MapFile{},
		"docker/" + id + "/cpu.stat": &fstest.MapFile{Data: []byte("usage_usec 1000\n")}, "docker/" + id + "/memory.current": &fstest.MapFile{Data: []byte("4096\n")}}
	sample := watch(t, probe.Options{Cgroups: cgroups}, probe.Ask{Interval: 50 * time.Millisecond, Nodes: []probe.Node{{
		ID: id, Address: server.at.Addr(), Component: &probe.Component{Kind: "redis", Port: server.at.Port()},
		Probes: []ready.Probe{{Kind: ready.TCP, Port: server.at.Port()}},
	}}}, func(s probe.Sample) bool { return s.Nodes[id].Reading != nil && s.Nodes[id].Ready != nil })
	result := sample.Nodes[id]
	require.InDelta(t, 312, result.Reading.Gauges["keys"], 0)
	require.InDelta(t, 12, result.Reading.Counters["commands"], 0)
	require.True(t, *result.Ready)
	require.Empty(t, result.ReadError)
	require.EqualValues(t, 4096, result.Usage.Memory)
	require.Equal(t, "2", sample.Cgroup)

	server.mu.Lock()
	defer server.mu.Unlock()
	require.NotEmpty(t, server.ports)
	for _, port := range server.ports {
		require.GreaterOrEqual(t, port, uint16(wire.ProbePortFirst))
	}
}

func TestWhatCannotBeReadIsAbsentAndSaidWhy(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := netip.MustParseAddrPort(silent.Addr().String())
	require.NoError(t, silent.Close())
	sample := watch(t, probe.Options{Cgroups: fstest.MapFS{}}, probe.Ask{Interval: 50 * time.Millisecond, Nodes: []probe.Node{
		{ID: id, Address: at.Addr(), Component: &probe.Component{Kind: "redis", Port: at.Port()}, Probes: []ready.Probe{{Kind: ready.TCP, Port: at.Port()}}},
		{ID: "unreachable0123", Component: &probe.Component{Kind: "redis"}},
	}}, func(s probe.Sample) bool { return s.Nodes[id].ReadError != "" && s.Nodes[id].Ready != nil })
	result := sample.Nodes[id]
	require.Nil(t, result.Reading)
	require.Contains(t, result.ReadError, "refused")
	require.False(t, *result.Ready)
	require.Contains(t, result.NotReady, "tcp port")
	require.Nil(t, result.Usage)
	require.Empty(t, sample.Cgroup)
	require.NotEmpty(t, sample.CgroupWhy)
	require.Equal(t, probe.Result{}, sample.Nodes["unreachable0123"])
}

func TestADialerPassesOverPortsInUse(t *testing.T) {
	server := serveRedis(t)
	dialer := probe.NewDialer()
	seen := map[string]bool{}
	for range 50 {
		conn, err := dialer.DialContext(t.Context(), "tcp", server.at.String())
		require.NoError(t, err)
		defer conn.Close() // held open until the end, so that its port stays in use
		require.False(t, seen[conn.LocalAddr().String()])
		seen[conn.LocalAddr().String()] = true
	}
}
