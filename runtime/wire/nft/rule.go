//go:build linux

package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Rule is one rule: statements that are carried out from left to right while they match.
type Rule []Statement

// Statement is a part of a rule: how a person would write it, and what the kernel is told.
type Statement struct {
	text  string
	exprs []expr.Any
}

// String is the rule in the words of nft(8), as far as it has words for it.
func (r Rule) String() string {
	parts := make([]string, len(r))
	for i, s := range r {
		parts[i] = s.text
	}
	return strings.Join(parts, " ")
}

func (r Rule) exprs() []expr.Any {
	var all []expr.Any
	for _, s := range r {
		all = append(all, s.exprs...)
	}
	return all
}

// firstRegister is the first of the sixteen registers of four bytes, which concatenated keys fill one after the other.
const firstRegister = unix.NFT_REG32_00

// family is IPv4 or IPv6.
type family struct{ v6 bool }

func (f family) suffix() string {
	if f.v6 {
		return "6"
	}
	return "4"
}

func (f family) word() string {
	if f.v6 {
		return "ip6"
	}
	return "ip"
}

func (f family) addressType() nftables.SetDatatype {
	if f.v6 {
		return nftables.TypeIP6Addr
	}
	return nftables.TypeIPAddr
}

func (f family) addressLen() uint32 {
	if f.v6 {
		return 16
	}
	return 4
}

// isProtocol matches the family by the frame's ether type.
func (f family) isProtocol() Statement {
	etherType := uint16(unix.ETH_P_IP)
	if f.v6 {
		etherType = unix.ETH_P_IPV6
	}
	return Statement{"ether type " + f.word(), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: firstRegister},
		equal(binary.BigEndian.AppendUint16(nil, etherType)),
	}}
}

// field is a part of a key: what is loaded, and how many registers it takes.
type field struct {
	text  string
	width uint32 // bytes, a multiple of 4
	load  func(register uint32) expr.Any
}

func (f family) saddr() field { return f.address("saddr", 12, 8) }
func (f family) daddr() field { return f.address("daddr", 16, 24) }

func (f family) address(name string, offset4, offset6 uint32) field {
	offset := offset4
	if f.v6 {
		offset = offset6
	}
	return field{f.word() + " " + name, f.addressLen(), func(register uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: f.addressLen()}
	}}
}

var (
	sport    = portField("sport", 0)
	dport    = portField("dport", 2)
	protocol = field{"meta l4proto", 4, func(register uint32) expr.Any {
		return &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}
	}}
)

func portField(name string, offset uint32) field {
	return field{"th " + name, 4, func(register uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2}
	}}
}

// constant is a part of a key that is the same for every packet of the rule.
func constant(value uint32) field {
	return field{fmt.Sprint(value), 4, func(register uint32) expr.Any {
		return &expr.Immediate{Register: register, Data: binaryutil.NativeEndian.PutUint32(value)}
	}}
}

// load puts the parts of a key into the registers.
func load(key []field) (text string, exprs []expr.Any) {
	names := make([]string, len(key))
	register := uint32(firstRegister)
	for i, part := range key {
		names[i] = part.text
		exprs = append(exprs, part.load(register))
		register += part.width / 4
	}
	return strings.Join(names, " . "), exprs
}

func equal(data []byte) expr.Any { return compare(expr.CmpOpEq, data) }

func compare(op expr.CmpOp, data []byte) expr.Any {
	return &expr.Cmp{Op: op, Register: firstRegister, Data: data}
}

// isL4 matches the transport protocol.
func isL4(number byte) Statement {
	return Statement{"meta l4proto " + protocolName(number), []expr.Any{protocol.load(firstRegister), equal([]byte{number})}}
}

func protocolName(number byte) string {
	switch number {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	default:
		return fmt.Sprint(number)
	}
}

// isOpening matches the first packet of a TCP connection: SYN without ACK.
func isOpening() Statement {
	return Statement{"tcp flags syn / syn,ack", []expr.Any{
		&expr.Payload{DestRegister: firstRegister, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: firstRegister, DestRegister: firstRegister, Len: 1, Mask: []byte{0x12}, Xor: []byte{0}},
		equal([]byte{0x02}),
	}}
}

func below(port field, limit uint16) Statement   { return ports(port, expr.CmpOpLt, "<", limit) }
func atLeast(port field, limit uint16) Statement { return ports(port, expr.CmpOpGte, ">=", limit) }

func ports(port field, op expr.CmpOp, sign string, limit uint16) Statement {
	return Statement{fmt.Sprintf("%s %s %d", port.text, sign, limit), []expr.Any{
		port.load(firstRegister), compare(op, binary.BigEndian.AppendUint16(nil, limit)),
	}}
}

// isAddress matches one address.
func isAddress(which field, address netip.Addr) Statement {
	return Statement{fmt.Sprintf("%s %v", which.text, address), []expr.Any{which.load(firstRegister), equal(address.AsSlice())}}
}

// inSubnet matches an address of the subnet, or with not, any other.
func inSubnet(which field, subnet netip.Prefix, not bool) Statement {
	op, sign := expr.CmpOpEq, ""
	if not {
		op, sign = expr.CmpOpNeq, "!= "
	}
	size := subnet.Addr().BitLen() / 8
	mask := make([]byte, size)
	for i := range subnet.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return Statement{fmt.Sprintf("%s %s%v", which.text, sign, subnet.Masked()), []expr.Any{
		which.load(firstRegister),
		&expr.Bitwise{SourceRegister: firstRegister, DestRegister: firstRegister, Len: uint32(size), Mask: mask, Xor: make([]byte, size)},
		compare(op, subnet.Masked().Addr().AsSlice()),
	}}
}

// isMulticast matches what is sent to a group: no pair of nodes owns it.
func (f family) isMulticast() Statement {
	group := netip.MustParsePrefix("224.0.0.0/4")
	if f.v6 {
		group = netip.MustParsePrefix("ff00::/8")
	}
	return inSubnet(f.daddr(), group, false)
}

// Neighbour discovery is to IPv6 what ARP is to IPv4: without it no packet finds its way, so it is no part of a link.
const (
	firstDiscovery = 133 // router solicitation
	lastDiscovery  = 137 // redirect
)

// isDiscovery matches IPv6 neighbour discovery.
func isDiscovery() Statement {
	return Statement{fmt.Sprintf("icmpv6 type %d-%d", firstDiscovery, lastDiscovery), []expr.Any{
		protocol.load(firstRegister), equal([]byte{unix.IPPROTO_ICMPV6}),
		&expr.Payload{DestRegister: firstRegister, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		compare(expr.CmpOpGte, []byte{firstDiscovery}), compare(expr.CmpOpLte, []byte{lastDiscovery}),
	}}
}

// inSet matches a key that the set holds.
func inSet(set string, key ...field) Statement {
	text, exprs := load(key)
	return Statement{text + " @" + set, append(exprs, &expr.Lookup{SourceRegister: firstRegister, SetName: set})}
}

// verdictOf gives the verdict that the map holds for the key, and goes on where it holds none.
func verdictOf(set string, key ...field) Statement {
	text, exprs := load(key)
	return Statement{text + " vmap @" + set,
		append(exprs, &expr.Lookup{SourceRegister: firstRegister, SetName: set, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true})}
}

// remember adds the key to the set; it stays as it is where the set holds it.
func remember(set string, key ...field) Statement {
	text, exprs := load(key)
	return Statement{fmt.Sprintf("add @%s { %s }", set, text),
		append(exprs, &expr.Dynset{SrcRegKey: firstRegister, SetName: set, Operation: unix.NFT_DYNSET_OP_ADD})}
}

// count counts the packet at the key's element, which it makes or keeps alive.
func count(set string, key ...field) Statement {
	text, exprs := load(key)
	return Statement{fmt.Sprintf("update @%s { %s timeout %v counter }", set, text, elementTimeout),
		append(exprs, &expr.Dynset{
			SrcRegKey: firstRegister, SetName: set, Operation: unix.NFT_DYNSET_OP_UPDATE,
			Timeout: elementTimeout, Exprs: []expr.Any{&expr.Counter{}},
		})}
}

// countForGood counts the packet at the key's element, which it makes and which stays. To find such an element with inSet counts, too
// (since Linux 5.7), and costs less.
func countForGood(set string, key ...field) Statement {
	text, exprs := load(key)
	return Statement{fmt.Sprintf("add @%s { %s counter }", set, text),
		append(exprs, &expr.Dynset{
			SrcRegKey: firstRegister, SetName: set, Operation: unix.NFT_DYNSET_OP_ADD, Exprs: []expr.Any{&expr.Counter{}},
		})}
}

// lossSteps is how finely a probability of loss is told.
const lossSteps = 1_000_000

// chance matches one packet in a while, drawn at random: parts out of lossSteps.
func chance(parts uint32) Statement {
	return Statement{fmt.Sprintf("numgen random mod %d < %d", lossSteps, parts), []expr.Any{
		&expr.Numgen{Register: firstRegister, Modulus: lossSteps, Type: unix.NFT_NG_RANDOM},
		&expr.Byteorder{SourceRegister: firstRegister, DestRegister: firstRegister, Op: expr.ByteorderHton, Len: 4, Size: 4},
		compare(expr.CmpOpLt, binary.BigEndian.AppendUint32(nil, parts)),
	}}
}

func verdict(kind expr.VerdictKind, word, chain string) Statement {
	return Statement{strings.TrimSpace(word + " " + chain), []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}}
}

func jump(chain string) Statement { return verdict(expr.VerdictJump, "jump", chain) }
func goTo(chain string) Statement { return verdict(expr.VerdictGoto, "goto", chain) }
func done() Statement             { return verdict(expr.VerdictReturn, "return", "") }
func accept() Statement           { return verdict(expr.VerdictAccept, "accept", "") }
func drop() Statement             { return verdict(expr.VerdictDrop, "drop", "") }
