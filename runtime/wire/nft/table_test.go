//go:build linux

package nft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

func openTable(t *testing.T, lab *netlab.Lab, project string) *Table {
	t.Helper()
	var table *Table
	lab.Host.Do(t, func() (err error) {
		table, err = Open(project)
		return err
	})
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// datagrams sends n of them from one node to another and gives how many arrived.
func datagrams(t *testing.T, from, to *netlab.Namespace, n int) int {
	t.Helper()
	return len(netlab.Flow{From: from, To: to, Count: n}.Run(t))
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
	table := openTable(t, lab, "cut")
	networks := lab.Topology("cut").Networks
	healthy := Build(networks, nil, Queue{})
	require.NoError(t, table.Apply(healthy))
	require.Equal(t, 100, datagrams(t, a, b, 100))
	there, back := wire.Pair{From: a.Address, To: b.Address}, wire.Pair{From: b.Address, To: a.Address}
	require.Equal(t, Count{Packets: 100, Bytes: 100 * 38}, sum(t, table, LinksSet(false), there))

	require.NoError(t, table.Apply(Build(networks, map[wire.Pair]wire.Effect{there: {Cut: true}}, Queue{})))
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
	table := openTable(t, lab, "owned")
	require.NoError(t, table.Apply(Build(lab.Topology("owned").Networks, nil, Queue{})))
	require.Contains(t, lab.Rules(t), TableName("owned"))
	lab.Host.Do(t, func() error {
		_, err := Open("owned")
		require.Error(t, err, "one helper a project")
		return nil
	})
	require.NoError(t, table.Close())
	require.Empty(t, lab.Rules(t))
}
