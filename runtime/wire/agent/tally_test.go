//go:build linux

package agent

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

func at(text string) netip.Addr { return netip.MustParseAddr(text) }

func town() directory {
	return newDirectory(wire.Topology{
		Nodes: map[string][]netip.Addr{"proxy": {at("10.1.0.2"), at("fd01::2")}, "redis": {at("10.1.0.3"), at("fd01::3")}},
		Networks: []wire.Network{{
			Subnets:  []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd01::/64")},
			Gateways: []netip.Addr{at("10.1.0.1"), at("fd01::1")},
		}},
	})
}

func key(from, to string, port uint16, class nft.Class) nft.Key {
	return nft.Key{Pair: wire.Pair{From: at(from), To: at(to)}, Port: port, Protocol: unix.IPPROTO_TCP, Class: class}
}

func total(t *tally, of nft.Key) (packets uint64) {
	t.all(func(k nft.Key, c nft.Count) {
		if k == of {
			packets += c.Packets
		}
	})
	return packets
}

func TestAnElementThatExpiredKeepsWhatItHadCounted(t *testing.T) {
	var tally tally
	k := key("10.1.0.2", "10.1.0.3", 6379, nft.Request)
	for _, step := range []struct{ now, total uint64 }{{5, 5}, {9, 9}, {2, 11}, {2, 11}, {0, 11}, {4, 15}} {
		now := map[nft.Key]nft.Count{}
		if step.now > 0 {
			now[k] = nft.Count{Packets: step.now}
		}
		tally.add(now, town())
		require.Equal(t, step.total, total(&tally, k))
	}
}

func TestTotalsNeverShrinkAndHoldEveryPacketThatWasSeen(t *testing.T) {
	k := key("10.1.0.2", "10.1.0.3", 6379, nft.Request)
	rapid.Check(t, func(t *rapid.T) {
		var tally tally
		var counted, element, before uint64
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "expires") {
				element = 0
			}
			more := rapid.Uint64Range(0, 9).Draw(t, "more")
			element, counted = element+more, counted+more
			now := map[nft.Key]nft.Count{}
			if element > 0 {
				now[k] = nft.Count{Packets: element}
			}
			tally.add(now, town())
			got := total(&tally, k)
			require.GreaterOrEqual(t, got, before)
			require.LessOrEqual(t, got, counted)
			before = got
		}
	})
}

func TestAddressesOutsideDoNotPileUp(t *testing.T) {
	var outside tally
	for i := range 100 {
		from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		k := nft.Key{Pair: wire.Pair{From: from, To: at("10.1.0.2")}, Port: 80, Protocol: unix.IPPROTO_TCP, Class: nft.Request}
		outside.add(map[nft.Key]nft.Count{k: {Packets: 1}}, town())
	}
	outside.add(nil, town())
	require.Len(t, outside.base, 1)
	links := town().links([]*tally{&outside}, nil)
	require.Equal(t, []wire.LinkCount{{
		Link:    wire.Link{From: wire.Outside, To: "proxy", Port: 80, Protocol: "tcp"},
		Forward: wire.Flow{Packets: 100},
	}}, links)
}

func TestAskingAndAnsweringAreOneLinkOfBothFamilies(t *testing.T) {
	var counted, dropped tally
	counted.add(map[nft.Key]nft.Count{
		key("10.1.0.2", "10.1.0.3", 6379, nft.Request): {Packets: 10, Bytes: 1000},
		key("10.1.0.3", "10.1.0.2", 6379, nft.Reply):   {Packets: 9, Bytes: 9000},
		key("fd01::2", "fd01::3", 6379, nft.Request):   {Packets: 1, Bytes: 100},
		// Begun before the helper was there.
		key("10.1.0.2", "10.1.0.3", 6379, nft.GuessedRequest): {Packets: 5, Bytes: 500},
		key("10.1.0.1", "10.1.0.2", 22121, nft.GuessedReply):  {Packets: 2, Bytes: 20},
		key("10.1.0.9", "10.1.0.3", 80, nft.Request):          {Packets: 3, Bytes: 30},
	}, town())
	dropped.add(map[nft.Key]nft.Count{key("10.1.0.3", "10.1.0.2", 6379, nft.Reply): {Packets: 4}}, town())
	require.Equal(t, []wire.LinkCount{
		{Link: wire.Link{From: "10.1.0.9", To: "redis", Port: 80, Protocol: "tcp"}, Forward: wire.Flow{Packets: 3, Bytes: 30}},
		{Link: wire.Link{From: "proxy", To: "host", Port: 22121, Protocol: "tcp"}, Guessed: true, Backward: wire.Flow{Packets: 2, Bytes: 20}},
		{Link: wire.Link{From: "proxy", To: "redis", Port: 6379, Protocol: "tcp"},
			Forward: wire.Flow{Packets: 16, Bytes: 1600}, Backward: wire.Flow{Packets: 9, Bytes: 9000, Dropped: 4}},
	}, town().links([]*tally{&counted}, []*tally{&dropped}))
}
