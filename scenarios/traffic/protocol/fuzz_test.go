package protocol

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// recorded is a connection whose other side says what it says whatever it is asked.
type recorded struct{ *bytes.Reader }

func (recorded) Write(b []byte) (int, error)      { return len(b), nil }
func (recorded) Close() error                     { return nil }
func (recorded) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (recorded) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (recorded) SetDeadline(time.Time) error      { return nil }
func (recorded) SetReadDeadline(time.Time) error  { return nil }
func (recorded) SetWriteDeadline(time.Time) error { return nil }

func over(data []byte) *stream {
	return streamOver(recorded{bytes.NewReader(data)}, time.Second)
}

// unread is what is left of data.
func (s *stream) unread() int { return s.in.Buffered() + s.conn.(recorded).Len() }

func FuzzHTTP1Answer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive, x\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\nServer: x\n\n",
	} {
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, head bool) {
		conn := &http1Conn{stream: over(data), protocol: &http1{config: Config{AnsweredBy: "Server"}}}
		var answer Answer
		status, err := conn.answer(head, &answer)
		if err != nil {
			return
		}
		if status < 100 || status > 999 || len(answer.By) > maxAnswerer {
			t.Fatalf("status %d, answered by %q", status, answer.By)
		}
		// Where the standard library takes the answer too, both find the same end.
		in := bufio.NewReader(bytes.NewReader(data))
		request := &http.Request{Method: map[bool]string{true: "HEAD", false: "GET"}[head]}
		for {
			theirs, err := http.ReadResponse(in, request)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, theirs.Body); err != nil {
				return
			}
			if theirs.StatusCode >= 100 && theirs.StatusCode < 200 {
				continue
			}
			if theirs.StatusCode != status {
				t.Fatalf("status %d, and %d for the standard library", status, theirs.StatusCode)
			}
			rest, _ := io.Copy(io.Discard, in)
			if theirs.ContentLength > 0 && !head && int(rest) != conn.unread() {
				t.Fatalf("%d bytes left, and %d for the standard library", conn.unread(), rest)
			}
			return
		}
	})
}

func FuzzRESPAnswer(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "-ERR x\r\n", ":1\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*2\r\n$1\r\na\r\n*-1\r\n", "%1\r\n+a\r\n_\r\n", ">1\r\n+p\r\n#t\r\n",
		"!3\r\nERR\r\n", "=5\r\ntxt:a\r\n", "|1\r\n+a\r\n+b\r\n,1\r\n", "*1\r\n*1\r\n*1\r\n:1\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := over(data)
		first, err := s.reply()
		if err != nil {
			return
		}
		if first.null && first.failure != nil {
			t.Fatal("null and an error at once")
		}
		// An answer ends by itself: it is read the same whatever follows it.
		whole := data[:len(data)-s.unread()]
		again := over(append(append([]byte(nil), whole...), "+next\r\n"...))
		if _, err := again.reply(); err != nil || again.unread() != len("+next\r\n") {
			t.Fatalf("%q was read as an answer, and with more behind it gave %v with %d bytes left", whole, err, again.unread())
		}
	})
}

func FuzzMemcachedAnswer(f *testing.F) {
	for i, seed := range []string{"END\r\n", "VALUE k 0 1\r\na\r\nEND\r\n", "STORED\r\n", "12\r\n", "VERSION 1.6\r\n", "SERVER_ERROR x\r\n", "NOT_FOUND\r\n"} {
		f.Add([]byte(seed), byte(i))
	}
	kinds := workload.Operations(workload.Memcached)
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		kind := kinds[int(which)%len(kinds)]
		conn := &memcachedConn{stream: over(data)}
		var answer Answer
		err := conn.Do(t.Context(), &Request{Op: &memcachedOp{kind: kind}, Key: []byte("k")}, &answer)
		if err == nil && conn.unread() != 0 {
			t.Fatalf("%s succeeded with %d bytes unread", kind, conn.unread())
		}
		if err != nil && !Broken(err) && KindOf(err) != KindServer {
			t.Fatalf("%v leaves the connection in use and is no answer of the server", err)
		}
	})
}
