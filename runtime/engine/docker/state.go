package docker

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// State is everything the engine holds of a Compose project, and the networks of others that it is on.
func (c *Client) State(ctx context.Context, project string) (engine.State, error) {
	state, err := c.state(ctx, engine.LabelProject+"="+project)
	if err != nil {
		return state, err
	}
	missing := state.Missing()
	if len(missing) == 0 {
		return state, nil
	}
	list, err := c.api.NetworkList(ctx, client.NetworkListOptions{Filters: nameFilter(missing, "^", "$")})
	if err != nil {
		return state, c.wrap(err, "list networks by name")
	}
	for _, n := range list.Items {
		if slices.Contains(missing, n.Name) {
			state.Outer = append(state.Outer, networkOf(n.Network))
		}
	}
	slices.SortFunc(state.Outer, func(a, b engine.Network) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return state, nil
}

// Projects is everything that ddsctl made in the engine, by project. A project that ddsctl stands beside is there whole.
func (c *Client) Projects(ctx context.Context) (map[string]engine.State, error) {
	all, err := c.state(ctx, engine.LabelLab)
	if err != nil {
		return nil, err
	}
	projects := byProject(all)
	for name, state := range projects {
		if !state.Attached() {
			continue
		}
		if projects[name], err = c.State(ctx, name); err != nil {
			return nil, err
		}
	}
	return projects, nil
}

// Others are the Compose projects of which ddsctl made nothing, by name.
func (c *Client) Others(ctx context.Context) (map[string]engine.State, error) {
	all, err := c.state(ctx, engine.LabelProject)
	if err != nil {
		return nil, err
	}
	projects := byProject(all)
	maps.DeleteFunc(projects, func(_ string, s engine.State) bool { return len(s.Containers) == 0 || s.Ours() })
	return projects, nil
}

func byProject(all engine.State) map[string]engine.State {
	projects := map[string]engine.State{}
	for _, x := range all.Containers {
		s := projects[x.Project]
		s.Containers = append(s.Containers, x)
		projects[x.Project] = s
	}
	for _, x := range all.Networks {
		s := projects[x.Project]
		s.Networks = append(s.Networks, x)
		projects[x.Project] = s
	}
	for _, x := range all.Volumes {
		s := projects[x.Project]
		s.Volumes = append(s.Volumes, x)
		projects[x.Project] = s
	}
	return projects
}

// state reads what carries a label with three list calls at once.
func (c *Client) state(ctx context.Context, label string) (engine.State, error) {
	var state engine.State
	filters := func() client.Filters { return client.Filters{}.Add("label", label) }
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		list, err := c.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters()})
		if err != nil {
			return c.wrap(err, "list containers")
		}
		for _, s := range list.Items {
			state.Containers = append(state.Containers, containerOf(s))
		}
		engine.Sort(state.Containers)
		return nil
	})
	group.Go(func() error {
		list, err := c.api.NetworkList(ctx, client.NetworkListOptions{Filters: filters()})
		if err != nil {
			return c.wrap(err, "list networks")
		}
		for _, n := range list.Items {
			state.Networks = append(state.Networks, networkOf(n.Network))
		}
		slices.SortFunc(state.Networks, func(a, b engine.Network) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
		return nil
	})
	group.Go(func() error {
		list, err := c.api.VolumeList(ctx, client.VolumeListOptions{Filters: filters()})
		if err != nil {
			return c.wrap(err, "list volumes")
		}
		for _, v := range list.Items {
			state.Volumes = append(state.Volumes, engine.Volume{Name: v.Name, Key: v.Labels[engine.LabelVolume],
				Project: v.Labels[engine.LabelProject], Labels: v.Labels})
		}
		slices.SortFunc(state.Volumes, func(a, b engine.Volume) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
	return state, group.Wait()
}

// Claims finds who uses names, of whatever project.
func (c *Client) Claims(ctx context.Context, names engine.Names) ([]engine.Claim, error) {
	var containers, networks, volumes []engine.Claim
	group, ctx := errgroup.WithContext(ctx)
	if len(names.Containers) > 0 {
		group.Go(func() error {
			list, err := c.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: nameFilter(names.Containers, "^/?", "$")})
			if err != nil {
				return c.wrap(err, "list containers by name")
			}
			for _, s := range list.Items {
				if name := containerName(s.Names); slices.Contains(names.Containers, name) {
					containers = append(containers, engine.Claim{Kind: engine.KindContainer, Name: name, ID: s.ID, Labels: s.Labels})
				}
			}
			return nil
		})
	}
	if len(names.Networks) > 0 {
		group.Go(func() error {
			list, err := c.api.NetworkList(ctx, client.NetworkListOptions{Filters: nameFilter(names.Networks, "^", "$")})
			if err != nil {
				return c.wrap(err, "list networks by name")
			}
			for _, n := range list.Items {
				if slices.Contains(names.Networks, n.Name) {
					networks = append(networks, engine.Claim{Kind: engine.KindNetwork, Name: n.Name, ID: n.ID, Labels: n.Labels})
				}
			}
			return nil
		})
	}
	if len(names.Volumes) > 0 {
		group.Go(func() error {
			list, err := c.api.VolumeList(ctx, client.VolumeListOptions{Filters: nameFilter(names.Volumes, "^", "$")})
			if err != nil {
				return c.wrap(err, "list volumes by name")
			}
			for _, v := range list.Items {
				if slices.Contains(names.Volumes, v.Name) {
					volumes = append(volumes, engine.Claim{Kind: engine.KindVolume, Name: v.Name, ID: v.Name, Labels: v.Labels})
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return slices.Concat(containers, networks, volumes), err
}

// nameFilter matches whole names: the engine's own filter finds parts of names.
func nameFilter(names []string, before, after string) client.Filters {
	filters := client.Filters{}
	for _, name := range names {
		filters.Add("name", before+name+after)
	}
	return filters
}

func containerName(names []string) string {
	for _, name := range names {
		// A link gives a container further names, such as /other/alias.
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

func containerOf(s container.Summary) engine.Container {
	number, _ := strconv.Atoi(s.Labels[engine.LabelNumber])
	c := engine.Container{
		ID: s.ID, Name: containerName(s.Names), Project: s.Labels[engine.LabelProject], Service: s.Labels[engine.LabelService], Number: number,
		Image: s.Image, ImageID: s.ImageID, ConfigHash: s.Labels[engine.LabelConfigHash], Phase: engine.Phase(s.State),
		ExitCode: exitCode(s.Status), Health: health(s.Status), Created: time.Unix(s.Created, 0), Labels: s.Labels, Addresses: map[string]netip.Addr{},
	}
	if id, ok := strings.CutPrefix(s.HostConfig.NetworkMode, "container:"); ok {
		c.NetworkOf = id
	}
	if s.NetworkSettings != nil {
		c.Addresses = addresses(s.NetworkSettings.Networks)
	}
	for _, p := range s.Ports {
		if p.PublicPort != 0 {
			c.Ports = append(c.Ports, engine.Port{HostIP: p.IP, Host: p.PublicPort, Container: p.PrivatePort, Protocol: p.Type})
		}
	}
	slices.SortFunc(c.Ports, func(a, b engine.Port) int {
		return strings.Compare(fmt.Sprint(a.Container, a.Protocol, a.HostIP), fmt.Sprint(b.Container, b.Protocol, b.HostIP))
	})
	return c
}

func addresses(networks map[string]*network.EndpointSettings) map[string]netip.Addr {
	all := map[string]netip.Addr{}
	for name, n := range networks {
		switch {
		case n == nil:
		case n.IPAddress.IsValid():
			all[name] = n.IPAddress
		case n.GlobalIPv6Address.IsValid():
			all[name] = n.GlobalIPv6Address
		}
	}
	return all
}

// exitCode reads the code from a status such as "Exited (137) 3 seconds ago", which saves an inspection of each container.
func exitCode(status string) int {
	_, rest, ok := strings.Cut(status, "(")
	code, _, closed := strings.Cut(rest, ")")
	if !ok || !closed || !strings.HasPrefix(status, "Exited") {
		return 0
	}
	n, _ := strconv.Atoi(code)
	return n
}

// health reads the engine's check from a status such as "Up 3 seconds (health: starting)".
func health(status string) engine.Health {
	for word, health := range map[string]engine.Health{"(health: starting)": engine.HealthStarting, "(healthy)": engine.HealthHealthy,
		"(starting)": engine.HealthStarting, "(unhealthy)": engine.HealthUnhealthy} { // Podman says (starting)
		if strings.Contains(status, word) {
			return health
		}
	}
	return ""
}

func networkOf(n network.Network) engine.Network {
	out := engine.Network{ID: n.ID, Name: n.Name, Key: n.Labels[engine.LabelNetwork], Project: n.Labels[engine.LabelProject], Labels: n.Labels}
	if n.Driver == "bridge" {
		if out.Bridge = n.Options["com.docker.network.bridge.name"]; out.Bridge == "" && len(n.ID) >= 12 {
			out.Bridge = "br-" + n.ID[:12]
		}
	}
	for _, c := range n.IPAM.Config {
		if c.Subnet.IsValid() {
			out.Subnets = append(out.Subnets, c.Subnet)
		}
		if c.Gateway.IsValid() {
			out.Gateways = append(out.Gateways, c.Gateway)
		}
	}
	return out
}
