//go:build linux

package netem

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// settings are netem's, as far as effects need them. They can be compared.
type settings struct {
	delay, jitter time.Duration
	normal        bool    // else the jitter is uniform
	pass          float64 // share of packets that are not delayed at all
	rate          int64   // bits a second; 0 none
}

// inOrder is a rate that takes no time to speak of. With a rate netem lets no packet overtake another.
const inOrder = 100_000_000_000

// errMixed says that one netem cannot do it.
var errMixed = errors.New("netem cannot put these delays, jitters and reorderings together")

// settingsOf translates what must wait of an effect.
func settingsOf(e wire.Effect) (settings, error) {
	s := settings{rate: e.Rate}
	if len(e.Reorders) > 0 {
		// Held back are those that netem does not let pass at once.
		if len(e.Reorders) > 1 || len(e.Delays) > 0 || e.Rate > 0 {
			return s, errMixed
		}
		hold := e.Reorders[0]
		return settings{delay: hold.Delay, jitter: hold.Jitter, normal: hold.Distribution == wire.Normal, pass: 1 - hold.Probability}, nil
	}
	var squares float64
	for _, hold := range e.Delays {
		s.delay += hold.Delay
		if hold.Jitter == 0 {
			continue
		}
		normal := hold.Distribution == wire.Normal
		if s.jitter > 0 && !(normal && s.normal) { // the sum of normal ones is a normal one
			return s, errMixed
		}
		squares += float64(hold.Jitter) * float64(hold.Jitter)
		s.jitter, s.normal = time.Duration(math.Sqrt(squares)), normal
	}
	if s.jitter > 0 && s.rate == 0 {
		s.rate = inOrder
	}
	return s, nil
}

// The attributes of netem: linux/pkt_sched.h.
const (
	attributeDistribution = 2
	attributeReorder      = 3
	attributeRate         = 6
	attributeRate64       = 8
	attributeLatency64    = 10
	attributeJitter64     = 11
)

const (
	limit     = 10_000 // packets that wait
	tickShift = 6      // the kernel's ticks are of 64 ns
	tableSize = 4096
	scale     = 8192 // of a distribution's values: one jitter
)

// options is the settings in the kernel's form: struct tc_netem_qopt, then attributes.
func (s settings) options() []byte {
	native := binary.NativeEndian
	ticks := func(d time.Duration) uint32 { return uint32(min(int64(d)>>tickShift, math.MaxUint32)) }
	gap := uint32(0)
	if s.pass > 0 {
		gap = 1
	}
	var raw []byte
	for _, word := range []uint32{ticks(s.delay), limit, 0, gap, 0, ticks(s.jitter)} {
		raw = native.AppendUint32(raw, word)
	}
	add := func(kind uint16, data []byte) { raw = append(raw, nl.NewRtAttr(int(kind), data).Serialize()...) }
	add(attributeLatency64, native.AppendUint64(nil, uint64(s.delay)))
	add(attributeJitter64, native.AppendUint64(nil, uint64(s.jitter)))
	if s.pass > 0 {
		add(attributeReorder, native.AppendUint32(native.AppendUint32(nil, uint32(s.pass*math.MaxUint32)), 0))
	}
	if s.rate > 0 {
		bytes := uint64(s.rate) / 8
		if bytes > math.MaxUint32 {
			add(attributeRate64, native.AppendUint64(nil, bytes))
		}
		rate := native.AppendUint32(nil, uint32(min(bytes, math.MaxUint32)))
		add(attributeRate, append(rate, make([]byte, 12)...)) // no overhead, no cells
	}
	if s.normal && s.jitter > 0 {
		add(attributeDistribution, normalTable())
	}
	return raw
}

// normalTable is the normal distribution, cut at three standard deviations: the values at equal steps of probability, of which netem
// picks one by chance. Without a table netem's jitter is uniform.
func normalTable() []byte {
	const most = 3
	cut := math.Erf(most / math.Sqrt2)
	table := make([]byte, 0, 2*tableSize)
	for i := range tableSize {
		p := (2*(float64(i)+0.5)/tableSize - 1) * cut
		table = binary.NativeEndian.AppendUint16(table, uint16(int16(math.Round(scale*math.Sqrt2*math.Erfinv(p)))))
	}
	return table
}

// put makes netem, with these settings, what a device sends through.
func (s settings) put(device netlink.Link) error {
	request := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE|unix.NLM_F_ACK)
	request.AddData(&nl.TcMsg{
		Family: nl.FAMILY_ALL, Ifindex: int32(device.Attrs().Index), Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT,
	})
	request.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("netem")))
	request.AddData(nl.NewRtAttr(nl.TCA_OPTIONS, s.options()))
	_, err := request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
