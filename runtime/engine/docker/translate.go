package docker

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// createOptions translates a container into the engine's words. It is pure. The second result are the attachments that
// cannot be part of the creation: before API 1.44 an engine takes one network there, so the others are connected before the start.
func createOptions(spec engine.ContainerSpec) (client.ContainerCreateOptions, []engine.Attachment, error) {
	s := spec.Service
	config := &container.Config{
		Image: s.Image, Hostname: s.Hostname, Domainname: s.DomainName, User: s.User, WorkingDir: s.WorkingDir,
		Tty: s.Tty, OpenStdin: s.StdinOpen, StopSignal: s.StopSignal, Labels: spec.Labels,
		Cmd: s.Command, Entrypoint: s.Entrypoint, Env: environment(s.Environment), Healthcheck: healthcheck(s.HealthCheck),
	}
	if s.StopGracePeriod != nil {
		seconds := int(time.Duration(*s.StopGracePeriod).Round(time.Second).Seconds())
		config.StopTimeout = &seconds
	}
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(spec.NetworkMode), PidMode: container.PidMode(spec.PidMode),
		IpcMode: container.IpcMode(s.Ipc), UTSMode: container.UTSMode(s.Uts), UsernsMode: container.UsernsMode(s.UserNSMode),
		CgroupnsMode: container.CgroupnsMode(s.Cgroup), Annotations: s.Annotations,
		CapAdd: s.CapAdd, CapDrop: s.CapDrop, SecurityOpt: s.SecurityOpt, Privileged: s.Privileged, ReadonlyRootfs: s.ReadOnly,
		DNSOptions: s.DNSOpts, DNSSearch: s.DNSSearch, ExtraHosts: s.ExtraHosts.AsList(":"), GroupAdd: s.GroupAdd,
		OomScoreAdj: int(s.OomScoreAdj), ShmSize: int64(s.ShmSize), Sysctls: s.Sysctls, Runtime: s.Runtime, Init: s.Init,
		StorageOpt: s.StorageOpt, VolumeDriver: s.VolumeDriver, Resources: resources(s), // tmpfs are among the mounts
	}
	var err error
	if host.DNS, err = dns(s.DNS); err != nil {
		return client.ContainerCreateOptions{}, nil, err
	}
	if host.RestartPolicy, err = restartPolicy(s); err != nil {
		return client.ContainerCreateOptions{}, nil, err
	}
	if config.ExposedPorts, host.PortBindings, err = ports(s); err != nil {
		return client.ContainerCreateOptions{}, nil, err
	}
	if s.Logging != nil {
		host.LogConfig = container.LogConfig{Type: s.Logging.Driver, Config: s.Logging.Options}
	}
	host.Mounts = mounts(spec)
	networking, rest, err := networking(spec, host)
	if err != nil {
		return client.ContainerCreateOptions{}, nil, err
	}
	options := client.ContainerCreateOptions{Name: spec.Name, Config: config, HostConfig: host, NetworkingConfig: networking}
	if s.Platform != "" {
		options.Platform = platform(s.Platform)
	}
	return options, rest, nil
}

// environment lists NAME=VALUE, sorted so that the same project gives the same container. A variable without a value was not set
// where the project was loaded, and is left out, as Compose does.
func environment(env types.MappingWithEquals) []string {
	var list []string
	for name, value := range env {
		if value != nil {
			list = append(list, name+"="+*value)
		}
	}
	slices.Sort(list)
	return list
}

func healthcheck(h *types.HealthCheckConfig) *container.HealthConfig {
	if h == nil {
		return nil
	}
	if h.Disable {
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	duration := func(d *types.Duration) time.Duration {
		if d == nil {
			return 0
		}
		return time.Duration(*d)
	}
	check := &container.HealthConfig{Test: h.Test, Interval: duration(h.Interval), Timeout: duration(h.Timeout), StartPeriod: duration(h.StartPeriod)}
	if h.Retries != nil {
		check.Retries = int(*h.Retries)
	}
	return check
}

// resources are the service's limits; `deploy.resources` counts where the short keys say nothing.
func resources(s types.ServiceConfig) container.Resources {
	r := container.Resources{
		CPUShares: s.CPUShares, CPUPeriod: s.CPUPeriod, CPUQuota: s.CPUQuota, CPURealtimePeriod: s.CPURTPeriod,
		CPURealtimeRuntime: s.CPURTRuntime, CpusetCpus: s.CPUSet, NanoCPUs: int64(float64(s.CPUS) * 1e9), CgroupParent: s.CgroupParent,
		Memory: int64(s.MemLimit), MemoryReservation: int64(s.MemReservation), MemorySwap: int64(s.MemSwapLimit),
		DeviceCgroupRules: s.DeviceCgroupRules,
	}
	if s.PidsLimit != 0 {
		limit := s.PidsLimit
		r.PidsLimit = &limit
	}
	if s.MemSwappiness != 0 {
		swappiness := int64(s.MemSwappiness)
		r.MemorySwappiness = &swappiness
	}
	if s.OomKillDisable {
		disable := true
		r.OomKillDisable = &disable
	}
	if s.Deploy != nil {
		if limits := s.Deploy.Resources.Limits; limits != nil {
			if r.NanoCPUs == 0 {
				r.NanoCPUs = int64(float64(limits.NanoCPUs) * 1e9)
			}
			if r.Memory == 0 {
				r.Memory = int64(limits.MemoryBytes)
			}
			if r.PidsLimit == nil && limits.Pids != 0 {
				pids := limits.Pids
				r.PidsLimit = &pids
			}
		}
		if reservations := s.Deploy.Resources.Reservations; reservations != nil && r.MemoryReservation == 0 {
			r.MemoryReservation = int64(reservations.MemoryBytes)
		}
	}
	for _, d := range s.Devices {
		r.Devices = append(r.Devices, container.DeviceMapping{PathOnHost: d.Source, PathInContainer: d.Target, CgroupPermissions: d.Permissions})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Ulimits)) {
		u := s.Ulimits[name]
		soft, hard := u.Soft, u.Hard
		if u.Single != 0 {
			soft, hard = u.Single, u.Single
		}
		r.Ulimits = append(r.Ulimits, &container.Ulimit{Name: name, Soft: int64(soft), Hard: int64(hard)})
	}
	return r
}

func dns(list []string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, text := range list {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("dns server %q is not an IP address: %w", text, err)
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// restartPolicy reads `restart`, or `deploy.restart_policy` where that is all there is.
func restartPolicy(s types.ServiceConfig) (container.RestartPolicy, error) {
	if s.Restart != "" {
		name, retries, limited := strings.Cut(s.Restart, ":")
		policy := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
		if limited {
			n, err := strconv.Atoi(retries)
			if err != nil {
				return policy, fmt.Errorf("restart policy %q: the part after the colon is a number of tries", s.Restart)
			}
			policy.MaximumRetryCount = n
		}
		return policy, nil
	}
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		p := s.Deploy.RestartPolicy
		policy := container.RestartPolicy{Name: map[string]container.RestartPolicyMode{"": "always", "any": "always", "on-failure": "on-failure", "none": "no"}[p.Condition]}
		if p.MaxAttempts != nil && policy.Name == "on-failure" {
			policy.MaximumRetryCount = int(*p.MaxAttempts)
		}
		return policy, nil
	}
	return container.RestartPolicy{}, nil
}

func ports(s types.ServiceConfig) (network.PortSet, network.PortMap, error) {
	exposed, bindings := network.PortSet{}, network.PortMap{}
	for _, e := range s.Expose {
		low, high, err := portRange(e)
		if err != nil {
			return nil, nil, fmt.Errorf("expose %q: %w", e, err)
		}
		_, protocol, _ := strings.Cut(e, "/")
		for p := low; p <= high; p++ {
			port, err := network.ParsePort(fmt.Sprintf("%d/%s", p, orTCP(protocol)))
			if err != nil {
				return nil, nil, fmt.Errorf("expose %q: %w", e, err)
			}
			exposed[port] = struct{}{}
		}
	}
	for _, p := range s.Ports {
		port, err := network.ParsePort(fmt.Sprintf("%d/%s", p.Target, orTCP(p.Protocol)))
		if err != nil {
			return nil, nil, fmt.Errorf("port %d: %w", p.Target, err)
		}
		binding := network.PortBinding{HostPort: p.Published}
		if p.HostIP != "" {
			if binding.HostIP, err = netip.ParseAddr(p.HostIP); err != nil {
				return nil, nil, fmt.Errorf("host address of port %d: %w", p.Target, err)
			}
		}
		exposed[port] = struct{}{}
		bindings[port] = append(bindings[port], binding)
	}
	return exposed, bindings, nil
}

func orTCP(protocol string) string {
	if protocol == "" {
		return "tcp"
	}
	return protocol
}

// portRange reads 80, 80/udp, 8000-8010 and 8000-8010/tcp.
func portRange(text string) (low, high int, err error) {
	numbers, _, _ := strings.Cut(text, "/")
	first, last, ranged := strings.Cut(numbers, "-")
	if low, err = strconv.Atoi(first); err != nil {
		return 0, 0, fmt.Errorf("not a port: %w", err)
	}
	if high = low; ranged {
		if high, err = strconv.Atoi(last); err != nil {
			return 0, 0, fmt.Errorf("not a port: %w", err)
		}
	}
	if low < 1 || high > 65535 || low > high {
		return 0, 0, fmt.Errorf("ports run from 1 to 65535")
	}
	return low, high, nil
}

func mounts(spec engine.ContainerSpec) []mount.Mount {
	var list []mount.Mount
	for _, m := range spec.Mounts {
		out := mount.Mount{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		switch m.Kind {
		case engine.MountVolume:
			out.Type = mount.TypeVolume
		case engine.MountBind:
			out.Type = mount.TypeBind
			out.BindOptions = bindOptions(spec.Service.Volumes, m.Target)
		case engine.MountTmpfs:
			out.Type, out.Source = mount.TypeTmpfs, ""
			if m.SizeBytes > 0 || m.Mode > 0 {
				// The engine takes the bits as the kernel has them, the sticky one at 0o1000.
				out.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.SizeBytes, Mode: os.FileMode(m.Mode)}
			}
		}
		list = append(list, out)
	}
	if spec.Service.ReadOnly {
		for _, dir := range fileFolders(spec) {
			list = append(list, mount.Mount{Type: mount.TypeVolume, Target: dir})
		}
	}
	return list
}

// bindOptions lets the engine create a missing host folder, as Compose's short syntax does.
func bindOptions(volumes []types.ServiceVolumeConfig, target string) *mount.BindOptions {
	for _, v := range volumes {
		if v.Target == target && v.Bind != nil {
			return &mount.BindOptions{CreateMountpoint: bool(v.Bind.CreateHostPath), Propagation: mount.Propagation(v.Bind.Propagation)}
		}
	}
	return nil
}

// fileFolders are the folders that files are copied into and no mount covers yet. In a container with a read-only root the engine copies
// only into volumes, so each of these folders becomes an anonymous volume, which goes when the container goes.
func fileFolders(spec engine.ContainerSpec) []string {
	var folders []string
	for _, f := range spec.Files {
		dir := path.Dir(f.Path)
		covered := slices.ContainsFunc(spec.Mounts, func(m engine.Mount) bool { return m.Kind == engine.MountVolume && within(dir, m.Target) })
		if !covered && !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	slices.Sort(folders)
	return folders
}

func within(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, strings.TrimSuffix(parent, "/")+"/")
}

// networking attaches the container to its first network and leaves the others for later.
func networking(spec engine.ContainerSpec, host *container.HostConfig) (*network.NetworkingConfig, []engine.Attachment, error) {
	if spec.NetworkMode != "" {
		return nil, nil, nil
	}
	if len(spec.Networks) == 0 {
		host.NetworkMode = "none"
		return nil, nil, nil
	}
	first := spec.Networks[0]
	settings, err := endpointSettings(spec.Service, first)
	if err != nil {
		return nil, nil, err
	}
	host.NetworkMode = container.NetworkMode(first.Network)
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{first.Network: settings}}, spec.Networks[1:], nil
}

func endpointSettings(s types.ServiceConfig, a engine.Attachment) (*network.EndpointSettings, error) {
	settings := &network.EndpointSettings{Aliases: a.Aliases}
	if a.IPv4Address == "" && a.IPv6Address == "" {
		return settings, nil
	}
	settings.IPAMConfig = &network.EndpointIPAMConfig{}
	for text, into := range map[string]*netip.Addr{a.IPv4Address: &settings.IPAMConfig.IPv4Address, a.IPv6Address: &settings.IPAMConfig.IPv6Address} {
		if text == "" {
			continue
		}
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("address of service %s in network %s: %w", s.Name, a.Network, err)
		}
		*into = addr
	}
	return settings, nil
}

// platform reads OS/ARCH[/VARIANT].
func platform(text string) *ocispec.Platform {
	parts := strings.SplitN(text, "/", 3)
	p := &ocispec.Platform{OS: parts[0]}
	if len(parts) > 1 {
		p.Architecture = parts[1]
	}
	if len(parts) > 2 {
		p.Variant = parts[2]
	}
	return p
}
