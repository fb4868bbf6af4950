package probe

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Dialer opens TCP connections from the ports that the wire leaves alone.
type Dialer struct{ next atomic.Uint32 }

// NewDialer starts at some port of the range, so that a helper that was started anew does not meet the connections of the one
// before.
func NewDialer() *Dialer {
	d := &Dialer{}
	d.next.Store(rand.Uint32N(ports))
	return d
}

const ports = wire.ProbePortLast - wire.ProbePortFirst + 1

// attempts bounds how many ports are tried: one that is in use, or whose last connection to the address is not forgotten yet, is
// passed over.
const attempts = 64

// DialContext connects to address.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var err error
	for range attempts {
		port := wire.ProbePortFirst + int(d.next.Add(1)%ports)
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{Port: port}}
		var conn net.Conn
		conn, err = dialer.DialContext(ctx, network, address)
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return conn, err
		}
	}
	return nil, err
}
