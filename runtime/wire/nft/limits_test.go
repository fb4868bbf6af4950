//go:build linux

package nft

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables/expr"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

func TestASetThatIsFullCountsNoNewLinksAndHarmsNothing(t *testing.T) {
	c := newCity(t, "full")
	a, b := c.who["a"], c.who["b"]
	small := func(effects map[wire.Pair]wire.Effect) Ruleset {
		all := Build(c.networks, effects, Queue{})
		for i := range all.Sets {
			if all.Sets[i].size > 0 {
				all.Sets[i].size = 4
			}
		}
		return all
	}
	require.NoError(t, c.table.Apply(Ruleset{}))
	require.NoError(t, c.table.Apply(small(nil)))
	for port := 1001; port <= 1010; port++ {
		require.Len(t, netlab.Flow{From: a, To: b, Count: 2, ToPort: port, Patience: 50 * time.Millisecond}.Run(t), 2)
	}
	counts, err := c.table.Read(LinksSet(false))
	require.NoError(t, err)
	require.Len(t, counts, 4)

	require.NoError(t, c.table.Apply(small(map[wire.Pair]wire.Effect{c.pair("a", "b", false): {Cut: true}})))
	for port := 1001; port <= 1010; port++ {
		require.Empty(t, netlab.Flow{From: a, To: b, Count: 2, ToPort: port, Patience: 50 * time.Millisecond}.Run(t),
			"what cannot be counted is dropped all the same")
	}
}

func TestALinkWithoutTrafficIsForgottenAndOneWithTrafficIsNot(t *testing.T) {
	c := newCity(t, "expire")
	hasty := Build(c.networks, nil, Queue{})
	for _, chain := range hasty.Chains {
		for _, rule := range chain.Rules {
			for _, e := range rule.exprs() {
				if set, ok := e.(*expr.Dynset); ok && set.Timeout > 0 {
					set.Timeout = time.Second
				}
			}
		}
	}
	require.NoError(t, c.table.Apply(Ruleset{}))
	require.NoError(t, c.table.Apply(hasty))
	gone, kept := c.pair("a", "b", false), c.pair("b", "a", false)
	require.Equal(t, 5, c.send(t, "a", "b", false, 5))
	require.EqualValues(t, 5, sum(t, c.table, LinksSet(false), gone).Packets)
	sent := 0
	require.Eventually(t, func() bool {
		sent += c.send(t, "b", "a", false, 1)
		return sum(t, c.table, LinksSet(false), gone).Packets == 0
	}, 30*time.Second, 10*time.Millisecond)
	require.EqualValues(t, sent, sum(t, c.table, LinksSet(false), kept).Packets)
}

// ownerVariable makes this test program a process that holds a table until it is killed.
const ownerVariable = "DDSCTL_TEST_TABLE_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	var table *Table
	own := func() (err error) {
		const passed = 3 // the first of exec.Cmd's ExtraFiles
		if err := unix.Setns(passed, unix.CLONE_NEWNET); err != nil {
			return err
		}
		if table, err = Open("killed"); err != nil {
			return err
		}
		topology := netlab.Plan("killed", "a", "b")
		effects := wire.Effects(topology, []wire.Fault{
			{Kind: wire.Cut, From: []string{"a"}, To: []string{"b"}},
			{Kind: wire.Duplicate, Probability: 1, From: []string{"b"}, To: []string{"a"}},
			{Kind: wire.Loss, Probability: 0.5, From: []string{"b"}, To: []string{"a"}},
			{Kind: wire.Rate, Rate: 1000, From: []string{"b"}, To: []string{"a"}},
		})
		if err := table.Apply(Build(topology.Networks, effects, Queue{Number: 4712, Means: Probe().Means})); err != nil {
			return err
		}
		_, err = os.Stdout.WriteString("ready\n")
		return err
	}
	if err := own(); err != nil {
		_, _ = os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // which never ends
	runtime.KeepAlive(table)             // or its sockets may be collected, and the rules go
}

func TestAnOwnerThatIsKilledLeavesNoRuleAndNoHarm(t *testing.T) {
	lab := netlab.New(t, "a", "b")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), ownerVariable+"=1")
	child.ExtraFiles = []*os.File{lab.Host.File()}
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	_, err = child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	said := make([]byte, 200)
	n, err := out.Read(said)
	require.NoError(t, err)
	require.Equal(t, "ready\n", string(said[:n]))
	require.Contains(t, lab.Rules(t), TableName("killed"))
	require.Zero(t, datagrams(t, lab.Nodes["a"], lab.Nodes["b"], 10))

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	require.Eventually(t, func() bool { return lab.Rules(t) == "" }, 10*time.Second, 5*time.Millisecond, "the kernel removes the table of a dead owner")
	require.Equal(t, 10, datagrams(t, lab.Nodes["a"], lab.Nodes["b"], 10))
	require.Equal(t, 10, datagrams(t, lab.Nodes["b"], lab.Nodes["a"], 10))
}

func TestWhateverStoodBeforeTheKernelHoldsWhatIsAskedForNow(t *testing.T) {
	lab := netlab.New(t)
	topology := netlab.Plan("random", "a", "b", "c")
	table := openTable(t, lab, "random")
	queue := Queue{Number: 4713}
	lab.Host.Do(t, func() error {
		queue.Means = Probe().Means
		return nil
	})
	apply := func(faults []wire.Fault) {
		require.NoError(t, table.Apply(Build(topology.Networks, wire.Effects(topology, faults), queue)))
	}
	apply(nil)
	healthy := lab.Rules(t)
	require.Contains(t, healthy, LinksSet(false))
	name := rapid.SampledFrom([]string{"a", "b", "c", wire.Host, wire.Outside, wire.Any})
	fault := rapid.Custom(func(t *rapid.T) wire.Fault {
		return wire.Fault{
			Kind: rapid.SampledFrom(wire.Kinds()).Draw(t, "kind"), From: []string{name.Draw(t, "from")}, To: []string{name.Draw(t, "to")},
			Both: rapid.Bool().Draw(t, "both"), Delay: time.Second, Rate: 1e6, Probability: rapid.SampledFrom([]float64{0.1, 1}).Draw(t, "probability"),
		}
	})
	rapid.Check(t, func(r *rapid.T) {
		last := rapid.SliceOfN(fault, 0, 3).Draw(r, "last")
		apply(last)
		want := lab.Rules(t)
		for range rapid.IntRange(1, 3).Draw(r, "detour") {
			apply(rapid.SliceOfN(fault, 0, 3).Draw(r, "other"))
		}
		apply(last)
		require.Equal(t, want, lab.Rules(t))
		apply(nil)
		require.Equal(t, healthy, lab.Rules(t))
	})
}
