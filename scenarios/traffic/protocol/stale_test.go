package protocol

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// ends serves connections that end by themselves: after the request that follows any number of answers, with what is said of them then.
func ends(t *testing.T, answers int, answer, last string) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for range answers {
			request, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			_, _ = io.WriteString(conn, answer)
		}
		if answers >= 0 {
			if request, err := http.ReadRequest(in); err == nil {
				_, _ = io.Copy(io.Discard, request.Body)
			}
		}
		_, _ = io.WriteString(conn, last)
	})
}

// at asks at an instant, which tells how long the connection was idle.
func (c *client) at(op workload.Operation, now time.Time) error {
	c.t.Helper()
	compiled, err := c.protocol.Compile(op)
	require.NoError(c.t, err)
	return c.conn.Do(c.t.Context(), &Request{Op: compiled, Key: []byte("k"), Value: []byte("v"), Now: now}, &Answer{})
}

func TestAConnectionThatWasClosedBeforeItsFirstRequestIsFoundStale(t *testing.T) {
	c := opened(t, "http://"+ends(t, -1, "", ""))
	require.Eventually(t, func() bool { // its end is on the way
		ended, _ := c.conn.(*http1Conn).waiting()
		return ended
	}, 5*time.Second, time.Millisecond)
	require.ErrorIs(t, c.at(get("/"), time.Now().Add(time.Hour)), ErrStale)
}

func TestWhatAServerSaysBeforeItIsAskedIsNoEnd(t *testing.T) {
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	c := opened(t, "http://"+listen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "220 mail.example\r\n")
		<-held
	}))
	require.Eventually(t, func() bool {
		_, unasked := c.conn.(*http1Conn).waiting()
		return unasked
	}, 5*time.Second, time.Millisecond)
	require.Equal(t, KindProtocol, KindOf(c.at(get("/"), time.Now().Add(time.Hour))))
}

func TestARequestThatAnIdleConnectionEndsInsteadOfAnsweringMayBeSentAgain(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	post := workload.Operation{Operation: workload.Request, Method: http.MethodPost, Path: "/"}
	put := workload.Operation{Operation: workload.Request, Method: http.MethodPut, Path: "/"}
	for _, c := range []struct {
		name    string
		op      workload.Operation
		answers int // before
		last    string
		after   time.Duration
		again   bool
	}{
		{"after answers", get("/"), 1, "", time.Hour, true},
		{"before the first", get("/"), 0, "", time.Hour, true},
		{"one that writes the same twice", put, 1, "", time.Hour, true},
		{"one that may not be done twice", post, 1, "", time.Hour, false},
		{"a busy connection", get("/"), 1, "", 0, false},
		{"a part of the answer has come", get("/"), 1, "HTTP/1.1 2", time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, now := opened(t, "http://"+ends(t, c.answers, ok, c.last)), time.Now()
			for range c.answers {
				require.NoError(t, made.at(get("/"), now))
			}
			err := made.at(c.op, now.Add(c.after))
			require.Equal(t, c.again, errors.Is(err, ErrUnanswered), "%v", err)
			require.Contains(t, []string{KindEOF, KindReset}, KindOf(err))
			require.True(t, Broken(err))
		})
	}
}

func TestWhichCommandsOfStoresMayBeSentAgain(t *testing.T) {
	for scheme, commands := range map[string]map[workload.OperationKind]bool{
		"redis":     {workload.Read: true, workload.Write: true, workload.Delete: true, workload.Ping: true, workload.Increment: false},
		"memcached": {workload.Read: true, workload.Write: true, workload.Delete: true, workload.Ping: true, workload.Increment: false},
		"tcp":       {workload.Echo: true},
	} {
		for kind, again := range commands {
			address := listen(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 100)) })
			c := opened(t, scheme+"://"+address)
			err := c.at(workload.Operation{Operation: kind}, time.Now().Add(time.Hour))
			require.Equal(t, again, errors.Is(err, ErrUnanswered), "%s %s", scheme, kind)
		}
	}
}
