package protocol

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// parrot answers each read with the same bytes and allocates nothing.
func parrot(answer string) func(net.Conn) {
	text := []byte(answer)
	return func(conn net.Conn) {
		buffer := make([]byte, 64<<10)
		for {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			if _, err := conn.Write(text); err != nil {
				return
			}
		}
	}
}

func TestARequestAllocatesNothing(t *testing.T) {
	for scheme, test := range map[string]struct {
		op     workload.Operation
		answer string
	}{
		"http":     {workload.Operation{Operation: "request", Method: "PUT", Path: "/{key}", Body: "{value}"}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: one\r\n\r\nhi"},
		"redis":    {workload.Operation{Operation: "write"}, "+OK\r\n"},
		"memcache": {workload.Operation{Operation: "read"}, "VALUE k 0 1\r\na\r\nEND\r\n"},
		"tcp":      {workload.Operation{Operation: "echo"}, "value"},
	} {
		c := opened(t, scheme+"://"+listen(t, parrot(test.answer)), func(c *Config) {
			if scheme == "http" {
				c.AnsweredBy = "Server"
			}
		})
		op, err := c.protocol.Compile(test.op)
		require.NoError(t, err)
		request := &Request{Op: op, Key: []byte("key:1"), Value: []byte("value")}
		var answer Answer
		allocations := testing.AllocsPerRun(2000, func() {
			request.Now = time.Now()
			answer = Answer{}
			if err := c.conn.Do(t.Context(), request, &answer); err != nil {
				t.Fatal(err)
			}
		})
		require.Less(t, allocations, 0.1, scheme) // a deadline set anew now and then costs one
	}
}

func BenchmarkRequest(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		parrot("+OK\r\n")(conn)
	}()
	target, err := workload.ParseTarget("redis://" + listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	p, err := newRedis(Config{Target: target, Timeout: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := p.Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	op, err := p.Compile(workload.Operation{Operation: workload.Read})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	request := &Request{Op: op, Key: []byte("key:1")}
	var answer Answer
	for b.Loop() {
		request.Now, answer = time.Now(), Answer{}
		if err := conn.Do(b.Context(), request, &answer); err != nil {
			b.Fatal(err)
		}
	}
}
