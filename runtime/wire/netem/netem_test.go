//go:build linux

package netem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

const ms = time.Millisecond

func hold(delay, jitter time.Duration, distribution wire.Distribution) wire.Hold {
	return wire.Hold{Delay: delay, Jitter: jitter, Distribution: distribution, Probability: 1}
}

func TestAnEffectIsTranslatedWhereOneNetemCanDoIt(t *testing.T) {
	for name, c := range map[string]struct {
		effect wire.Effect
		want   settings
	}{
		"delays add up":          {wire.Effect{Delays: []wire.Hold{hold(10*ms, 0, wire.Normal), hold(5*ms, 0, wire.Uniform)}}, settings{delay: 15 * ms}},
		"jitter stays in order":  {wire.Effect{Delays: []wire.Hold{hold(10*ms, ms, wire.Uniform)}}, settings{delay: 10 * ms, jitter: ms, rate: inOrder}},
		"normal jitters combine": {wire.Effect{Delays: []wire.Hold{hold(ms, 3*ms, wire.Normal), hold(ms, 4*ms, wire.Normal)}}, settings{delay: 2 * ms, jitter: 5 * ms, normal: true, rate: inOrder}},
		"a rate":                 {wire.Effect{Rate: 1e6, Delays: []wire.Hold{hold(ms, 0, wire.Normal)}}, settings{delay: ms, rate: 1e6}},
		"reordering":             {wire.Effect{Reorders: []wire.Hold{{Delay: 10 * ms, Distribution: wire.Normal, Probability: 0.25}}}, settings{delay: 10 * ms, normal: true, pass: 0.75}},
	} {
		got, err := settingsOf(c.effect)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
	for name, effect := range map[string]wire.Effect{
		"unlike jitters":         {Delays: []wire.Hold{hold(ms, ms, wire.Normal), hold(ms, ms, wire.Uniform)}},
		"two uniform jitters":    {Delays: []wire.Hold{hold(ms, ms, wire.Uniform), hold(ms, ms, wire.Uniform)}},
		"reordering and a delay": {Delays: []wire.Hold{hold(ms, 0, wire.Normal)}, Reorders: []wire.Hold{hold(ms, 0, wire.Normal)}},
		"reordering and a rate":  {Rate: 1e6, Reorders: []wire.Hold{hold(ms, 0, wire.Normal)}},
	} {
		_, err := settingsOf(effect)
		require.ErrorIs(t, err, errMixed, name)
	}
}

func TestTheSettingsAreWrittenAsTheKernelReadsThem(t *testing.T) {
	raw := settings{delay: 100 * ms, jitter: 10 * ms, normal: true, pass: 0.75, rate: 80_000_000_000}.options()
	native := binary.NativeEndian
	words := make([]uint32, 6)
	for i := range words {
		words[i] = native.Uint32(raw[4*i:])
	}
	require.Equal(t, []uint32{uint32(100*ms) >> 6, limit, 0, 1, 0, uint32(10*ms) >> 6}, words)
	attributes, err := nl.ParseRouteAttr(raw[24:])
	require.NoError(t, err)
	found := map[uint16][]byte{}
	for _, a := range attributes {
		found[a.Attr.Type] = a.Value
	}
	require.Len(t, found, 6)
	require.EqualValues(t, 100*ms, native.Uint64(found[attributeLatency64]))
	require.EqualValues(t, 10*ms, native.Uint64(found[attributeJitter64]))
	require.InDelta(t, 0.75, float64(native.Uint32(found[attributeReorder]))/math.MaxUint32, 1e-6)
	require.EqualValues(t, 10_000_000_000, native.Uint64(found[attributeRate64]), "bytes a second")
	require.EqualValues(t, uint32(math.MaxUint32), native.Uint32(found[attributeRate]))
	table := found[attributeDistribution]
	require.Len(t, table, 2*tableSize)
	var sum, squares float64
	for i := range tableSize {
		v := float64(int16(native.Uint16(table[2*i:]))) / scale
		require.LessOrEqual(t, math.Abs(v), 3.0)
		sum += v
		squares += v * v
	}
	require.InDelta(t, 0, sum/tableSize, 1e-3)
	require.InDelta(t, 0.9866, math.Sqrt(squares/tableSize), 0.01, "of a normal distribution that is cut")

	require.Len(t, settings{delay: ms}.options(), 24+12+12, "a bare delay needs no more")
}

// tokens stands in for netem, where a rate is all that is asked for, on kernels without it: all but the discipline itself is as it is.
func tokens(s settings, device netlink.Link) error {
	const bytes = 16 << 10
	return netlink.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: device.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       uint64(s.rate) / 8, Limit: 1 << 20, Buffer: uint32(float64(bytes) / float64(s.rate/8) * 1e9 / 64),
	})
}

// lanesVariable makes this test program a process that leads packets through lanes until its standard input ends.
const lanesVariable = "DDSCTL_TEST_LANES"

const rate = 10_000_000

func TestMain(m *testing.M) {
	if os.Getenv(lanesVariable) == "" {
		os.Exit(m.Run())
	}
	if err := leadUntilTheEnd(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func leadUntilTheEnd() error {
	lanes, err := open("lanes", tokens)
	if err != nil {
		return err
	}
	topology := netlab.Plan("lanes", "a", "b", "late")
	effects := wire.Effects(topology, []wire.Fault{
		{Kind: wire.Rate, Rate: rate, From: []string{"a"}, To: []string{"b"}},
		{Kind: wire.Rate, Rate: rate, From: []string{"late"}, To: []string{"b"}},
	})
	if err := lanes.Set(topology, effects); err != nil {
		return errors.Join(err, lanes.Close())
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return lanes.Close()
}

// lead starts that process in the lab's host.
func lead(t *testing.T, lab *netlab.Lab) (process *exec.Cmd, end io.Closer) {
	t.Helper()
	process = exec.Command(os.Args[0])
	process.Env = append(os.Environ(), lanesVariable+"=1")
	end, err := process.StdinPipe()
	require.NoError(t, err)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	lab.Host.Do(t, process.Start)
	said := make([]byte, 200)
	n, err := out.Read(said)
	require.NoError(t, err)
	require.Equal(t, "ready\n", string(said[:n]))
	return process, end
}

// measure gives the rate, in bits a second, at which twice as much as fits arrives.
func measure(t *testing.T, from, to *netlab.Namespace, v6 bool) float64 {
	t.Helper()
	arrived := netlab.Flow{From: from, To: to, V6: v6, Count: 2000, Size: 1222, Every: 500 * time.Microsecond, Patience: time.Second}.Run(t)
	require.NotEmpty(t, arrived)
	rest := arrived[len(arrived)/4:] // once the tokens that there were at first are gone
	return float64(len(rest)-1) * 1250 * 8 / rest[len(rest)-1].At.Sub(rest[0].At).Seconds()
}

func TestPacketsGoThroughALaneAndComeBackToTheBridge(t *testing.T) {
	lab := netlab.New(t, "a", "b")
	process, end := lead(t, lab)
	a, b := lab.Nodes["a"], lab.Nodes["b"]
	for _, v6 := range []bool{false, true} {
		netlab.Within(t, rate, 0.15, func() float64 { return measure(t, a, b, v6) })
		require.Greater(t, measure(t, b, a, v6), 1.5*rate, "the way back is as it was")
	}
	lab.Join(t, "late", 2)
	require.Eventually(t, func() bool { return strings.Count(lab.Rules(t), "chain port_") == 3 }, 10*time.Second, 5*time.Millisecond)
	// A port that came later is led through too.
	netlab.Within(t, rate, 0.15, func() float64 { return measure(t, lab.Nodes["late"], b, false) })

	require.NoError(t, end.Close())
	require.NoError(t, process.Wait())
	require.Empty(t, lab.Rules(t))
	require.Empty(t, devices(t, lab))
	require.Len(t, netlab.Flow{From: a, To: b, Count: 50}.Run(t), 50)
}

func devices(t *testing.T, lab *netlab.Lab) (names []string) {
	t.Helper()
	lab.Host.Do(t, func() error {
		links, err := netlink.LinkList()
		for _, link := range links {
			if link.Type() == "ifb" {
				names = append(names, link.Attrs().Name)
			}
		}
		return err
	})
	return names
}

func TestAKilledProcessLeavesIdleDevicesThatTheNextOneRemoves(t *testing.T) {
	lab := netlab.New(t, "a", "b")
	process, _ := lead(t, lab)
	require.NoError(t, process.Process.Kill())
	_ = process.Wait()
	require.Empty(t, lab.Rules(t))
	require.NotEmpty(t, devices(t, lab))
	require.Greater(t, measure(t, lab.Nodes["a"], lab.Nodes["b"], false), 1.5*rate, "and nothing goes through them")
	process, end := lead(t, lab)
	require.NoError(t, end.Close())
	require.NoError(t, process.Wait())
	require.Empty(t, devices(t, lab))
}

func TestOnlyWhatNodesSendCanBeHeldBack(t *testing.T) {
	topology := netlab.Plan("who", "a", "b")
	a, b := topology.Nodes["a"][0], topology.Nodes["b"][0]
	gateway := topology.Networks[0].Gateways[0]
	require.NoError(t, Possible(topology, wire.Pair{From: a, To: b}, wire.Effect{Rate: 1e6}))
	require.NoError(t, Possible(topology, wire.Pair{From: a}, wire.Effect{Rate: 1e6}))
	require.Error(t, Possible(topology, wire.Pair{From: gateway, To: b}, wire.Effect{Rate: 1e6}))
	require.Error(t, Possible(topology, wire.Pair{To: b}, wire.Effect{Rate: 1e6}))
}

func TestTheKernelIsAskedForNetem(t *testing.T) {
	lab := netlab.New(t)
	var err error
	lab.Host.Do(t, func() error {
		err = Probe()
		return nil
	})
	if err != nil {
		t.Log(err)
		require.True(t, strings.Contains(err.Error(), "netem") || strings.Contains(err.Error(), "device"), err)
	}
	require.Empty(t, devices(t, lab))
}
