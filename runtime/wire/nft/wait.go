//go:build linux

package nft

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// Means is how packets that must wait come to user space.
type Means string

// The means, best first. Probe finds the first that the kernel takes.
const (
	NoMeans Means = ""
	// Native is nftables' own `queue` in the bridge.
	Native Means = "nft queue"
	// Routed is iptables' NFQUEUE target, through nft_compat, in tables of the families ip and ip6, which see what is bridged where
	// br_netfilter says so.
	Routed Means = "xt NFQUEUE through br_netfilter"
	// Compat is the same target in the bridge. Kernels since the middle of 2026 refuse it there.
	Compat Means = "xt NFQUEUE"
	// Elsewhere needs no queue: package netem holds packets back, where the kernel has no way to user space but has netem.
	Elsewhere Means = "netem"
)

// inBridge says that packets are handed over in the bridge.
func (m Means) inBridge() bool { return m == Native || m == Compat }

// Queue is where packets that must wait are handed to user space.
type Queue struct {
	Number uint16
	Means  Means
}

// bypass lets packets pass while nobody listens: a helper that stopped listening blocks nothing.
const bypass = 1

// hand gives the packet to the queue.
func (q Queue) hand() Statement {
	if q.Means == Native {
		return Statement{fmt.Sprintf("queue num %d bypass", q.Number),
			[]expr.Any{&expr.Queue{Num: q.Number, Total: 1, Flag: expr.QueueFlagBypass}}}
	}
	// struct xt_NFQ_info_v3 { u16 queuenum, queues_total, flags }, padded to eight bytes.
	info := binary.NativeEndian.AppendUint16(nil, q.Number)
	info = binary.NativeEndian.AppendUint16(info, 1)
	info = binary.NativeEndian.AppendUint16(info, bypass)
	target := xt.Unknown(append(info, 0, 0))
	return Statement{fmt.Sprintf("xt target NFQUEUE num %d bypass", q.Number),
		[]expr.Any{&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &target}}}
}
