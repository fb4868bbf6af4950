//go:build linux

package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// The messages and attributes of the kernel's queues: linux/netfilter/nfnetlink_queue.h.
const (
	subsystem = unix.NFNL_SUBSYS_QUEUE << 8

	messagePacket  = subsystem // and 0
	messageVerdict = subsystem | 1
	messageConfig  = subsystem | 2

	attributePacketHeader  = 1
	attributeVerdictHeader = 2
	attributePayload       = 10
	attributeWholeLength   = 13

	configCommand   = 1
	configParameter = 2
	configMaxLength = 3
	configMask      = 4
	configFlags     = 5

	commandBind = 1
	copyPacket  = 2
	flagOpen    = 1 << 0 // packets pass when the queue is full
	flagWhole   = 1 << 2 // large packets are not cut into segments, nor their checksums computed
)

// Verdicts on a packet.
const (
	drop   = 0
	accept = 1
)

const (
	kernelLength = 1 << 16 // packets that the kernel holds for this queue
	headerBytes  = 40      // of each packet that are looked at: the addresses are in them
	socketBuffer = 32 << 20
)

// socket is bound to one of the kernel's queues.
type socket struct {
	conn   *netlink.Conn
	fd     int
	number uint16
	in     []byte
	out    []byte // verdicts not sent yet
}

// errTaken says that another process listens at that queue.
var errTaken = errors.New("the queue is taken")

// bind listens at one of the kernel's queues.
func bind(number uint16) (*socket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open a netfilter socket: %w", err)
	}
	s := &socket{conn: conn, number: number, in: make([]byte, 64<<10), out: make([]byte, 0, 256*verdictBytes)}
	if err := s.configure(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *socket) configure() error {
	big := binary.BigEndian
	config := func(attributes ...netlink.Attribute) error {
		raw, err := netlink.MarshalAttributes(attributes)
		if err != nil {
			return err
		}
		_, err = s.conn.Execute(netlink.Message{
			Header: netlink.Header{Type: messageConfig, Flags: netlink.Request | netlink.Acknowledge},
			Data:   append(big.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, s.number), raw...),
		})
		return err
	}
	err := config(netlink.Attribute{Type: configCommand, Data: []byte{commandBind, 0, 0, 0}})
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EPERM) {
		return fmt.Errorf("listen at queue %d: %w", s.number, errTaken)
	}
	if err != nil {
		return fmt.Errorf("listen at queue %d: %w", s.number, err)
	}
	if err := config(
		netlink.Attribute{Type: configParameter, Data: append(big.AppendUint32(nil, headerBytes), copyPacket)},
		netlink.Attribute{Type: configMaxLength, Data: big.AppendUint32(nil, kernelLength)},
		netlink.Attribute{Type: configFlags, Data: big.AppendUint32(nil, flagOpen|flagWhole)},
		netlink.Attribute{Type: configMask, Data: big.AppendUint32(nil, flagOpen|flagWhole)},
	); err != nil {
		return fmt.Errorf("configure queue %d: %w", s.number, err)
	}
	if err := errors.Join(
		s.conn.SetReadBuffer(socketBuffer),
		s.conn.SetOption(netlink.NoENOBUFS, true), // what finds no room passes, by flagOpen
	); err != nil {
		return fmt.Errorf("configure the socket of queue %d: %w", s.number, err)
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { s.fd = int(fd) })
}

// arrival is what is told of one packet.
type arrival struct {
	id    uint32
	bytes uint32
	pair  wire.Pair
}

// read gives the next packet; ok is false when there is none now.
func (s *socket) read() (a arrival, ok bool, err error) {
	for {
		n, err := unix.Read(s.fd, s.in)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return a, false, nil
		case err != nil:
			return a, false, fmt.Errorf("read from queue %d: %w", s.number, err)
		default:
			if a, ok := parse(s.in[:n]); ok {
				return a, true, nil
			}
		}
	}
}

const (
	messageHeader = 16
	nfHeader      = 4
	verdictBytes  = messageHeader + nfHeader + 4 + 8
)

// parse reads a message of the kernel.
func parse(raw []byte) (a arrival, ok bool) {
	if len(raw) < messageHeader+nfHeader || binary.NativeEndian.Uint16(raw[4:]) != messagePacket {
		return a, false
	}
	if length := int(binary.NativeEndian.Uint32(raw)); length < len(raw) {
		raw = raw[:max(length, messageHeader+nfHeader)]
	}
	known := false
	for rest := raw[messageHeader+nfHeader:]; len(rest) >= 4; {
		length, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])&^uint16(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER)
		if length < 4 || length > len(rest) {
			break
		}
		data := rest[4:length]
		switch {
		case kind == attributePacketHeader && len(data) >= 4:
			a.id, known = binary.BigEndian.Uint32(data), true
		case kind == attributePayload:
			a.pair = addresses(data)
			a.bytes = max(a.bytes, uint32(len(data)))
		case kind == attributeWholeLength && len(data) >= 4:
			a.bytes = max(a.bytes, binary.BigEndian.Uint32(data))
		}
		rest = rest[min(len(rest), (length+3)&^3):]
	}
	return a, known
}

// addresses are those in the header of an IP packet; none in what is not one.
func addresses(header []byte) wire.Pair {
	switch {
	case len(header) >= 20 && header[0]>>4 == 4:
		return wire.Pair{From: netip.AddrFrom4([4]byte(header[12:])), To: netip.AddrFrom4([4]byte(header[16:]))}
	case len(header) >= 40 && header[0]>>4 == 6:
		return wire.Pair{From: netip.AddrFrom16([16]byte(header[8:])), To: netip.AddrFrom16([16]byte(header[24:]))}
	default:
		return wire.Pair{}
	}
}

// decide says what becomes of a packet, at the next flush.
func (s *socket) decide(id uint32, verdict uint32) {
	native, big := binary.NativeEndian, binary.BigEndian
	s.out = native.AppendUint32(s.out, verdictBytes)
	s.out = native.AppendUint16(s.out, messageVerdict)
	s.out = native.AppendUint16(s.out, unix.NLM_F_REQUEST)
	s.out = append(s.out, 0, 0, 0, 0, 0, 0, 0, 0) // sequence and port: the kernel fills in and expects nothing
	s.out = append(s.out, unix.AF_UNSPEC, unix.NFNETLINK_V0)
	s.out = big.AppendUint16(s.out, s.number)
	s.out = native.AppendUint16(s.out, 4+8)
	s.out = native.AppendUint16(s.out, attributeVerdictHeader)
	s.out = big.AppendUint32(s.out, verdict)
	s.out = big.AppendUint32(s.out, id)
	if len(s.out)+verdictBytes > cap(s.out) {
		s.flush()
	}
}

// flush sends the verdicts in one call. What cannot be sent is lost: the kernel gives up its packets when the socket closes.
func (s *socket) flush() {
	for len(s.out) > 0 {
		if _, err := unix.Write(s.fd, s.out); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	s.out = s.out[:0]
}

func (s *socket) close() error { return s.conn.Close() }
