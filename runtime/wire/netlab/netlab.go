//go:build linux

// Package netlab gives tests a small network of their own: a bridge in one network namespace, as a container engine has on its
// host, and nodes in others, each joined to the bridge by a veth. Nothing of it is seen from the machine's own namespace, and
// all of it vanishes with the test. It needs root.
package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Bridge is the name of the bridge.
const Bridge = "br-lab"

// Lab is one network.
type Lab struct {
	Host  *Namespace // its addresses are the network's gateways
	Nodes map[string]*Namespace
}

// Namespace is one network namespace, with an address of each family.
type Namespace struct {
	file     *os.File
	Address  netip.Addr
	Address6 netip.Addr
}

// Addr is the address of the family.
func (n *Namespace) Addr(v6 bool) netip.Addr {
	if v6 {
		return n.Address6
	}
	return n.Address
}

// New makes a network with nodes of these names. Under -short the test is skipped; without root it fails.
func New(t testing.TB, names ...string) *Lab {
	t.Helper()
	if testing.Short() {
		t.Skip("needs root and network namespaces")
	}
	require.Zero(t, os.Geteuid(), "this test makes network namespaces: run it as root, or with -short")
	lab := &Lab{Host: namespace(t, labNet, 1), Nodes: map[string]*Namespace{}}
	lab.Host.Do(t, func() error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: Bridge}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add the bridge: %w", err)
		}
		return raise(Bridge, lab.Host)
	})
	for i, name := range names {
		lab.Join(t, name, i)
	}
	return lab
}

// Join adds a node at the bridge's port of this number: those of New have the numbers from 0.
func (l *Lab) Join(t testing.TB, name string, number int) {
	t.Helper()
	node := namespace(t, labNet, number+2)
	port := fmt.Sprintf("port%d", number)
	l.Host.Do(t, func() error {
		if err := connect(port, node); err != nil {
			return fmt.Errorf("connect %s: %w", name, err)
		}
		link, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		bridge, err := netlink.LinkByName(Bridge)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMaster(link, bridge); err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	})
	node.Do(t, func() error {
		if err := raise(inside, node); err != nil {
			return err
		}
		return errors.Join(route(l.Host), carried(inside))
	})
	l.Host.Do(t, func() error { return errors.Join(carried(port), carried(Bridge)) })
	l.Nodes[name] = node
}

// Outside joins a machine that is in none of the lab's networks; the lab's host passes packets on between it and the nodes.
func (l *Lab) Outside(t testing.TB) *Namespace {
	t.Helper()
	outside, gateway := namespace(t, outsideNet, 2), &Namespace{Address: address(outsideNet, 1), Address6: address6(outsideNet, 1)}
	l.Host.Do(t, func() error {
		for _, family := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
			if err := os.WriteFile("/proc/sys/net/"+family, []byte("1"), 0); err != nil {
				return err
			}
		}
		if err := connect("uplink", outside); err != nil {
			return err
		}
		return raise("uplink", gateway)
	})
	outside.Do(t, func() error {
		if err := raise(inside, outside); err != nil {
			return err
		}
		return errors.Join(route(gateway), carried(inside))
	})
	l.Host.Do(t, func() error { return carried("uplink") })
	return outside
}

// inside is the name of a namespace's interface.
const inside = "eth0"

// connect makes a veth between this namespace and another.
func connect(name string, to *Namespace) error {
	return netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: inside,
		PeerNamespace: netlink.NsFd(int(to.file.Fd())),
	})
}

// route sends what is for elsewhere to the gateway.
func route(gateway *Namespace) error {
	for _, way := range []netip.Addr{gateway.Address, gateway.Address6} {
		if err := netlink.RouteAdd(&netlink.Route{Gw: way.AsSlice()}); err != nil {
			return fmt.Errorf("route by %v: %w", way, err)
		}
	}
	return nil
}

// The second byte of the networks' addresses.
const (
	labNet     = 99
	outsideNet = 98
)

func address(network, last int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(network), 0, byte(last)})
}

func address6(network, last int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 1: byte(network), 15: byte(last)})
}

// raise sets interfaces up and gives the last one its addresses.
func raise(name string, who *Namespace) error {
	for _, up := range []string{"lo", name} {
		link, err := netlink.LinkByName(up)
		if err != nil {
			return fmt.Errorf("find %s: %w", up, err)
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", up, err)
		}
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, text := range []string{who.Address.String() + "/16", who.Address6.String() + "/64"} {
		parsed, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, parsed); err != nil {
			return fmt.Errorf("give %s the address %s: %w", name, text, err)
		}
	}
	return nil
}

// carried waits until the kernel, which does it beside, has begun to carry packets over an interface that is up.
func carried(name string) error {
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s is %v", name, link.Attrs().OperState)
		}
	}
}

func namespace(t testing.TB, network, last int) *Namespace {
	t.Helper()
	made := make(chan *os.File, 1)
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its namespace is not reused
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			failed <- fmt.Errorf("make a network namespace: %w", err)
			return
		}
		// Without the second in which IPv6 looks for duplicates of an address before it uses it.
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0); err != nil {
			failed <- err
			return
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			failed <- err
			return
		}
		made <- file
	}()
	select {
	case err := <-failed:
		require.NoError(t, err)
		return nil
	case file := <-made:
		t.Cleanup(func() { _ = file.Close() })
		return &Namespace{file: file, Address: address(network, last), Address6: address6(network, last)}
	}
}

// Do runs f inside the namespace: the sockets that it opens stay there.
func (n *Namespace) Do(t testing.TB, f func() error) {
	t.Helper()
	require.NoError(t, n.Run(f))
}

// Enter gives the network namespace of a process, with the address that it is known to have there. It needs root.
func Enter(t testing.TB, pid int, address netip.Addr) *Namespace {
	t.Helper()
	return enter(t, fmt.Sprintf("/proc/%d/ns/net", pid), address)
}

// Here is the test's own network namespace.
func Here(t testing.TB, address netip.Addr) *Namespace {
	t.Helper()
	return enter(t, "/proc/thread-self/ns/net", address)
}

func enter(t testing.TB, path string, address netip.Addr) *Namespace {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return &Namespace{file: file, Address: address}
}

// Run is Do for other goroutines than the test's.
func (n *Namespace) Run(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("enter the network namespace: %w", err)
			return
		}
		result <- f()
	}()
	return <-result
}

// File is the namespace's, for another process to enter it with setns.
func (n *Namespace) File() *os.File { return n.file }

// Topology is the lab as the wire is told of it.
func (l *Lab) Topology(project string) wire.Topology {
	nodes := map[string][]netip.Addr{}
	for name, node := range l.Nodes {
		nodes[name] = []netip.Addr{node.Address, node.Address6}
	}
	return plan(project, nodes)
}

// Plan is the topology of a lab with nodes of these names, in the order of New, without the lab.
func Plan(project string, names ...string) wire.Topology {
	nodes := map[string][]netip.Addr{}
	for i, name := range names {
		nodes[name] = []netip.Addr{address(labNet, i+2), address6(labNet, i+2)}
	}
	return plan(project, nodes)
}

func plan(project string, nodes map[string][]netip.Addr) wire.Topology {
	gateway, gateway6 := address(labNet, 1), address6(labNet, 1)
	return wire.Topology{
		Project: project,
		Nodes:   nodes,
		Networks: []wire.Network{{
			Name: "lab", Bridge: Bridge,
			Subnets:  []netip.Prefix{netip.PrefixFrom(gateway, 16).Masked(), netip.PrefixFrom(gateway6, 64).Masked()},
			Gateways: []netip.Addr{gateway, gateway6},
		}},
	}
}
