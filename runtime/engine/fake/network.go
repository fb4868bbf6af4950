package fake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// lan is one network.
type lan struct {
	engine.Network
	last netip.Addr // given to a container
}

// give is an address for a container: the one it asks for, else the next.
func (l *lan) give(a engine.Attachment) netip.Addr {
	if own, err := netip.ParseAddr(a.IPv4Address); err == nil {
		return own
	}
	l.last = l.last.Next()
	return l.last
}

// lan is the network of a name, or of an ID. The lock is held.
func (e *Engine) lan(name string) (*lan, error) {
	var found []*lan
	for id, l := range e.networks {
		if l.Name == name || id == name {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("network %s: %w", name, engine.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("network %s is ambiguous: there are %d of that name", name, len(found))
}

// CreateNetwork creates a network, of whatever name: an engine may allow two of one name, and this one does.
func (e *Engine) CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (n engine.Network, err error) {
	err = e.change(ctx, "create network "+spec.Name, func() error {
		l := e.putNetwork(engine.Network{Name: spec.Name, Key: spec.Labels[engine.LabelNetwork], Project: spec.Labels[engine.LabelProject], Labels: maps.Clone(spec.Labels)})
		n = l.Network
		e.tell(engine.Event{Kind: engine.KindNetwork, Action: "create", ID: n.ID, Name: n.Name, Project: n.Project, Labels: n.Labels})
		return nil
	})
	if err != nil {
		return engine.Network{}, err
	}
	return n, nil
}

// PutNetwork puts a network there that somebody made. What it lacks is made up.
func (e *Engine) PutNetwork(n engine.Network) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.putNetwork(n)
}

func (e *Engine) putNetwork(n engine.Network) *lan {
	if n.ID == "" {
		n.ID = e.id()
	}
	n.Bridge = cmp.Or(n.Bridge, "br-"+short(n.ID))
	if len(n.Subnets) == 0 {
		e.next++
		gateway := netip.AddrFrom4([4]byte{10, byte(200 + e.next>>8), byte(e.next), 1})
		n.Subnets, n.Gateways = []netip.Prefix{netip.PrefixFrom(gateway, 24).Masked()}, []netip.Addr{gateway}
	}
	l := &lan{Network: n, last: n.Subnets[0].Masked().Addr().Next()}
	e.networks[n.ID] = l
	return l
}

// RemoveNetwork removes a network; that it is gone is no error.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	return e.change(ctx, "remove network "+short(id), func() error {
		l, err := e.lan(id)
		if errors.Is(err, engine.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		e.guard(engine.KindNetwork, l.Name, l.Labels)
		for _, b := range e.containers {
			if _, on := b.Addresses[l.Name]; on {
				return fmt.Errorf("%s is on it: %w", b.Name, engine.ErrConflict)
			}
		}
		delete(e.networks, l.ID)
		e.tell(engine.Event{Kind: engine.KindNetwork, Action: "destroy", ID: l.ID, Name: l.Name, Project: l.Project, Labels: l.Labels})
		return nil
	})
}

// ConnectNetwork joins a container to a network.
func (e *Engine) ConnectNetwork(ctx context.Context, id string, a engine.Attachment) error {
	return e.on(ctx, "connect to "+a.Network, id, func(b *box) error {
		l, err := e.lan(a.Network)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(b.attached, func(have engine.Attachment) bool { return have.Network == l.Name }) {
			return fmt.Errorf("it is on it already: %w", engine.ErrConflict)
		}
		a.Network = l.Name
		b.attached = append(b.attached, a)
		if b.run != nil {
			b.Addresses = maps.Clone(b.Addresses)
			b.Addresses[l.Name] = l.give(a)
		}
		return nil
	})
}

// DisconnectNetwork takes a container out of a network; that it is not in it is no error.
func (e *Engine) DisconnectNetwork(ctx context.Context, id, network string) error {
	return e.on(ctx, "disconnect from "+network, id, func(b *box) error {
		b.attached = slices.DeleteFunc(slices.Clone(b.attached), func(a engine.Attachment) bool { return a.Network == network })
		b.Addresses = maps.Clone(b.Addresses)
		delete(b.Addresses, network)
		return nil
	})
}

// resolve is the engine's DNS: a name or alias on one of the networks that the container is on, or whose container it shares. The lock is held.
func (e *Engine) resolve(b *box, host string) (netip.Addr, bool) {
	if provider, ok := strings.CutPrefix(b.spec.NetworkMode, "container:"); ok && e.containers[provider] != nil {
		b = e.containers[provider]
	}
	for name := range b.Addresses {
		for _, other := range e.containers {
			for _, a := range other.attached {
				address, on := other.Addresses[name]
				if on && a.Network == name && (other.Name == host || slices.Contains(a.Aliases, host)) {
					return address, true
				}
			}
		}
	}
	return netip.Addr{}, false
}

// bind gives a container its host ports. The lock is held.
func (e *Engine) bind(b *box) ([]engine.Port, error) {
	taken := func(ip netip.Addr, host uint16, protocol string) bool {
		if slices.Contains(e.options.TakenPorts, host) {
			return true
		}
		for _, other := range e.containers {
			for _, p := range other.Ports {
				if p.Host == host && p.Protocol == protocol && (p.HostIP == ip || p.HostIP == anywhere || ip == anywhere) {
					return true
				}
			}
		}
		return false
	}
	var ports []engine.Port
	for _, p := range b.spec.Service.Ports {
		ip, err := netip.ParseAddr(p.HostIP)
		if err != nil {
			ip = anywhere
		}
		protocol := cmp.Or(p.Protocol, "tcp")
		host, err := strconv.ParseUint(p.Published, 10, 16)
		if err != nil { // the engine chooses
			for host = 32768; taken(ip, uint16(host), protocol); host++ {
			}
		}
		if taken(ip, uint16(host), protocol) {
			return nil, fmt.Errorf("%w: %d", engine.ErrPortTaken, host)
		}
		ports = append(ports, engine.Port{HostIP: ip, Host: uint16(host), Container: uint16(p.Target), Protocol: protocol})
	}
	return ports, nil
}

// volume is one volume.
type volume struct {
	engine.Volume
	files map[string]engine.File
}

// CreateVolume creates a volume; one that is there stays what it is.
func (e *Engine) CreateVolume(ctx context.Context, spec engine.VolumeSpec) (v engine.Volume, err error) {
	err = e.change(ctx, "create volume "+spec.Name, func() error {
		if old, ok := e.volumes[spec.Name]; ok {
			v = old.Volume
			return nil
		}
		v = engine.Volume{Name: spec.Name, Key: spec.Labels[engine.LabelVolume], Project: spec.Labels[engine.LabelProject], Labels: maps.Clone(spec.Labels)}
		e.volumes[v.Name] = &volume{v, map[string]engine.File{}}
		return nil
	})
	if err != nil {
		return engine.Volume{}, err
	}
	return v, nil
}

// PutVolume puts a volume there that somebody made.
func (e *Engine) PutVolume(v engine.Volume) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.volumes[v.Name] = &volume{v, map[string]engine.File{}}
}

// RemoveVolume removes a volume; that it is gone is no error.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	return e.change(ctx, "remove volume "+name, func() error {
		v, ok := e.volumes[name]
		if !ok {
			return nil
		}
		e.guard(engine.KindVolume, name, v.Labels)
		for _, b := range e.containers {
			if slices.ContainsFunc(b.spec.Mounts, func(m engine.Mount) bool { return m.Kind == engine.MountVolume && m.Source == name }) {
				return fmt.Errorf("%s uses it: %w", b.Name, engine.ErrConflict)
			}
		}
		delete(e.volumes, name)
		return nil
	})
}
