package protocol

import (
	"bufio"
	"context"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// client is a Protocol and one connection of it, as tests use them.
type client struct {
	t        *testing.T
	protocol Protocol
	conn     Conn
}

func made(t *testing.T, url string, change ...func(*Config)) *client {
	t.Helper()
	target, err := workload.ParseTarget(url)
	require.NoError(t, err)
	config := Config{Target: target, Timeout: 5 * time.Second}
	for _, c := range change {
		c(&config)
	}
	table, err := Builtin()
	require.NoError(t, err)
	p, err := table.New(config)
	require.NoError(t, err)
	return &client{t: t, protocol: p}
}

func opened(t *testing.T, url string, change ...func(*Config)) *client {
	t.Helper()
	c := made(t, url, change...)
	c.reopen()
	return c
}

func (c *client) reopen() {
	c.t.Helper()
	conn, err := c.protocol.Open(c.t.Context())
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = conn.Close() })
	c.conn = conn
}

// do compiles an operation as a workload would have it and runs it about a key.
func (c *client) do(op workload.Operation, key, value string) (Answer, error) {
	c.t.Helper()
	compiled, err := c.protocol.Compile(op)
	require.NoError(c.t, err)
	var answer Answer
	err = c.conn.Do(c.t.Context(), &Request{Op: compiled, Key: []byte(key), Number: 7, Value: []byte(value), Now: time.Now()}, &answer)
	return answer, err
}

func (c *client) must(op workload.Operation, key, value string) Answer {
	c.t.Helper()
	answer, err := c.do(op, key, value)
	require.NoError(c.t, err)
	return answer
}

func within(d time.Duration) func(*Config) { return func(c *Config) { c.Timeout = d } }

// listen serves each connection with a function, and waits for all of them at the end.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// answering reads lines up to the first empty one, then sends the text, for each of the texts, and closes.
func answering(texts ...string) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for _, text := range texts {
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if strings.TrimSpace(line) == "" {
					break
				}
			}
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
}

// free is an address at which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// local starts a server program of this machine, and skips the test where it is not installed; $ADDR, $HOST and $PORT stand for where it shall listen.
func local(t *testing.T, program string, args ...string) (address string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed here", program)
	}
	address = free(t)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for i := range args {
		args[i] = strings.NewReplacer("$ADDR", address, "$HOST", host, "$PORT", port).Replace(args[i])
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "%s does not listen", program)
	return address
}

func TestEveryProtocolOfAWorkloadIsSpoken(t *testing.T) {
	for _, scheme := range workload.Schemes() {
		c := made(t, scheme+"://host:1234/9")
		spec := workload.Spec{Target: workload.Targets{scheme + "://host:1234/9"}}.WithDefaults()
		for _, op := range spec.Mix {
			_, err := c.protocol.Compile(op)
			require.NoError(t, err, scheme)
		}
		_, err := c.protocol.Compile(workload.Operation{Operation: "juggle"})
		require.ErrorContains(t, err, "juggle")
	}
}

func TestAProtocolIsRegisteredOnce(t *testing.T) {
	table, err := Builtin()
	require.NoError(t, err)
	require.ErrorContains(t, table.Register(workload.HTTP, newHTTP1), "twice")
}

func TestATargetThatIsNotThereIsToldByItsKind(t *testing.T) {
	refusing := free(t)
	silent := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	closing := listen(t, func(conn net.Conn) {
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = conn.Read(make([]byte, 1))
	})
	babbling := listen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "220 smtp.example.com ready\r\n220 go on\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	for _, test := range []struct {
		scheme, path string
		op           workload.Operation
	}{
		{"http", "/", workload.Operation{Operation: "request", Method: "GET"}},
		{"h2c", "/", workload.Operation{Operation: "request", Method: "GET"}},
		{"redis", "", workload.Operation{Operation: "read"}},
		{"memcache", "", workload.Operation{Operation: "read"}},
		{"mysql", "/test", workload.Operation{Operation: "ping"}},
		{"etcd", "", workload.Operation{Operation: "read"}},
		{"kafka", "/topic", workload.Operation{Operation: "produce", Acks: "all"}},
		{"tcp", "", workload.Operation{Operation: "echo"}},
	} {
		t.Run(test.scheme, func(t *testing.T) {
			t.Parallel()
			kind := func(address string) string {
				c := made(t, test.scheme+"://"+address+test.path, within(400*time.Millisecond))
				began := time.Now()
				conn, err := c.protocol.Open(t.Context())
				if err == nil {
					defer conn.Close()
					c.conn = conn
					_, err = c.do(test.op, "k", "v")
				}
				require.Error(t, err)
				require.Less(t, time.Since(began), 10*time.Second)
				return KindOf(err)
			}
			require.Equal(t, KindRefused, kind(refusing))
			require.Equal(t, KindTimeout, kind(silent), "silent")
			require.Contains(t, []string{KindEOF, KindReset}, kind(closing))
			if test.scheme != "mysql" { // to MySQL it is the length of a long packet, of which the rest does not come
				require.Contains(t, []string{KindProtocol, KindEOF}, kind(babbling))
			}
			require.Equal(t, KindDNS, kind("no-such-host.invalid:80"))
		})
	}
}
