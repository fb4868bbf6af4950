//go:build linux

// Package netem holds packets back with the kernel's own network emulator, on kernels that have it and no way to user space
// (docs/adr/0004 says why not first). Packets of a pair are redirected, as they come in from their node, through a device of their own
// (ifb) with netem on it, and go on from there to the bridge as if they came in then.
//
// The redirection belongs to this process and goes with it. The devices do not: a process that was killed leaves them idle, and the
// next one of the same project removes them.
package netem

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// Probe says why there is no netem here, by trying; nil where there is.
func Probe() error {
	device, err := addDevice("ddsctl-probe")
	if err != nil {
		return err
	}
	defer func() { _ = netlink.LinkDel(device) }()
	if err := (settings{delay: 1}).put(device); err != nil {
		return fmt.Errorf("netem: %w", err)
	}
	return nil
}

// Lanes are the devices of one project, and the rules that lead there. Its methods may be used from many goroutines.
type Lanes struct {
	project string
	put     func(settings, netlink.Link) error

	mu       sync.Mutex
	devices  map[lane]netlink.Link
	last     int // of the numbers in names
	rules    *nft.Table
	pairs    map[lane][]wire.Pair
	networks []wire.Network
	ports    []string

	stop chan struct{}
	done chan struct{}
}

// lane is what shares a device: all pairs with the same settings, but each for itself where there is a rate.
type lane struct {
	settings
	pair wire.Pair
}

// Open makes ready for a project, and removes what a process before left.
func Open(project string) (*Lanes, error) { return open(project, settings.put) }

func open(project string, put func(settings, netlink.Link) error) (*Lanes, error) {
	l := &Lanes{project: project, put: put, devices: map[lane]netlink.Link{}, stop: make(chan struct{}), done: make(chan struct{})}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the host's devices: %w", err)
	}
	for _, link := range links {
		if link.Type() == "ifb" && strings.HasPrefix(link.Attrs().Name, l.prefix()) {
			if err := netlink.LinkDel(link); err != nil {
				return nil, fmt.Errorf("remove the device %s: %w", link.Attrs().Name, err)
			}
		}
	}
	updates := make(chan netlink.LinkUpdate)
	if err := netlink.LinkSubscribe(updates, l.stop); err != nil {
		return nil, fmt.Errorf("watch the host's devices: %w", err)
	}
	go l.watch(updates)
	return l, nil
}

// prefix begins the names of the project's devices, which may have fifteen letters.
func (l *Lanes) prefix() string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(l.project))
	return fmt.Sprintf("dd%08x", hash.Sum32())
}

// Possible says why an effect on a pair cannot be had.
func Possible(t wire.Topology, pair wire.Pair, effect wire.Effect) error {
	gateway := slices.ContainsFunc(t.Networks, func(n wire.Network) bool { return slices.Contains(n.Gateways, pair.From) })
	if !pair.From.IsValid() || gateway {
		return errors.New("netem holds back only what nodes send")
	}
	_, err := settingsOf(effect)
	return err
}

// Set says what waits from now on; pairs and effects that are not Possible are left out. What waits in a lane that is not needed any
// more is lost.
func (l *Lanes) Set(t wire.Topology, effects map[wire.Pair]wire.Effect) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	pairs := map[lane][]wire.Pair{}
	for _, pair := range slices.SortedFunc(maps.Keys(effects), wire.Pair.Compare) {
		effect := effects[pair]
		if !effect.Queued() || effect.Cut || Possible(t, pair, effect) != nil {
			continue
		}
		s, err := settingsOf(effect)
		if err != nil {
			return err
		}
		key := lane{settings: s}
		if effect.Rate > 0 {
			key.pair = pair
		}
		pairs[key] = append(pairs[key], pair)
	}
	for key := range pairs {
		if l.devices[key] != nil {
			continue
		}
		l.last++
		device, err := addDevice(fmt.Sprintf("%s-%d", l.prefix(), l.last%10000))
		if err != nil {
			return err
		}
		if err := l.put(key.settings, device); err != nil {
			return errors.Join(fmt.Errorf("put netem on %s: %w", device.Attrs().Name, err), netlink.LinkDel(device))
		}
		l.devices[key] = device
	}
	before, networks := l.pairs, l.networks
	l.pairs, l.networks = pairs, t.Networks
	if err := l.lead(); err != nil {
		l.pairs, l.networks = before, networks
		return err
	}
	return l.clear()
}

// clear removes the devices that no pair goes through.
func (l *Lanes) clear() error {
	for key, device := range l.devices {
		if len(l.pairs[key]) > 0 {
			continue
		}
		if err := netlink.LinkDel(device); err != nil {
			return fmt.Errorf("remove the device %s: %w", device.Attrs().Name, err)
		}
		delete(l.devices, key)
	}
	return nil
}

// lead puts new rules in the place of those that stand. For a moment both do, and lead to the same.
func (l *Lanes) lead() error {
	ports, err := l.findPorts()
	if err != nil {
		return err
	}
	before := l.rules
	l.rules, l.ports = nil, ports
	if len(l.pairs) > 0 && len(ports) > 0 {
		var lanes []nft.Lane
		for key, pairs := range l.pairs {
			lanes = append(lanes, nft.Lane{Index: l.devices[key].Attrs().Index, Pairs: pairs})
		}
		l.last++
		rules, err := nft.Redirect(fmt.Sprintf("%s-lanes-%d", nft.TableName(l.project), l.last), ports, subnets(l.networks), lanes)
		if err != nil {
			l.rules = before
			return err
		}
		l.rules = rules
	}
	if before != nil {
		return before.Close()
	}
	return nil
}

// findPorts gives the names of the interfaces in the lab's bridges, sorted.
func (l *Lanes) findPorts() ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the host's devices: %w", err)
	}
	bridges := map[int]bool{}
	for _, link := range links {
		if slices.ContainsFunc(l.networks, func(n wire.Network) bool { return n.Bridge == link.Attrs().Name }) {
			bridges[link.Attrs().Index] = true
		}
	}
	var ports []string
	for _, link := range links {
		if bridges[link.Attrs().MasterIndex] {
			ports = append(ports, link.Attrs().Name)
		}
	}
	slices.Sort(ports)
	return ports, nil
}

// watch leads anew when a container that comes or goes has changed the ports.
func (l *Lanes) watch(updates <-chan netlink.LinkUpdate) {
	defer close(l.done)
	for {
		select {
		case <-l.stop:
			for range updates { // until the subscription has ended
			}
			return
		case _, open := <-updates:
			if !open {
				return
			}
			l.mu.Lock()
			if ports, err := l.findPorts(); err == nil && len(l.pairs) > 0 && !slices.Equal(ports, l.ports) {
				_ = l.lead() // tried again at the next change; the rules of before stand
			}
			l.mu.Unlock()
		}
	}
}

// Close removes rules and devices.
func (l *Lanes) Close() error {
	close(l.stop)
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pairs = nil
	return errors.Join(l.lead(), l.clear())
}

func subnets(networks []wire.Network) (all []netip.Prefix) {
	for _, network := range networks {
		all = append(all, network.Subnets...)
	}
	return all
}

func addDevice(name string) (netlink.Link, error) {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	if err := netlink.LinkAdd(&netlink.Ifb{LinkAttrs: attributes}); err != nil {
		return nil, fmt.Errorf("add the device %s: %w", name, err)
	}
	device, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find the device %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(device); err != nil {
		return nil, errors.Join(fmt.Errorf("set the device %s up: %w", name, err), netlink.LinkDel(device))
	}
	return device, nil
}
