//go:build linux

package queue

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// told is a message as the kernel writes it.
func told(id, whole uint32, payload []byte) []byte {
	attribute := func(kind uint16, data []byte) []byte {
		raw := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
		raw = append(binary.NativeEndian.AppendUint16(raw, kind), data...)
		for len(raw)%4 != 0 {
			raw = append(raw, 0)
		}
		return raw
	}
	big := binary.BigEndian
	body := []byte{7, 0, 0, 9}
	body = append(body, attribute(attributePacketHeader, append(big.AppendUint32(nil, id), 8, 0, 0))...)
	if whole > 0 {
		body = append(body, attribute(attributeWholeLength, big.AppendUint32(nil, whole))...)
	}
	body = append(body, attribute(attributePayload, payload)...)
	raw := binary.NativeEndian.AppendUint32(nil, uint32(messageHeader+len(body)))
	raw = binary.NativeEndian.AppendUint16(raw, messagePacket)
	raw = append(raw, make([]byte, 10)...)
	return append(raw, body...)
}

func ip4(from, to string) []byte {
	header := make([]byte, 28)
	header[0] = 0x45
	a, b := netip.MustParseAddr(from).As4(), netip.MustParseAddr(to).As4()
	copy(header[12:], a[:])
	copy(header[16:], b[:])
	return header
}

func TestAPacketIsReadFromTheKernelsWords(t *testing.T) {
	pair := wire.Pair{From: netip.MustParseAddr("10.0.0.1"), To: netip.MustParseAddr("10.0.0.2")}
	a, ok := parse(told(77, 0, ip4("10.0.0.1", "10.0.0.2")))
	require.True(t, ok)
	require.Equal(t, arrival{id: 77, bytes: 28, pair: pair}, a)
	a, ok = parse(told(78, 64_000, ip4("10.0.0.1", "10.0.0.2")))
	require.True(t, ok)
	require.Equal(t, arrival{id: 78, bytes: 64_000, pair: pair}, a)

	six := make([]byte, 40)
	six[0], six[8], six[24] = 0x60, 0xfd, 0xfe
	a, ok = parse(told(79, 0, six))
	require.True(t, ok)
	require.Equal(t, wire.Pair{From: netip.MustParseAddr("fd00::"), To: netip.MustParseAddr("fe00::")}, a.pair)

	a, ok = parse(told(80, 0, []byte{0xff}))
	require.True(t, ok, "what is no IP packet has no pair, and must be let go")
	require.Equal(t, wire.Pair{}, a.pair)
}

func FuzzParse(f *testing.F) {
	f.Add(told(1, 0, ip4("10.0.0.1", "10.0.0.2")))
	f.Add(told(1, 1<<31, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) { parse(raw) })
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	q := &Queue{socket: &socket{fd: -1, out: make([]byte, 0, 256*verdictBytes)}, random: seeded(), held: make(heap, 0, 64),
		lines: map[wire.Pair]*line{}}
	message := told(1, 0, ip4("10.0.0.1", "10.0.0.2"))
	a, _ := parse(message)
	q.lines[a.pair] = lineOf(wire.Effect{Rate: 1e9, Delays: []wire.Hold{hold(1000, 100, wire.Normal)}})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		a, _ := parse(message)
		q.arrive(a)
		p := q.held.pop()
		p.line.gave(&p, q.now())
		q.socket.decide(p.id, accept)
		q.socket.out = q.socket.out[:0]
	}))
}
