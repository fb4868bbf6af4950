//go:build unix

package protocol

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// waiting says whether an idle connection has its end or unasked bytes waiting. It does not wait itself.
func (s *stream) waiting() (ended, unasked bool) {
	conn := s.conn
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	system, ok := conn.(syscall.Conn)
	if !ok {
		return false, false
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return errors.Is(err, net.ErrClosed), false
	}
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		unasked = err == nil && n > 0
		ended = !unasked && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return ended || err != nil, unasked
}
