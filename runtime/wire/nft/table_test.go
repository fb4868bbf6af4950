//go:build linux

package nft

import (
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

func open(t *testing.T, lab *netlab.Lab, project string) *Table {
	t.Helper()
	var table *Table
	lab.Host.Do(t, func() (err error) {
		table, err = Open(project)
		return err
	})
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// listing is what nft(8) shows of the lab's host, or "" where it is not installed.
func listing(t *testing.T, lab *netlab.Lab) string {
	t.Helper()
	var out []byte
	lab.Host.Do(t, func() (err error) {
		out, err = exec.Command("nft", "list", "ruleset").CombinedOutput()
		return err
	})
	return string(out)
}

// datagrams sends n of them from one node to another and gives how many arrived.
func datagrams(t *testing.T, from, to *netlab.Namespace, n int) int {
	t.Helper()
	var in, out net.Conn
	to.Do(t, func() (err error) {
		in, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(to.Address, 0)))
		return err
	})
	defer in.Close()
	from.Do(t, func() (err error) {
		out, err = net.Dial("udp", in.LocalAddr().String())
		return err
	})
	defer out.Close()
	got := make(chan int)
	go func() {
		count, buf := 0, make([]byte, 1500)
		for {
			// Patience for the first, none to speak of after the last.
			_ = in.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			if _, err := in.Read(buf); err != nil {
				got <- count
				return
			}
			count++
		}
	}()
	for i := range n {
		_, err := out.Write([]byte("0123456789"))
		require.NoError(t, err)
		if i%50 == 49 {
			time.Sleep(time.Millisecond) // a pace, so that no socket buffer overflows
		}
	}
	return <-got
}

func sum(t *testing.T, table *Table, set string, pair wire.Pair) Count {
	t.Helper()
	counts, err := table.Read(set)
	require.NoError(t, err)
	var all Count
	for key, count := range counts {
		if key.Pair == pair {
			all.Packets += count.Packets
			all.Bytes += count.Bytes
		}
	}
	return all
}

func TestThePairThatIsCutIsCutAndCountedAndNoOther(t *testing.T) {
	lab := netlab.New(t, "a", "b")
	a, b := lab.Nodes["a"], lab.Nodes["b"]
	table := open(t, lab, "cut")
	networks := lab.Topology("cut").Networks
	healthy := Build(networks, nil, Queue{})
	require.NoError(t, table.Apply(healthy))
	require.Equal(t, 100, datagrams(t, a, b, 100))
	there, back := wire.Pair{From: a.Address, To: b.Address}, wire.Pair{From: b.Address, To: a.Address}
	require.Equal(t, Count{Packets: 100, Bytes: 100 * 38}, sum(t, table, LinksSet(false), there))

	require.NoError(t, table.Apply(Build(networks, map[wire.Pair]wire.Effect{there: {Cut: true}}, Queue{})))
	t.Log(listing(t, lab))
	require.Zero(t, datagrams(t, a, b, 50))
	require.Equal(t, 50, datagrams(t, b, a, 50))
	require.EqualValues(t, 150, sum(t, table, LinksSet(false), there).Packets, "counted before the drop")
	require.EqualValues(t, 50, sum(t, table, DroppedSet(false), there).Packets)
	require.Zero(t, sum(t, table, PassedSet(false), there).Packets)
	require.EqualValues(t, 50, sum(t, table, LinksSet(false), back).Packets)

	require.NoError(t, table.Apply(healthy))
	require.Equal(t, 50, datagrams(t, a, b, 50))
	require.Equal(t, healthy.String(), table.Ruleset().String())
}

func TestTheTableGoesWithItsOwner(t *testing.T) {
	lab := netlab.New(t, "a")
	table := open(t, lab, "owned")
	require.NoError(t, table.Apply(Build(lab.Topology("owned").Networks, nil, Queue{})))
	require.Contains(t, listing(t, lab), TableName("owned"))
	lab.Host.Do(t, func() error {
		_, err := Open("owned")
		require.Error(t, err, "one helper a project")
		return nil
	})
	require.NoError(t, table.Close())
	require.Empty(t, strings.TrimSpace(listing(t, lab)))
}
