//go:build linux

// Package netlab gives tests a small network of their own: a bridge in one network namespace, as a container engine has on its
// host, and nodes in others, each joined to the bridge by a veth. Nothing of it is seen from the machine's own namespace, and
// all of it vanishes with the test. It needs root.
package netlab

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Bridge is the name of the bridge.
const Bridge = "br-lab"

// Lab is one network.
type Lab struct {
	Host  *Namespace
	Nodes map[string]*Namespace
}

// Namespace is one network namespace.
type Namespace struct {
	file    *os.File
	Address netip.Addr
}

// New makes a network with nodes of these names. Under -short the test is skipped; without root it fails.
func New(t testing.TB, names ...string) *Lab {
	t.Helper()
	if testing.Short() {
		t.Skip("needs root and network namespaces")
	}
	require.Zero(t, os.Geteuid(), "this test makes network namespaces: run it as root, or with -short")
	lab := &Lab{Host: namespace(t, address(1)), Nodes: map[string]*Namespace{}}
	lab.Host.Do(t, func() error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: Bridge}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add the bridge: %w", err)
		}
		return raise(Bridge, lab.Host.Address)
	})
	for i, name := range names {
		node := namespace(t, address(i+2))
		lab.Nodes[name] = node
		lab.Host.Do(t, func() error {
			port := fmt.Sprintf("port%d", i)
			pair := &netlink.Veth{
				LinkAttrs: netlink.LinkAttrs{Name: port}, PeerName: "eth0",
				PeerNamespace: netlink.NsFd(int(node.file.Fd())),
			}
			if err := netlink.LinkAdd(pair); err != nil {
				return fmt.Errorf("add a veth: %w", err)
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
		node.Do(t, func() error { return raise("eth0", node.Address) })
	}
	return lab
}

func address(last int) netip.Addr { return netip.AddrFrom4([4]byte{10, 99, 0, byte(last)}) }

func raise(name string, address netip.Addr) error {
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
	parsed, err := netlink.ParseAddr(fmt.Sprintf("%v/16", address))
	if err != nil {
		return err
	}
	return netlink.AddrAdd(link, parsed)
}

func namespace(t testing.TB, address netip.Addr) *Namespace {
	t.Helper()
	made := make(chan *os.File, 1)
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its namespace is not reused
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			failed <- fmt.Errorf("make a network namespace: %w", err)
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
		return &Namespace{file: file, Address: address}
	}
}

// Do runs f inside the namespace: the sockets that it opens stay there.
func (n *Namespace) Do(t testing.TB, f func() error) {
	t.Helper()
	require.NoError(t, n.Run(f))
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

// Topology is the lab as the wire is told of it.
func (l *Lab) Topology(project string) wire.Topology {
	t := wire.Topology{
		Project: project,
		Nodes:   map[string][]netip.Addr{},
		Networks: []wire.Network{{
			Name: "lab", Bridge: Bridge,
			Subnets:  []netip.Prefix{netip.PrefixFrom(l.Host.Address, 16).Masked()},
			Gateways: []netip.Addr{l.Host.Address},
		}},
	}
	for name, node := range l.Nodes {
		t.Nodes[name] = []netip.Addr{node.Address}
	}
	return t
}
