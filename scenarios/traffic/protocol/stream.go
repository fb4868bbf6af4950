package protocol

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// stream is a connection with its buffers and its deadline, for the protocols that are written out here.
type stream struct {
	conn     net.Conn
	in       *bufio.Reader
	out      []byte // the request; kept to be used again
	timeout  time.Duration
	deadline time.Time // as set on conn
	opened   time.Time
	used     time.Time // when the last request was sent; zero before the first
	idled    bool      // nothing was sent for long before the request that is under way
	from     *source
	quick    *exchange // writes with the first read of the answer; nil where conn cannot
}

// source is where answers come from. It notes whether anything has come.
type source struct {
	io.Reader
	heard bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.heard = s.heard || n > 0
	return n, err
}

const (
	// inputBuffer is also the longest line that a server may send.
	inputBuffer = 16 << 10
	// idle is how long a connection must have been unused before it is worth a system call to see whether the server has closed it.
	idle = 50 * time.Millisecond
)

func newStream(ctx context.Context, config Config) (*stream, error) {
	conn, err := config.dial(ctx)
	if err != nil {
		return nil, err
	}
	return streamOver(conn, config.Timeout), nil
}

func streamOver(conn net.Conn, timeout time.Duration) *stream {
	s := &stream{conn: conn, timeout: timeout, opened: time.Now(), quick: newExchange(conn), from: &source{Reader: conn}}
	if s.quick != nil {
		s.from.Reader = s.quick
	}
	s.in = bufio.NewReaderSize(s.from, inputBuffer)
	return s
}

// send writes what out holds. A deadline costs a lock and a timer, so it is set with an eighth to spare and then left alone for
// as long as it gives a request its whole timeout.
func (s *stream) send(now time.Time) error {
	first, last := s.used.IsZero(), s.used
	if first {
		last = s.opened
	}
	if s.idled = now.Sub(last) > idle; s.idled {
		// What a server says before it is asked at all is not the end of an answer: it is heard, and found wrong, below.
		if ended, unasked := s.waiting(); ended || unasked && !first {
			return ErrStale
		}
	}
	s.used, s.from.heard = now, false
	if s.deadline.Sub(now) < s.timeout {
		s.deadline = now.Add(s.timeout + s.timeout/8)
		if err := s.conn.SetDeadline(s.deadline); err != nil {
			return err
		}
	}
	// A server that speaks before it is asked must not go unheard, so the first request takes the usual way.
	if s.quick != nil && !first { // written when the answer is waited for; errors come there too
		s.quick.out = s.out
		return nil
	}
	_, err := s.conn.Write(s.out)
	return err
}

// told is the error of a request. One to which the end of an idle connection came instead of an answer is ErrUnanswered, where the request
// may be sent a second time: the server has most probably closed the connection just before it came.
func (s *stream) told(err error, again bool) error {
	if err == nil || !again || !s.idled || s.from.heard {
		return err
	}
	switch KindOf(err) {
	case KindEOF, KindReset:
		if !errors.Is(err, ErrStale) {
			return fmt.Errorf("%w: %w", ErrUnanswered, err)
		}
	}
	return err
}

// line reads up to and without the line's end, \r\n or \n. It is good until the next read.
func (s *stream) line() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, garbled("a line of the answer is longer than %d bytes", inputBuffer)
		}
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// skip passes over n bytes of the answer.
func (s *stream) skip(n int64) error {
	for n > 0 {
		step := min(n, 1<<30)
		if _, err := s.in.Discard(int(step)); err != nil {
			return err
		}
		n -= step
	}
	return nil
}

// settled fails when the server has sent more than the answer, for protocols in which it never speaks first.
func (s *stream) settled() error {
	if n := s.in.Buffered(); n > 0 {
		return garbled("the server sent %d bytes after the end of the answer", n)
	}
	return nil
}

func (s *stream) Close() error         { return s.conn.Close() }
func (s *stream) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// number reads a decimal number without sign of at most 18 digits.
func number(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// isEnd says that the connection ended between bytes, not in an error.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }

// greet runs the requests that a new connection begins with, and ends them with ctx.
func greet(ctx context.Context, conn net.Conn, do func(*Request) error) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err := do(&Request{Now: time.Now()})
	if !stop() && err == nil {
		err = ctx.Err()
	}
	return err
}
