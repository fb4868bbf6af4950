//go:build linux

package nft

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// socketBuffer is room for the largest change in one transaction: a partition of 500 nodes down the middle.
const socketBuffer = 32 << 20

// Table is a lab's table in the kernel: one in the bridge, and while a fault needs them, one of the same name in other layers. The
// kernel removes them when the process ends or Close is called. Its methods may be used from many goroutines.
type Table struct {
	name string

	mu     sync.Mutex     // one change at a time
	owner  *nftables.Conn // the socket that owns the tables: only it may change them
	socket *netlink.Conn  // the same, for what the library has no word for
	layers map[Layer]*nftables.Table
	now    Ruleset
	closed bool

	numbered uint32 // sets

	reading sync.Mutex
	reader  *nftables.Conn // dumps go beside changes
}

// TableName is the name of a project's table.
func TableName(project string) string { return "ddsctl-" + project }

// Open makes the table of a project, empty. It fails when another process holds one of that name.
func Open(project string) (*Table, error) { return open(TableName(project), Bridge) }

func open(name string, first Layer) (*Table, error) {
	t := &Table{name: name, layers: map[Layer]*nftables.Table{}}
	var err error
	if t.owner, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
		t.socket = c
		return errors.Join(c.SetReadBuffer(socketBuffer), c.SetWriteBuffer(socketBuffer))
	})); err != nil {
		return nil, fmt.Errorf("open a netfilter socket: %w", err)
	}
	if err := t.create(first); err != nil {
		_ = t.owner.CloseLasting()
		return nil, err
	}
	if t.reader, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
		return c.SetReadBuffer(socketBuffer)
	})); err != nil {
		_ = t.owner.CloseLasting()
		return nil, fmt.Errorf("open a netfilter socket: %w", err)
	}
	return t, nil
}

// create makes the layer's table.
func (t *Table) create(layer Layer) error {
	table := &nftables.Table{Name: t.name, Family: map[Layer]nftables.TableFamily{
		Bridge: nftables.TableFamilyBridge, IP4: nftables.TableFamilyIPv4, IP6: nftables.TableFamilyIPv6, Netdev: nftables.TableFamilyNetdev,
	}[layer]}
	if err := createOwned(t.socket, table); err != nil {
		return fmt.Errorf("make the table %s %s: %w", cmp.Or(string(layer), "bridge"), t.name, explain(err))
	}
	t.layers[layer] = table
	return nil
}

func explain(err error) error {
	switch {
	case errors.Is(err, os.ErrExist), errors.Is(err, unix.EPERM) && os.Geteuid() == 0:
		return hint.Wrap(err, "another wire helper of this project may be running on this host, or this one lacks NET_ADMIN")
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return hint.Wrap(err, "the wire needs Linux 5.12 or later with nftables' bridge family (CONFIG_NF_TABLES_BRIDGE)")
	default:
		return err
	}
}

// createOwned makes the table with the owner flag, which the library does not know how to ask for.
func createOwned(socket *netlink.Conn, table *nftables.Table) error {
	const ownerFlag = 0x2 // NFT_TABLE_F_OWNER
	return transact(socket, unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Excl, table.Family, []netlink.Attribute{
		{Type: unix.NFTA_TABLE_NAME, Data: []byte(table.Name + "\x00")},
		{Type: unix.NFTA_TABLE_FLAGS, Data: binary.BigEndian.AppendUint32(nil, ownerFlag)},
	})
}

// transact sends one message that the library has no word for, as a transaction of its own.
func transact(socket *netlink.Conn, kind uint16, flags netlink.HeaderFlags, family nftables.TableFamily, attributes []netlink.Attribute) error {
	raw, err := netlink.MarshalAttributes(attributes)
	if err != nil {
		return err
	}
	header := func(family byte, resource uint16) []byte {
		return binary.BigEndian.AppendUint16([]byte{family, unix.NFNETLINK_V0}, resource)
	}
	message := func(kind uint16, flags netlink.HeaderFlags, data []byte) netlink.Message {
		return netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | flags}, Data: data}
	}
	if _, err := socket.SendMessages([]netlink.Message{
		message(unix.NFNL_MSG_BATCH_BEGIN, 0, header(0, unix.NFNL_SUBSYS_NFTABLES)),
		message(unix.NFNL_SUBSYS_NFTABLES<<8|kind, netlink.Acknowledge|flags, append(header(byte(family), 0), raw...)),
		message(unix.NFNL_MSG_BATCH_END, 0, header(0, unix.NFNL_SUBSYS_NFTABLES)),
	}); err != nil {
		return err
	}
	_, err = socket.Receive()
	return err
}

// Apply brings the table to what should be there, in one transaction: all of it, or on an error nothing.
func (t *Table) Apply(want Ruleset) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	ops := Diff(t.now, want)
	if len(ops) == 0 {
		return nil
	}
	needed := want.layers()
	for layer := range needed {
		if t.layers[layer] != nil {
			continue
		}
		if err := t.create(layer); err != nil {
			return err
		}
	}
	for _, op := range ops {
		if err := t.add(op); err != nil {
			return fmt.Errorf("%v: %w", op, err)
		}
	}
	var idle []Layer
	for layer, table := range t.layers {
		if layer != Bridge && !needed[layer] {
			idle = append(idle, layer)
			t.owner.DelTable(table)
		}
	}
	if err := t.owner.Flush(); err != nil {
		return fmt.Errorf("change the rules of %s: %w", t.name, err)
	}
	for _, layer := range idle {
		delete(t.layers, layer)
	}
	t.now = want
	return nil
}

func (r Ruleset) layers() map[Layer]bool {
	layers := map[Layer]bool{}
	for _, chain := range r.Chains {
		layers[chain.Layer] = true
	}
	return layers
}

// Ruleset is what the table was last brought to.
func (t *Table) Ruleset() Ruleset {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// Close removes the table.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	t.reading.Lock()
	defer t.reading.Unlock()
	return errors.Join(t.owner.CloseLasting(), t.reader.CloseLasting())
}

func (t *Table) add(op Op) error {
	switch op.Verb {
	case AddSet:
		set := t.set(op.Set)
		// A number of its own in the transaction. Left to the library, it comes from a variable that all connections share unguarded.
		t.numbered++
		set.ID = t.numbered
		return t.owner.AddSet(set, nil)
	case DeleteSet:
		t.owner.DelSet(t.set(op.Set))
	case AddElements, DeleteElements:
		change := t.owner.SetAddElements
		if op.Verb == DeleteElements {
			change = t.owner.SetDeleteElements
		}
		// One message holds at most 64 KiB of elements.
		for some := range slices.Chunk(op.Set.elements(op.Elements), 400) {
			if err := change(t.set(op.Set), some); err != nil {
				return err
			}
		}
	case AddChain:
		t.owner.AddChain(t.chain(op.Chain))
	case FlushChain:
		t.owner.FlushChain(t.chain(op.Chain))
	case DeleteChain:
		t.owner.DelChain(t.chain(op.Chain))
	case AddRules:
		for _, rule := range op.Chain.Rules {
			t.owner.AddRule(&nftables.Rule{Table: t.layers[op.Chain.Layer], Chain: t.chain(op.Chain), Exprs: rule.exprs()})
		}
	}
	return nil
}

func (t *Table) chain(c Chain) *nftables.Chain {
	chain := &nftables.Chain{Name: c.Name, Table: t.layers[c.Layer]}
	if c.Hook == nil {
		return chain
	}
	points := map[string]nftables.ChainHook{
		"prerouting": unix.NF_INET_PRE_ROUTING, "input": unix.NF_INET_LOCAL_IN,
		"output": unix.NF_INET_LOCAL_OUT, "postrouting": unix.NF_INET_POST_ROUTING, "ingress": unix.NF_NETDEV_INGRESS,
	}
	chain.Device = c.Hook.Device
	point, at := points[c.Hook.Point], nftables.ChainPriority(c.Hook.Priority)
	policy := nftables.ChainPolicyAccept
	chain.Type, chain.Hooknum, chain.Priority, chain.Policy = nftables.ChainTypeFilter, &point, &at, &policy
	return chain
}

func (t *Table) set(s Set) *nftables.Set {
	address := family{s.v6}.addressType()
	set := &nftables.Set{Table: t.layers[s.Layer], Name: s.Name}
	parts := []nftables.SetDatatype{address, address}
	switch s.kind {
	case kindOpened:
		parts = append(parts, nftables.TypeInetService)
		set.Dynamic, set.Size = true, s.size
	case kindLinks:
		parts = append(parts, nftables.TypeInetService, nftables.TypeInetProto, nftables.TypeMark)
		set.Dynamic, set.Size, set.HasTimeout = true, s.size, true
	case kindPassed:
		set.Dynamic, set.Size, set.HasTimeout = true, s.size, true
	case kindFaults:
		set.IsMap, set.DataType = true, nftables.TypeVerdict
	case kindOut, kindIn:
		parts = parts[:1]
		set.IsMap, set.DataType = true, nftables.TypeVerdict
	}
	if len(parts) == 1 {
		set.KeyType = address
	} else {
		set.KeyType, set.Concatenation = nftables.MustConcatSetType(parts...), true
	}
	return set
}

func (s Set) elements(pairs map[wire.Pair]string) []nftables.SetElement {
	elements := make([]nftables.SetElement, 0, len(pairs))
	for pair, chain := range pairs {
		var element nftables.SetElement
		switch s.kind {
		case kindOut:
			element.Key = pair.From.AsSlice()
		case kindIn:
			element.Key = pair.To.AsSlice()
		default:
			element.Key = append(pair.From.AsSlice(), pair.To.AsSlice()...)
		}
		if chain != "" {
			element.VerdictData = &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}
		}
		elements = append(elements, element)
	}
	return elements
}

// Key is a counted element of a links or passed set; the latter have only addresses.
type Key struct {
	wire.Pair
	Port     uint16
	Protocol byte
	Class    Class
}

// Count is what an element has counted.
type Count struct{ Packets, Bytes uint64 }

// Read gives the elements of a set that counts; none where the lab has no network of that family.
func (t *Table) Read(set string) (map[Key]Count, error) {
	t.mu.Lock()
	at := slices.IndexFunc(t.now.Sets, func(s Set) bool { return s.Name == set })
	if at < 0 || t.closed {
		t.mu.Unlock()
		return nil, nil
	}
	asked := &nftables.Set{Table: t.layers[t.now.Sets[at].Layer], Name: set}
	t.mu.Unlock()
	t.reading.Lock()
	defer t.reading.Unlock()
	elements, err := t.reader.GetSetElements(asked)
	if err != nil {
		return nil, fmt.Errorf("read the counters of %s: %w", set, err)
	}
	counts := make(map[Key]Count, len(elements))
	for _, element := range elements {
		key, ok := parseKey(element.Key)
		if !ok || element.Counter == nil {
			continue
		}
		counts[key] = Count{Packets: element.Counter.Packets, Bytes: element.Counter.Bytes}
	}
	return counts, nil
}

// parseKey reads a key as the rules fill it: two addresses, and in links sets three registers more.
func parseKey(raw []byte) (Key, bool) {
	var size int
	switch len(raw) {
	case 8, 20:
		size = 4
	case 32, 44:
		size = 16
	default:
		return Key{}, false
	}
	from, _ := netip.AddrFromSlice(raw[:size])
	to, _ := netip.AddrFromSlice(raw[size : 2*size])
	key := Key{Pair: wire.Pair{From: from, To: to}}
	if rest := raw[2*size:]; len(rest) > 0 {
		key.Port = binary.BigEndian.Uint16(rest)
		key.Protocol = rest[4]
		key.Class = Class(binary.NativeEndian.Uint32(rest[8:]))
	}
	return key, true
}
