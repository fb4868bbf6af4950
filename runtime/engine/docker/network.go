package docker

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// CreateNetwork creates a network. Docker does not keep network names unique: the caller makes sure of that.
func (c *Client) CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (engine.Network, error) {
	n := spec.Config
	options := client.NetworkCreateOptions{Driver: n.Driver, Internal: n.Internal, Attachable: n.Attachable, Options: n.DriverOpts,
		Labels: spec.Labels, EnableIPv6: n.EnableIPv6}
	if len(n.Ipam.Config) > 0 || n.Ipam.Driver != "" {
		ipam := &network.IPAM{Driver: n.Ipam.Driver, Options: n.Ipam.Options}
		for _, pool := range n.Ipam.Config {
			entry, err := ipamConfig(pool.Subnet, pool.IPRange, pool.Gateway, pool.AuxiliaryAddresses)
			if err != nil {
				return engine.Network{}, fmt.Errorf("network %s: %w", spec.Name, err)
			}
			ipam.Config = append(ipam.Config, entry)
		}
		options.IPAM = ipam
	}
	created, err := c.api.NetworkCreate(ctx, spec.Name, options)
	if err != nil {
		err = c.wrap(err, "create network %s", spec.Name)
		return engine.Network{}, hint.Wrap(err, "when address pools have run out or overlap, `docker network ls` shows who has them and `docker network prune` frees unused ones")
	}
	out := networkOf(network.Network{ID: created.ID, Name: spec.Name, Driver: orBridge(n.Driver), Options: n.DriverOpts, Labels: spec.Labels})
	return out, nil
}

func orBridge(driver string) string {
	if driver == "" {
		return "bridge"
	}
	return driver
}

func ipamConfig(subnet, ipRange, gateway string, auxiliary map[string]string) (network.IPAMConfig, error) {
	var out network.IPAMConfig
	var err error
	if subnet != "" {
		if out.Subnet, err = netip.ParsePrefix(subnet); err != nil {
			return out, fmt.Errorf("subnet: %w", err)
		}
	}
	if ipRange != "" {
		if out.IPRange, err = netip.ParsePrefix(ipRange); err != nil {
			return out, fmt.Errorf("ip_range: %w", err)
		}
	}
	if gateway != "" {
		if out.Gateway, err = netip.ParseAddr(gateway); err != nil {
			return out, fmt.Errorf("gateway: %w", err)
		}
	}
	for name, text := range auxiliary {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return out, fmt.Errorf("aux_addresses %s: %w", name, err)
		}
		if out.AuxAddress == nil {
			out.AuxAddress = map[string]netip.Addr{}
		}
		out.AuxAddress[name] = addr
	}
	return out, nil
}

// RemoveNetwork removes a network; that it is gone is no error.
func (c *Client) RemoveNetwork(ctx context.Context, id string) error {
	_, err := c.api.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil && strings.Contains(err.Error(), "active endpoints") { // which Docker calls forbidden, and Podman a conflict
		return fmt.Errorf("remove network %s: %w: %w", short(id), engine.ErrConflict, err)
	}
	return c.wrap(err, "remove network %s", short(id))
}

// CreateVolume creates a volume; that it exists with the same driver is no error.
func (c *Client) CreateVolume(ctx context.Context, spec engine.VolumeSpec) (engine.Volume, error) {
	created, err := c.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: spec.Name, Driver: spec.Config.Driver,
		DriverOpts: spec.Config.DriverOpts, Labels: spec.Labels})
	if err != nil {
		return engine.Volume{}, c.wrap(err, "create volume %s", spec.Name)
	}
	v := created.Volume
	return engine.Volume{Name: v.Name, Key: v.Labels[engine.LabelVolume], Project: v.Labels[engine.LabelProject], Labels: v.Labels}, nil
}

// RemoveVolume removes a volume; that it is gone is no error.
func (c *Client) RemoveVolume(ctx context.Context, name string) error {
	_, err := c.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return c.wrap(err, "remove volume %s", name)
}
