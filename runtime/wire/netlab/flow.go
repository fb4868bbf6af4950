//go:build linux

package netlab

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Flow is a number of datagrams from one namespace to another, one way: nothing comes back.
type Flow struct {
	From, To *Namespace
	V6       bool
	Count    int
	Size     int           // of the payload, at least 8; 0: 10
	Every    time.Duration // between two datagrams; 0: in small bursts, so that no buffer overflows
	FromPort int
	ToPort   int
	// Patience is how long to wait for the next datagram once all are sent; 0: 300 ms.
	Patience time.Duration
}

// Arrival is one datagram that arrived.
type Arrival struct {
	Index int           // from 0, in the order of sending
	Took  time.Duration // from sending to arrival
	At    time.Time     // of arrival
}

// Run sends the datagrams and gives those that arrived, in the order of arrival. One that arrives twice is there twice.
func (f Flow) Run(t testing.TB) []Arrival {
	t.Helper()
	if f.Size == 0 {
		f.Size = 10
	}
	if f.Patience == 0 {
		f.Patience = 300 * time.Millisecond
	}
	var in *net.UDPConn
	f.To.Do(t, func() (err error) {
		in, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(f.To.Addr(f.V6), uint16(f.ToPort))))
		return err
	})
	defer in.Close()
	require.NoError(t, in.SetReadBuffer(8<<20))
	var out *net.UDPConn
	f.From.Do(t, func() (err error) {
		local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(f.From.Addr(f.V6), uint16(f.FromPort)))
		out, err = net.DialUDP("udp", local, in.LocalAddr().(*net.UDPAddr))
		return err
	})
	defer out.Close()

	begin := time.Now()
	sent := make([]atomic.Int64, f.Count) // nanoseconds since begin
	var done atomic.Bool
	arrived := make(chan []Arrival, 1)
	go func() {
		var all []Arrival
		buf := make([]byte, 1<<16)
		for {
			_ = in.SetReadDeadline(time.Now().Add(f.Patience))
			n, err := in.Read(buf)
			now := time.Now()
			if err != nil {
				if done.Load() {
					arrived <- all
					return
				}
				continue
			}
			if n < 8 {
				continue
			}
			index := int(binary.BigEndian.Uint64(buf))
			all = append(all, Arrival{Index: index, Took: now.Sub(begin) - time.Duration(sent[index].Load()), At: now})
		}
	}()
	payload := make([]byte, f.Size)
	for i := range f.Count {
		if f.Every > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * f.Every)))
		} else if i%25 == 24 {
			time.Sleep(time.Millisecond)
		}
		binary.BigEndian.PutUint64(payload, uint64(i))
		sent[i].Store(int64(time.Since(begin)))
		_, err := out.Write(payload)
		require.NoError(t, err)
	}
	done.Store(true)
	return <-arrived
}
