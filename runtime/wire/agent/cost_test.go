//go:build linux

package agent_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// TestTheCostOfTheWire prints, for bench/wire.sh, pairs of runs with the wire's rules and without: how fast TCP is in one connection,
// and how long a round trip of a small packet takes. Which of the two goes first alternates.
func TestTheCostOfTheWire(t *testing.T) {
	pairs, err := strconv.Atoi(os.Getenv("DDSCTL_BENCH_WIRE_PAIRS"))
	if err != nil {
		t.Skip("only bench/wire.sh asks for it")
	}
	const size, trips = 64 << 20, 500 // short, so that what else runs on the machine meets both of a pair
	lab := netlab.New(t, "a", "b")
	a, b := lab.Nodes["a"], lab.Nodes["b"]
	networks := lab.Topology("cost").Networks
	run := func(with bool) (gigabytes, micros float64) {
		var table *nft.Table
		lab.Host.Do(t, func() (err error) {
			if with {
				table, err = nft.Open("cost")
			}
			return err
		})
		if with {
			require.NoError(t, table.Apply(nft.Build(networks, nil, nft.Queue{})))
			defer func() { require.NoError(t, table.Close()) }()
		}
		took := transfer(t, a, b, size)
		trip := echoes(t, a, b, trips)
		return float64(size) / took.Seconds() / 1e9, float64(trip) / float64(time.Microsecond)
	}
	run(true) // uncounted
	for i := range pairs {
		var gigabytes, micros [2]float64
		for turn := range 2 {
			with := (turn + i) % 2
			gigabytes[with], micros[with] = run(with == 1)
		}
		fmt.Printf("pair %d with %.4f GB/s %.2f us without %.4f GB/s %.2f us\n", i+1, gigabytes[1], micros[1], gigabytes[0], micros[0])
	}
}

// echoes gives the median of n round trips of a small message by TCP.
func echoes(t *testing.T, a, b *netlab.Namespace, n int) time.Duration {
	t.Helper()
	var listener net.Listener
	b.Do(t, func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(b.Address, servicePort).String())
		return err
	})
	defer listener.Close()
	var client net.Conn
	a.Do(t, func() (err error) {
		client, err = net.Dial("tcp", listener.Addr().String())
		return err
	})
	server, err := listener.Accept()
	require.NoError(t, err)
	var echo sync.WaitGroup
	echo.Go(func() { _, _ = io.Copy(struct{ io.Writer }{server}, server); _ = server.Close() })
	defer echo.Wait()
	defer client.Close()
	message := make([]byte, 64)
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		_, err := client.Write(message)
		require.NoError(t, err)
		_, err = io.ReadFull(client, message)
		require.NoError(t, err)
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[n/2]
}
