package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// user is somebody at a terminal: ddsctl as it is released, run as a process.
type user struct {
	t      *testing.T
	client *docker.Client
	binary string
	locks  string
	name   string // of the lab
}

// newUser has an engine, images, and a lab's name of which nothing is left at the end.
func newUser(t *testing.T, name string) *user {
	t.Helper()
	client := dockerEngine(t)
	binary, err := built()
	require.NoError(t, err)
	u := &user{t: t, client: client, binary: binary, locks: t.TempDir(), name: projectName(name)}
	t.Cleanup(func() { leftNothing(t, client, u.name) })
	return u
}

func (u *user) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, u.binary, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+u.client.Address(), "XDG_RUNTIME_DIR="+u.locks, "DDSCTL_NODE_BINARY=", "LC_ALL=C")
	return cmd
}

// try runs ddsctl and returns what it printed and its exit code.
func (u *user) try(args ...string) (stdout, stderr string, code int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 5*time.Minute)
	defer cancel()
	var out, words bytes.Buffer
	cmd := u.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatalf("ddsctl %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), words.String(), cmd.ProcessState.ExitCode()
}

func (u *user) run(args ...string) (stdout, stderr string) {
	u.t.Helper()
	out, words, code := u.try(args...)
	require.Zero(u.t, code, "ddsctl %s\n%s%s", strings.Join(args, " "), out, words)
	return out, words
}

func (u *user) up(ref string) upResult {
	u.t.Helper()
	out, _ := u.run("lab", "up", ref, "--name", u.name, "--free-ports", "-o", "json")
	var result upResult
	require.NoError(u.t, json.Unmarshal([]byte(out), &result))
	return result
}

// changesNothing is an up of what is up.
func (u *user) changesNothing() {
	u.t.Helper()
	again := u.up("sharded-redis")
	for _, o := range again.Outcomes {
		require.Equal(u.t, plan.Unchanged, o.Change, "%s: %s", o.Name, o.Reason)
	}
	require.False(u.t, again.Changed)
}

func (u *user) state() engine.State {
	u.t.Helper()
	state, err := u.client.State(u.t.Context(), u.name)
	require.NoError(u.t, err)
	return state
}

// redisAt speaks to the address that a service of the lab prints.
func (u *user) redisAt(addresses []address, service string) *redis.Client {
	u.t.Helper()
	i := slices.IndexFunc(addresses, func(a address) bool { return a.Service == service })
	require.GreaterOrEqual(u.t, i, 0, "%+v", addresses)
	c := redis.NewClient(&redis.Options{Addr: addresses[i].Address, Protocol: 2, DisableIdentity: true,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &plainRedis{Conn: conn}, err
		}})
	u.t.Cleanup(func() { _ = c.Close() })
	return c
}

// plainRedis answers go-redis' HELLO itself, as a server of old does: twemproxy hangs up on commands that it does not know.
type plainRedis struct {
	net.Conn
	answer bytes.Buffer
}

func (p *plainRedis) Write(b []byte) (int, error) {
	if bytes.Contains(bytes.ToLower(b[:min(len(b), 20)]), []byte("\r\nhello\r\n")) {
		p.answer.WriteString("-ERR unknown command\r\n")
		return len(b), nil
	}
	return p.Conn.Write(b)
}

func (p *plainRedis) Read(b []byte) (int, error) {
	if p.answer.Len() > 0 {
		return p.answer.Read(b)
	}
	return p.Conn.Read(b)
}

func thousand() []string {
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("user:%d", i)
	}
	return keys
}

func TestAThousandKeysGoWhereKetamaSendsThem(t *testing.T) {
	u := newUser(t, "keys")
	lab := u.up("sharded-redis")
	require.True(t, lab.Changed)
	proxy := u.redisAt(lab.Addresses, "twemproxy")
	keys := thousand()
	for i, key := range keys {
		require.NoError(t, proxy.Set(t.Context(), key, i, 0).Err())
	}
	for i, key := range keys {
		got, err := proxy.Get(t.Context(), key).Int()
		require.NoError(t, err)
		require.Equal(t, i, got)
	}

	ring := u.ring("twemproxy", "/etc/twemproxy/twemproxy.yml")
	want := map[string][]string{}
	for _, key := range keys {
		want[ring.server(key)] = append(want[ring.server(key)], key)
	}
	for _, shard := range []string{"redis-1", "redis-2", "redis-3"} {
		out, _ := u.run("lab", "exec", u.name, shard, "redis-cli", "--raw", "keys", "user:*") // the lab's traffic has keys too
		held := strings.Fields(out)
		slices.Sort(held)
		slices.Sort(want[shard])
		require.Equal(t, want[shard], held, shard)
		t.Logf("%s holds %d of %d keys", shard, len(held), len(keys))
		require.GreaterOrEqual(t, len(held), 200, shard)
		require.LessOrEqual(t, len(held), 470, shard)
	}

	u.changesNothing()
	_, words := u.run("lab", "up", "sharded-redis", "--name", u.name, "--free-ports")
	require.Contains(t, words, "nothing to change")
	u.run("lab", "down", u.name)
	require.True(t, u.state().Empty())
}

// ring is the ring that the proxy's configuration, as it is in the container, asks for.
func (u *user) ring(node, file string) *ketama {
	u.t.Helper()
	text, _ := u.run("lab", "exec", u.name, node, "cat", file)
	hash := regexp.MustCompile(`(?m)^\s*hash:\s*(\S+)`).FindStringSubmatch(text)
	require.NotNil(u.t, hash, text)
	require.Regexp(u.t, `(?m)^\s*distribution:\s*ketama`, text)
	servers := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\s*-\s*(\S+:\d+):(\d+)(?:\s+(\S+))?\s*$`).FindAllStringSubmatch(text, -1) {
		name := m[1]
		if m[3] != "" {
			name = m[3]
		}
		weight, err := strconv.Atoi(m[2])
		require.NoError(u.t, err)
		servers[name] = weight
	}
	require.Len(u.t, servers, 3, text)
	ring, err := newKetama(hash[1], servers)
	require.NoError(u.t, err)
	return ring
}

func TestKilledAtTenMomentsTheNextUpCompletesAndDownLeavesNothing(t *testing.T) {
	u := newUser(t, "kill")
	begin := time.Now()
	want := len(u.nodesAfterUp())
	whole := time.Since(begin)
	u.run("lab", "down", u.name)

	const moments = 10
	random := rand.New(rand.NewPCG(3, 5))
	for i := range moments {
		after := whole*time.Duration(i)/moments + time.Duration(random.Int64N(int64(whole/moments)))
		cmd := u.command(t.Context(), "lab", "up", "sharded-redis", "--name", u.name, "--free-ports")
		require.NoError(t, cmd.Start())
		timer := time.NewTimer(after)
		<-timer.C
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		t.Logf("killed after %s with %d containers", after.Round(time.Millisecond), len(u.state().Containers))
		if i%3 != 2 { // every third time down alone must do
			require.Len(t, u.nodesAfterUp(), want)
			u.changesNothing()
		}
		if _, words, code := u.try("lab", "down", u.name); code != 0 {
			require.Contains(t, words, "is not running") // killed before it had begun
		}
		require.True(t, u.state().Empty(), "%+v", u.state())
	}
}

func (u *user) nodesAfterUp() []engine.Container {
	u.t.Helper()
	u.up("sharded-redis")
	nodes := runningLab{state: u.state()}.nodes()
	for _, c := range nodes {
		require.Equal(u.t, engine.PhaseRunning, c.Phase, c.Name)
	}
	return nodes
}

func TestTwoUpsAtOnceTakeTurns(t *testing.T) {
	u := newUser(t, "two")
	var both sync.WaitGroup
	words := make([]string, 2)
	for i := range words {
		both.Go(func() {
			out, err := u.command(t.Context(), "lab", "up", "sharded-redis", "--name", u.name, "--free-ports").CombinedOutput()
			if err != nil {
				t.Errorf("up %d: %v\n%s", i, err, out)
			}
			words[i] = string(out)
		})
	}
	both.Wait()
	all := strings.Join(words, "")
	require.Equal(t, 1, strings.Count(all, "works on "+u.name+"; waiting until it is done"), all)
	require.Equal(t, 1, strings.Count(all, "nothing to change"), all)
	u.changesNothing()
	u.run("lab", "down", u.name)
}
