//go:build linux

package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/agent"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

// folderVariable makes this test program a wire helper.
const folderVariable = "DDSCTL_TEST_WIRE"

func TestMain(m *testing.M) {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := help(ctx, folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func help(ctx context.Context, folder string) error {
	a, err := agent.New(agent.Options{Folder: folder, Seed: 42, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	listener, err := control.Listen(filepath.Join(folder, "control.sock"))
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { _ = a.Run(ctx) })
	err = control.Serve(ctx, listener, a.Handlers())
	running.Wait()
	if err := a.Close(); err != nil {
		return err
	}
	return err
}

// process is a wire helper in a process of its own, in the network namespace of a lab's host.
type process struct {
	*wire.Client
	command *exec.Cmd
	folder  string
	said    *bytes.Buffer
	control *control.Client
}

func start(t *testing.T, lab *netlab.Lab, folder string) *process {
	t.Helper()
	h := &process{command: exec.Command(os.Args[0]), folder: folder, said: &bytes.Buffer{}}
	h.command.Env = append(os.Environ(), folderVariable+"="+folder)
	h.command.Stderr = h.said
	lab.Host.Do(t, h.command.Start) // a child is born into its parent thread's namespace
	t.Cleanup(func() {
		h.end(t)
		if t.Failed() {
			t.Logf("the helper said: %s", h.said)
		}
	})
	h.Client = h.connect(t)
	return h
}

// connect joins one more client, which is then the one that h.control is.
func (h *process) connect(t *testing.T) *wire.Client {
	t.Helper()
	var conn net.Conn
	require.Eventually(t, func() bool {
		var err error
		conn, err = net.Dial("unix", filepath.Join(h.folder, "control.sock"))
		return err == nil
	}, 10*time.Second, 5*time.Millisecond, "the helper listens")
	h.control = control.Dial(t.Context(), conn)
	return wire.NewClient(h.control)
}

// end asks the helper to end, once.
func (h *process) end(t *testing.T) {
	t.Helper()
	if h.command.ProcessState != nil {
		return
	}
	require.NoError(t, h.command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, h.command.Wait(), h.said)
}

func (h *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, h.command.Process.Kill())
	_ = h.command.Wait()
}

// town is a lab with a helper that knows it.
type town struct {
	*netlab.Lab
	*process
	topology wire.Topology
	healthy  string // rules
}

func newTown(t *testing.T, nodes ...string) *town {
	t.Helper()
	lab := netlab.New(t, nodes...)
	c := &town{Lab: lab, process: start(t, lab, t.TempDir()), topology: lab.Topology("town")}
	require.NoError(t, c.Configure(t.Context(), c.topology))
	c.healthy = lab.Rules(t)
	return c
}

func (c *town) flow(from, to string) netlab.Flow {
	return netlab.Flow{From: c.node(from), To: c.node(to)}
}

func (c *town) node(name string) *netlab.Namespace {
	if name == wire.Host {
		return c.Host
	}
	return c.Nodes[name]
}

func (c *town) arrive(t *testing.T, from, to string, n int) int {
	t.Helper()
	flow := c.flow(from, to)
	flow.Count = n
	return len(flow.Run(t))
}

func (c *town) inject(t *testing.T, kind wire.Kind, target string, change ...func(*wire.Fault)) wire.State {
	t.Helper()
	f, err := wire.ParseTarget(target)
	require.NoError(t, err)
	f.Kind = kind
	for _, with := range change {
		with(&f)
	}
	state, err := c.Inject(t.Context(), f)
	require.NoError(t, err)
	return state
}

func (c *town) heal(t *testing.T, id string) wire.State {
	t.Helper()
	healed, err := c.Heal(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, healed, 1)
	return healed[0]
}

func (c *town) state(t *testing.T, id string) wire.State {
	t.Helper()
	states, err := c.List(t.Context())
	require.NoError(t, err)
	for _, state := range states {
		if state.ID == id {
			return state
		}
	}
	require.Fail(t, "no such fault", id)
	return wire.State{}
}

func TestACutStandsWhenInjectReturnsAndOneWay(t *testing.T) {
	c := newTown(t, "a", "b")
	c.cutInTheMiddle(t)
	require.Equal(t, c.healthy, c.Rules(t))
}

// cutInTheMiddle cuts one way of a stream of datagrams that goes both ways.
func (c *town) cutInTheMiddle(t *testing.T) {
	t.Helper()
	require.Equal(t, 10, c.arrive(t, "a", "b", 10))
	before, err := c.Read(t.Context())
	require.NoError(t, err)
	there, back := c.flow("a", "b"), c.flow("b", "a")
	there.Count, there.Every = 1500, time.Millisecond
	back.Count, back.Every = 1500, time.Millisecond
	var arrivals [2][]netlab.Arrival
	var flows sync.WaitGroup
	for i, flow := range []netlab.Flow{there, back} {
		flows.Go(func() { arrivals[i] = flow.Run(t) })
	}
	require.Eventually(t, func() bool { // once it flows
		counters, err := c.Read(t.Context())
		return err == nil && packets(counters, "a", "b") > packets(before, "a", "b")+200
	}, 10*time.Second, 5*time.Millisecond)
	state := c.inject(t, wire.Cut, "a->b")
	returned := time.Now()
	flows.Wait()
	require.NotEmpty(t, arrivals[0])
	last := arrivals[0][len(arrivals[0])-1].At
	require.Less(t, last.Sub(returned), 100*time.Millisecond, "no packet passes once the command has returned")
	require.Less(t, len(arrivals[0]), 1500)
	require.Len(t, arrivals[1], 1500, "the way back is not cut")

	state = c.state(t, state.ID)
	require.Equal(t, wire.Yes, state.Verified, state.Figure)
	require.Equal(t, []string{"a", "b"}, state.Nodes)
	require.Equal(t, wire.Yes, c.heal(t, state.ID).Verified)
	require.Equal(t, 20, c.arrive(t, "a", "b", 20))
}

// packets that went from one node to another, whoever opened what.
func packets(counters wire.Counters, from, to string) (n uint64) {
	for _, link := range counters.Links {
		switch {
		case link.From == from && link.To == to:
			n += link.Forward.Packets
		case link.From == to && link.To == from:
			n += link.Backward.Packets
		}
	}
	return n
}

func TestADelayIsMeasuredByARoundTripWithinATwentieth(t *testing.T) {
	c := newTown(t, "a", "b")
	state := c.inject(t, wire.Delay, "a->b", func(f *wire.Fault) { f.Delay, f.Jitter = 100*time.Millisecond, 10*time.Millisecond })
	netlab.Within(t, float64(100*time.Millisecond), 0.05, func() float64 {
		return float64(roundTrips(t, c.Nodes["a"], c.Nodes["b"], 100))
	})
	state = c.state(t, state.ID)
	require.Equal(t, wire.Yes, state.Verified, state.Figure)
	t.Log(state.Figure)
	c.heal(t, state.ID)
	require.Less(t, roundTrips(t, c.Nodes["a"], c.Nodes["b"], 20), 50*time.Millisecond)
	require.Equal(t, c.healthy, c.Rules(t))
}

// roundTrips gives the median of n round trips of datagrams, one after the other.
func roundTrips(t *testing.T, a, b *netlab.Namespace, n int) time.Duration {
	t.Helper()
	var server, client *net.UDPConn
	b.Do(t, func() (err error) {
		server, err = net.ListenUDP("udp", &net.UDPAddr{IP: b.Address.AsSlice()})
		return err
	})
	var echo sync.WaitGroup
	echo.Go(func() {
		buf := make([]byte, 100)
		for {
			n, from, err := server.ReadFromUDP(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDP(buf[:n], from)
		}
	})
	defer echo.Wait()
	defer server.Close()
	a.Do(t, func() (err error) {
		client, err = net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
		return err
	})
	defer client.Close()
	buf := make([]byte, 100)
	took := make([]time.Duration, 0, n)
	lost := 0
	for i := 0; len(took) < n; i++ {
		begin := time.Now()
		_, err := fmt.Fprint(client, i)
		require.NoError(t, err)
		require.NoError(t, client.SetReadDeadline(begin.Add(2*time.Second)))
		for {
			m, err := client.Read(buf)
			if err != nil { // what waits on a host is lost when another lab's chain leaves a hook
				lost++
				require.Less(t, lost, 5, "packets are lost, not late")
				break
			}
			if string(buf[:m]) == fmt.Sprint(i) {
				took = append(took, time.Since(begin))
				break
			}
		}
	}
	slices.Sort(took)
	return took[n/2]
}

func TestALossIsMeasuredWithinTwoPoints(t *testing.T) {
	c := newTown(t, "a", "b")
	state := c.inject(t, wire.Loss, "a->b", func(f *wire.Fault) { f.Probability = 0.1 })
	arrived := c.arrive(t, "a", "b", 5000)
	require.InDelta(t, 0.1, 1-float64(arrived)/5000, 0.02)
	state = c.state(t, state.ID)
	require.Equal(t, wire.Yes, state.Verified, state.Figure)
	require.Equal(t, fmt.Sprintf("%.3g %% of 5000 packets dropped", float64(5000-arrived)/50), state.Figure)
	counters, err := c.Read(t.Context())
	require.NoError(t, err)
	require.Len(t, counters.Links, 1)
	require.Equal(t, wire.Flow{Packets: 5000, Bytes: 5000 * 38, Dropped: uint64(5000 - arrived)}, counters.Links[0].Forward)
}

func TestARateIsKeptByTCPWithinATenth(t *testing.T) {
	c := newTown(t, "a", "b")
	const rate = 10_000_000
	state := c.inject(t, wire.Rate, "a->b", func(f *wire.Fault) { f.Rate = rate })
	const size = 4_000_000 // 3.2 s
	netlab.Within(t, rate, 0.1, func() float64 {
		return size * 8 / transfer(t, c.Nodes["a"], c.Nodes["b"], size).Seconds()
	})
	state = c.state(t, state.ID)
	require.Equal(t, wire.Yes, state.Verified, state.Figure)
	c.heal(t, state.ID)
	require.Less(t, transfer(t, c.Nodes["a"], c.Nodes["b"], size), time.Second)
}

// servicePort is a port as services have one: below those that systems choose for outgoing connections.
const servicePort = 5201

// block is what iperf3 reads and writes at a time.
const block = 128 << 10

// transfer sends so many bytes by TCP and gives how long the receiver took from the first to the last.
func transfer(t *testing.T, from, to *netlab.Namespace, size int64) time.Duration {
	t.Helper()
	return exchange(t, from, to, size, 0)
}

// exchange is a transfer that is answered by so many bytes, on the same connection.
func exchange(t *testing.T, from, to *netlab.Namespace, size, answer int64) time.Duration {
	t.Helper()
	var listener net.Listener
	to.Do(t, func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(to.Address, servicePort).String())
		return err
	})
	defer listener.Close()
	sent := make(chan error, 1)
	go func() {
		sent <- from.Run(func() error {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				return err
			}
			if _, err := io.CopyBuffer(struct{ io.Writer }{conn}, io.LimitReader(zeros{}, size), make([]byte, block)); err != nil {
				return err
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				return err
			}
			if n, err := io.Copy(io.Discard, conn); err != nil || n != answer {
				return fmt.Errorf("an answer of %d bytes: %w", n, err)
			}
			return conn.Close()
		})
	}()
	conn, err := listener.Accept()
	require.NoError(t, err)
	defer conn.Close()
	first := make([]byte, 1)
	_, err = io.ReadFull(conn, first)
	require.NoError(t, err)
	begin := time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, make([]byte, block))
	require.NoError(t, err)
	took := time.Since(begin)
	require.Equal(t, size-1, n)
	_, err = io.CopyBuffer(struct{ io.Writer }{conn}, io.LimitReader(zeros{}, answer), make([]byte, block))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, <-sent)
	return took
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestBytesOfALinkAreThoseOfTheInterfaces(t *testing.T) {
	c := newTown(t, "a", "b")
	before := interfaceBytes(t, c.Nodes["a"])
	// Large both ways: beside mere acknowledgements, what a node says to its neighbours (ARP, neighbour discovery) would count.
	exchange(t, c.Nodes["a"], c.Nodes["b"], 50<<20, 20<<20)
	after := interfaceBytes(t, c.Nodes["a"])
	counters, err := c.Read(t.Context())
	require.NoError(t, err)
	require.Len(t, counters.Links, 1)
	link := counters.Links[0]
	require.Equal(t, "a", link.From)
	require.Equal(t, "b", link.To)
	require.Equal(t, "tcp", link.Protocol)
	require.False(t, link.Guessed)
	require.InEpsilon(t, after.sent-before.sent, link.Forward.FrameBytes(), 0.01)
	require.InEpsilon(t, after.received-before.received, link.Backward.FrameBytes(), 0.01)
}

type traffic struct{ received, sent uint64 }

// interfaceBytes reads what the node's own interface has counted.
func interfaceBytes(t *testing.T, n *netlab.Namespace) (bytes traffic) {
	t.Helper()
	n.Do(t, func() error {
		raw, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(raw)) {
			name, counts, _ := strings.Cut(strings.TrimSpace(line), ":")
			if name != "eth0" {
				continue
			}
			var skip [7]uint64
			_, err = fmt.Sscan(counts, &bytes.received, &skip[0], &skip[1], &skip[2], &skip[3], &skip[4], &skip[5], &skip[6], &bytes.sent)
		}
		return err
	})
	require.Positive(t, bytes.sent+bytes.received)
	return bytes
}

func TestReorderingAndDuplicationAreSeenToBite(t *testing.T) {
	c := newTown(t, "a", "b")
	capabilities, err := c.Capabilities(t.Context())
	require.NoError(t, err)
	t.Logf("%+v", capabilities)
	require.True(t, capabilities.Delay.Available(), capabilities.Delay.Why)
	reorder := c.inject(t, wire.Reorder, "a->b", func(f *wire.Fault) { f.Probability = 0.2 })
	flow := c.flow("a", "b")
	flow.Count, flow.Every = 1000, time.Millisecond
	require.Len(t, flow.Run(t), 1000)
	state := c.heal(t, reorder.ID)
	require.Equal(t, wire.Yes, state.Verified, state.Figure)
	t.Log(state.Figure)

	if !capabilities.Duplicate.Available() {
		t.Skip(capabilities.Duplicate.Why)
	}
	twice := c.inject(t, wire.Duplicate, "a->b", func(f *wire.Fault) { f.Probability = 0.25 })
	arrived := len(flow.Run(t))
	require.InDelta(t, 1250, arrived, 70)
	state = c.heal(t, twice.ID)
	require.Equal(t, wire.Yes, state.Verified, state.Figure)
	t.Log(state.Figure)
	require.Equal(t, c.healthy, c.Rules(t))
}
