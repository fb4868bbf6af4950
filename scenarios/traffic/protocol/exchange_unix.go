//go:build unix

package protocol

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exchange sends a request and reads the answer in one wait. The usual Write and Read of a connection cost a system call more: Read
// first tries, finds nothing, as the server is only just reading the request, and then waits. Here the request is written after the
// connection was made ready for waiting, so that no answer is missed, and the first read comes when there is something to read.
type exchange struct {
	raw  syscall.RawConn
	conn net.Conn
	out  []byte // still to be written
	in   []byte
	n    int
	err  error
	step func(fd uintptr) bool // the method, bound once
}

// newExchange returns nil for a connection that is not the system's own, such as one with TLS.
func newExchange(conn net.Conn) *exchange {
	plain, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return nil
	}
	e := &exchange{raw: raw, conn: conn}
	e.step = e.do
	return e
}

// Read writes what is still to be written, waits, and reads.
func (e *exchange) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	e.in, e.n, e.err = p, 0, nil
	err := e.raw.Read(e.step)
	if errors.Is(err, os.ErrDeadlineExceeded) && e.last() {
		err = nil
	}
	e.in = nil
	if err == nil {
		err = e.err
	}
	if err == nil && e.n == 0 {
		err = io.EOF
	}
	return e.n, err
}

// last looks once more when time is up: what the server sent unasked, or its end, came before the wait and did not end it.
func (e *exchange) last() bool {
	e.out = nil
	found := false
	err := e.raw.Control(func(fd uintptr) { found = e.do(fd) })
	return err == nil && found
}

// do is called with the connection's descriptor until it returns true; between the calls the connection is waited for.
func (e *exchange) do(fd uintptr) bool {
	if len(e.out) > 0 {
		return e.write(fd)
	}
	for {
		n, err := unix.Read(int(fd), e.in)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil:
			e.err = os.NewSyscallError("read", err)
		default:
			e.n = n
		}
		return true
	}
}

func (e *exchange) write(fd uintptr) bool {
	for {
		n, err := unix.Write(int(fd), e.out)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			e.err = os.NewSyscallError("write", err)
			e.out = nil
			return true
		}
		rest := e.out[max(n, 0):]
		e.out = nil
		if len(rest) > 0 { // the connection's buffers are full: the usual way waits for room
			if _, e.err = e.conn.Write(rest); e.err != nil {
				return true
			}
		}
		return false
	}
}
