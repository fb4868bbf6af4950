//go:build linux

package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Lane is a device that packets of some pairs go through before the bridge sees them: an ifb, which gives them back to the port
// where they came in.
type Lane struct {
	Index int // of the device
	Pairs []wire.Pair
}

// Redirect sends packets that come in at the ports through the lanes, until the table is closed. Pairs come from nodes; an invalid To is
// every address in none of the subnets. Each call makes a table of its own, so name has to differ from those that still stand.
func Redirect(name string, ports []string, subnets []netip.Prefix, lanes []Lane) (*Table, error) {
	table, err := open(name, Netdev)
	if err != nil {
		return nil, err
	}
	if err := table.redirect(ports, subnets, lanes); err != nil {
		return nil, errors.Join(err, table.Close())
	}
	return table, nil
}

func (t *Table) redirect(ports []string, subnets []netip.Prefix, lanes []Lane) error {
	var ways Ruleset
	for i := range lanes {
		ways.Chains = append(ways.Chains, Chain{Name: laneName(i), Layer: Netdev})
	}
	if err := t.Apply(ways); err != nil {
		return err
	}
	for i, lane := range lanes {
		if err := t.forward(laneName(i), lane.Index); err != nil {
			return fmt.Errorf("send packets through device %d: %w", lane.Index, err)
		}
	}
	// The chains that forward have no rules as far as Apply knows, and are left alone.
	var entrance []Rule
	for _, f := range []family{{false}, {true}} {
		pairs, out := map[wire.Pair]string{}, map[wire.Pair]string{}
		for i, lane := range lanes {
			for _, pair := range lane.Pairs {
				switch {
				case pair.IPv6() != f.v6:
				case pair.To.IsValid():
					pairs[pair] = laneName(i)
				default:
					out[pair] = laneName(i)
				}
			}
		}
		if len(pairs)+len(out) == 0 {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(subnets), func(s netip.Prefix) bool { return s.Addr().Is6() != f.v6 })
		chain := Chain{Name: f.chain("lanes"), Layer: Netdev, Rules: f.exempt(f.daddr(), dport, nil)}
		for _, look := range []struct {
			name     string
			kind     setKind
			elements map[wire.Pair]string
			rule     Rule
		}{
			{"pairs", kindFaults, pairs, Rule{verdictOf(f.chain("pairs"), f.saddr(), f.daddr())}},
			{"out", kindOut, out, append(f.outside(f.daddr(), own), verdictOf(f.chain("out"), f.saddr()))},
		} {
			if len(look.elements) > 0 {
				ways.Sets = append(ways.Sets, Set{Name: f.chain(look.name), Layer: Netdev, v6: f.v6, kind: look.kind, Elements: look.elements})
				chain.Rules = append(chain.Rules, look.rule)
			}
		}
		ways.Chains = append(ways.Chains, chain)
		entrance = append(entrance, Rule{f.isProtocol(), jump(chain.Name)})
	}
	for i, port := range ports {
		ways.Chains = append(ways.Chains, Chain{Name: fmt.Sprintf("port_%d", i), Layer: Netdev,
			Hook: &Hook{Point: "ingress", Device: port}, Rules: entrance})
	}
	return t.Apply(ways)
}

func laneName(i int) string { return fmt.Sprintf("lane_%d", i) }

// forward adds the rule that sends every packet to a device, which the library has no word for.
func (t *Table) forward(chain string, index int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	attributes := func(all ...netlink.Attribute) []byte {
		raw, err := netlink.MarshalAttributes(all)
		if err != nil {
			panic(err) // attributes of a few bytes
		}
		return raw
	}
	load, err := expr.Marshal(byte(nftables.TableFamilyNetdev), &expr.Immediate{Register: unix.NFT_REG_1, Data: binary.NativeEndian.AppendUint32(nil, uint32(index))})
	if err != nil {
		return err
	}
	nested := func(kind uint16, data []byte) netlink.Attribute {
		return netlink.Attribute{Type: unix.NLA_F_NESTED | kind, Data: data}
	}
	forward := attributes(
		netlink.Attribute{Type: unix.NFTA_EXPR_NAME, Data: []byte("fwd\x00")},
		nested(unix.NFTA_EXPR_DATA, attributes(netlink.Attribute{Type: unix.NFTA_FWD_SREG_DEV, Data: []byte{0, 0, 0, unix.NFT_REG_1}})))
	return transact(t.socket, unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, nftables.TableFamilyNetdev, []netlink.Attribute{
		{Type: unix.NFTA_RULE_TABLE, Data: []byte(t.name + "\x00")},
		{Type: unix.NFTA_RULE_CHAIN, Data: []byte(chain + "\x00")},
		nested(unix.NFTA_RULE_EXPRESSIONS, attributes(nested(unix.NFTA_LIST_ELEM, load), nested(unix.NFTA_LIST_ELEM, forward))),
	})
}
