//go:build linux

package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/queue"
)

func TestAFaultIsProvedByWhatWasMeasuredBehindIt(t *testing.T) {
	between := wire.Pair{From: at("10.1.0.2"), To: at("10.1.0.3")}
	on := func(effect wire.Effect, m measured) []since {
		return []since{{measured: m, pair: between, effect: effect}}
	}
	hold := wire.Effect{Delays: []wire.Hold{{Delay: 100 * time.Millisecond, Probability: 1}}}
	waited := func(packets uint64, each time.Duration) measured {
		return measured{seen: packets, waited: queue.Stat{Packets: packets, Waited: time.Duration(packets) * each}}
	}
	for name, c := range map[string]struct {
		kind    wire.Kind
		pairs   []since
		verdict wire.Verdict
		figure  string
	}{
		"nothing measured":     {wire.Cut, on(wire.Effect{Cut: true}, measured{}), wire.Unknown, "no traffic since"},
		"a cut that holds":     {wire.Cut, on(wire.Effect{Cut: true}, measured{seen: 9, dropped: 9}), wire.Yes, "9 packets dropped, none passed"},
		"a cut that leaks":     {wire.Cut, on(wire.Effect{Cut: true}, measured{seen: 9, dropped: 8, passed: 1}), wire.No, "1 of 9 packets passed"},
		"a loss as asked":      {wire.Loss, on(wire.Effect{Loss: 0.1}, measured{seen: 5000, dropped: 520}), wire.Yes, "10.4 % of 5000 packets dropped"},
		"a loss of too little": {wire.Loss, on(wire.Effect{Loss: 0.1}, measured{seen: 5000, dropped: 100}), wire.No, "2 % of 5000 packets dropped"},
		"a loss of too much":   {wire.Loss, on(wire.Effect{Loss: 0.1}, measured{seen: 5000, dropped: 2000}), wire.No, "40 % of 5000 packets dropped"},
		"a loss not seen yet":  {wire.Loss, on(wire.Effect{Loss: 0.1}, measured{seen: 5}), wire.Unknown, "0 % of 5 packets dropped"},
		"a loss of all":        {wire.Loss, on(wire.Effect{Loss: 1}, measured{seen: 5, dropped: 5}), wire.Yes, "100 % of 5 packets dropped"},
		"a loss behind a cut":  {wire.Loss, on(wire.Effect{Loss: 0.1, Cut: true}, measured{seen: 5, dropped: 5}), wire.Unknown, "no traffic but what a cut drops"},
		"a delay as asked":     {wire.Delay, on(hold, waited(512, 100300*time.Microsecond)), wire.Yes, "100.3 ms over 512 packets"},
		"a delay too short":    {wire.Delay, on(hold, waited(512, 50*time.Millisecond)), wire.No, "50 ms over 512 packets"},
		"a delay, all cut":     {wire.Delay, on(hold, measured{seen: 5, dropped: 5}), wire.Unknown, "no packet has come through since"},
		"a rate that is kept": {wire.Rate, on(wire.Effect{Rate: 10_000_000}, measured{seen: 1000,
			waited: queue.Stat{Packets: 1000, Busy: time.Second, BusyBytes: 1_240_000}}), wire.Yes, "9.92 Mbit/s over 1 s"},
		"a rate that is passed": {wire.Rate, on(wire.Effect{Rate: 1_000_000}, measured{seen: 1000,
			waited: queue.Stat{Packets: 1000, Busy: time.Second, BusyBytes: 1_240_000}}), wire.No, "9.92 Mbit/s over 1 s"},
		"a rate that is never reached": {wire.Rate, on(wire.Effect{Rate: 1_000_000}, waited(10, time.Millisecond)), wire.Unknown,
			"never more traffic than the rate since"},
		"reordering": {wire.Reorder, on(wire.Effect{}, measured{seen: 1000, waited: queue.Stat{Packets: 1000, Overtaken: 248}}), wire.Yes,
			"24.8 % of 1000 packets overtaken"},
		"reordering of packets far apart": {wire.Reorder, on(wire.Effect{}, waited(10, time.Millisecond)), wire.Unknown,
			"0 % of 10 packets overtaken"},
		"duplication":             {wire.Duplicate, on(wire.Effect{}, measured{seen: 1000, twice: 101, passed: 1101}), wire.Yes, "10.1 % of 1000 packets sent twice"},
		"duplication that failed": {wire.Duplicate, on(wire.Effect{}, measured{seen: 1000, twice: 101, passed: 1000}), wire.No, "10.1 % of 1000 packets sent twice, none arrived twice"},
	} {
		verdict, figure := judge(wire.Fault{Kind: c.kind}, c.pairs)
		require.Equal(t, c.verdict, verdict, name)
		require.Equal(t, c.figure, figure, name)
	}
}

func TestWhatWasMeasuredBeforeAFaultIsNotItsOwn(t *testing.T) {
	before := measured{seen: 100, dropped: 10, passed: 90, twice: 5, waited: queue.Stat{Packets: 50, Waited: time.Second}}
	now := measured{seen: 150, dropped: 12, passed: 138, twice: 2, waited: queue.Stat{Packets: 3, Waited: time.Millisecond}}
	require.Equal(t, measured{seen: 50, dropped: 2, passed: 48, twice: 2, waited: now.waited}, now.minus(before),
		"a set or a queue that came anew in between began at zero")
}
