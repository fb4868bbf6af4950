package labs_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// running is a lab in Docker under a name of its own, on ports that the engine picks. At the end of the test nothing of it is left.
type running struct {
	t      *testing.T
	client *docker.Client
	lab    *labs.Lab
	nodes  map[string]string // by service: the container's ID
}

func up(t *testing.T, ref string, options labs.Options) *running {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	c, err := docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	require.NoError(t, c.Ping(t.Context()))
	t.Cleanup(func() { _ = c.Close() })
	options.Name = fmt.Sprintf("labtest-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6)
	lab, err := labs.Open(t.Context(), ref, options)
	require.NoError(t, err)
	for _, s := range lab.Project.Services {
		for i := range s.Ports {
			s.Ports[i].Published = ""
		}
	}
	spec := lab.Spec()
	spec.ImageIDs, err = supply.New(c, supply.Options{Address: c.Address()}).Ensure(t.Context(), supply.Requests(lab.Project), nil)
	require.NoError(t, err)
	life := lifecycle.New(c, lifecycle.Options{Address: c.Address(), LockDir: t.TempDir()})
	t.Cleanup(func() {
		_, err := life.Down(context.Background(), options.Name, lifecycle.DownOptions{}, nil)
		require.NoError(t, err)
		state, err := c.State(context.Background(), options.Name)
		require.NoError(t, err)
		require.True(t, state.Empty(), "down leaves nothing")
	})
	_, err = life.Up(t.Context(), spec, lifecycle.UpOptions{}, nil)
	require.NoError(t, err)
	r := &running{t: t, client: c, lab: lab, nodes: map[string]string{}}
	for _, container := range r.containers() {
		r.nodes[container.Service] = container.ID
	}
	return r
}

func (r *running) containers() []engine.Container {
	r.t.Helper()
	state, err := r.client.State(r.t.Context(), r.lab.Project.Name)
	require.NoError(r.t, err)
	return state.Containers
}

func (r *running) exec(service string, command ...string) string {
	r.t.Helper()
	var out bytes.Buffer
	code, err := r.client.Exec(r.t.Context(), r.nodes[service], engine.ExecSpec{Command: command, Stdout: &out, Stderr: &out})
	require.NoError(r.t, err)
	require.Zero(r.t, code, out.String())
	return strings.TrimSpace(out.String())
}

// dial connects to a service's published port.
func (r *running) dial(service string) *resp {
	r.t.Helper()
	for _, c := range r.containers() {
		if c.Service == service && len(c.Ports) > 0 {
			require.True(r.t, c.Ports[0].HostIP.IsLoopback(), "published on this machine only")
			conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(r.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", c.Ports[0].Host))
			require.NoError(r.t, err)
			r.t.Cleanup(func() { _ = conn.Close() })
			return &resp{t: r.t, conn: conn, in: bufio.NewReader(conn)}
		}
	}
	r.t.Fatalf("%s publishes no port", service)
	return nil
}

// resp speaks as much Redis as the test needs. Client libraries begin with HELLO or CLIENT, at which twemproxy hangs up.
type resp struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// ask sends a command and returns its answer, with errors as they come: -ERR ...
func (r *resp) ask(words ...string) string {
	r.t.Helper()
	require.NoError(r.t, r.conn.SetDeadline(time.Now().Add(5*time.Second)))
	request := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	_, err := r.conn.Write([]byte(request))
	require.NoError(r.t, err)
	line, err := r.in.ReadString('\n')
	require.NoError(r.t, err)
	line = strings.TrimSpace(line)
	if line[0] != '$' || line == "$-1" {
		return line
	}
	length, err := strconv.Atoi(line[1:])
	require.NoError(r.t, err)
	value := make([]byte, length+2)
	_, err = io.ReadFull(r.in, value)
	require.NoError(r.t, err)
	return string(value[:length])
}

func (r *running) keys(service string) int {
	n, err := strconv.Atoi(r.exec(service, "redis-cli", "dbsize"))
	require.NoError(r.t, err)
	return n
}

var shards = []string{"redis-1", "redis-2", "redis-3"}

func TestKeysAreSpreadOverTheShardsAndFoundAgain(t *testing.T) {
	r := up(t, "sharded-redis", labs.Options{})
	client := r.dial("twemproxy")
	for i := range 1000 {
		require.Equal(t, "+OK", client.ask("SET", fmt.Sprintf("user:%d", i), strconv.Itoa(i)))
	}
	for i := range 1000 {
		require.Equal(t, strconv.Itoa(i), client.ask("GET", fmt.Sprintf("user:%d", i)))
	}
	total := 0
	for _, shard := range shards {
		n := r.keys(shard)
		require.GreaterOrEqual(t, n, 200, shard)
		require.LessOrEqual(t, n, 470, shard)
		total += n
	}
	require.Equal(t, 1000, total, "each key is on exactly one shard")
}

// failing is the share of requests for n different keys that fail.
func failing(client *resp, n int) float64 {
	failed := 0
	for i := range n {
		if strings.HasPrefix(client.ask("GET", fmt.Sprintf("product:%d", i)), "-") {
			failed++
		}
	}
	return float64(failed) / float64(n)
}

func TestADeadShardTakesItsKeysWithItUnlessItIsEjected(t *testing.T) {
	for name, test := range map[string]struct {
		variant   string
		low, high float64
	}{
		"by default": {"", 0.20, 0.47},
		"ejected":    {"eject", 0, 0.10},
	} {
		t.Run(name, func(t *testing.T) {
			r := up(t, "sharded-redis", labs.Options{Variant: test.variant})
			client := r.dial("twemproxy")
			require.Zero(t, failing(client, 100))
			require.NoError(t, r.client.KillContainer(t.Context(), r.nodes["redis-2"], "SIGKILL"))
			for range 30 { // what twemproxy needs to notice
				_ = failing(client, 3)
			}
			share := failing(client, 200)
			t.Logf("%.0f %% of the requests fail", 100*share)
			require.GreaterOrEqual(t, share, test.low)
			require.LessOrEqual(t, share, test.high)
		})
	}
}
