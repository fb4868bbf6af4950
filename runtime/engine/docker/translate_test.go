package docker

import (
	"net/netip"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// service loads one service from the inside of its Compose definition.
func service(t *testing.T, yaml string) types.ServiceConfig {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: "/lab", Environment: types.Mapping{"SET": "outside"},
		ConfigFiles: []types.ConfigFile{{Filename: "/lab/compose.yaml", Content: []byte("services:\n  s:\n    image: i\n" + yaml)}}},
		func(o *loader.Options) { o.SetProjectName("p", true) })
	require.NoError(t, err)
	return project.Services["s"]
}

func TestEachComposeKeyReachesTheEngine(t *testing.T) {
	ptr := func(n int64) *int64 { return &n }
	yes := true
	for yaml, check := range map[string]func(t *testing.T, c *container.Config, h *container.HostConfig){
		"    command: [a, b]\n    entrypoint: [e]\n    working_dir: /w\n    user: \"1:2\"\n    hostname: h\n    domainname: d": func(t *testing.T, c *container.Config, _ *container.HostConfig) {
			require.Equal(t, []string{"a", "b"}, c.Cmd)
			require.Equal(t, []string{"e"}, c.Entrypoint)
			require.Equal(t, []string{"/w", "1:2", "h", "d"}, []string{c.WorkingDir, c.User, c.Hostname, c.Domainname})
		},
		"    environment: {B: x, A: \"\", SET: null, UNSET: null}": func(t *testing.T, c *container.Config, _ *container.HostConfig) {
			require.Equal(t, []string{"A=", "B=x", "SET=outside"}, c.Env, "sorted; what is set nowhere is left out")
		},
		"    stop_signal: SIGINT\n    stop_grace_period: 1500ms\n    tty: true\n    stdin_open: true": func(t *testing.T, c *container.Config, _ *container.HostConfig) {
			require.Equal(t, "SIGINT", c.StopSignal)
			require.Equal(t, 2, *c.StopTimeout)
			require.True(t, c.Tty && c.OpenStdin)
		},
		"    healthcheck: {test: [CMD, t], interval: 2s, timeout: 1s, retries: 3, start_period: 4s}": func(t *testing.T, c *container.Config, _ *container.HostConfig) {
			require.Equal(t, &container.HealthConfig{Test: []string{"CMD", "t"}, Interval: 2 * time.Second, Timeout: time.Second, Retries: 3, StartPeriod: 4 * time.Second}, c.Healthcheck)
		},
		"    healthcheck: {disable: true}": func(t *testing.T, c *container.Config, _ *container.HostConfig) {
			require.Equal(t, []string{"NONE"}, c.Healthcheck.Test)
		},
		"    cap_drop: [ALL]\n    cap_add: [NET_ADMIN]\n    read_only: true\n    security_opt: [\"no-new-privileges:true\"]\n    privileged: true": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, []string{"ALL"}, h.CapDrop)
			require.Equal(t, []string{"NET_ADMIN"}, h.CapAdd)
			require.Equal(t, []string{"no-new-privileges:true"}, h.SecurityOpt)
			require.True(t, h.ReadonlyRootfs && h.Privileged)
		},
		"    cpus: 0.5\n    mem_limit: 64m\n    mem_reservation: 32m\n    pids_limit: 50": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, int64(5e8), h.NanoCPUs)
			require.Equal(t, []int64{64 << 20, 32 << 20}, []int64{h.Memory, h.MemoryReservation})
			require.Equal(t, ptr(50), h.PidsLimit)
		},
		"    deploy: {resources: {limits: {cpus: '0.25', memory: 16M, pids: 9}, reservations: {memory: 8M}}}": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, int64(25e7), h.NanoCPUs)
			require.Equal(t, []int64{16 << 20, 8 << 20}, []int64{h.Memory, h.MemoryReservation})
			require.Equal(t, ptr(9), h.PidsLimit)
		},
		"    ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, []*container.Ulimit{{Name: "nofile", Soft: 10, Hard: 20}, {Name: "nproc", Soft: 5, Hard: 5}}, h.Ulimits)
		},
		"    restart: \"on-failure:3\"": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 3}, h.RestartPolicy)
		},
		"    deploy: {restart_policy: {condition: any}}": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, container.RestartPolicyMode("always"), h.RestartPolicy.Name)
		},
		"    ports: [\"127.0.0.1:8080:80\", \"53:53/udp\"]\n    expose: [\"9000-9001\"]": func(t *testing.T, c *container.Config, h *container.HostConfig) {
			require.Len(t, c.ExposedPorts, 4)
			found := map[string]string{}
			for port, bindings := range h.PortBindings {
				found[port.String()] = bindings[0].HostIP.String() + " " + bindings[0].HostPort
			}
			require.Equal(t, map[string]string{"80/tcp": "127.0.0.1 8080", "53/udp": netip.Addr{}.String() + " 53"}, found)
		},
		"    tmpfs: [\"/tmp:size=1m\", /run]\n    shm_size: 8m\n    sysctls: {a.b: \"1\"}\n    init: true\n    ipc: host\n    pid: host\n    userns_mode: host\n    cgroup: host\n    oom_score_adj: 5": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Empty(t, h.Tmpfs, "what is among the mounts must not be mounted a second time")
			require.Equal(t, int64(8<<20), h.ShmSize)
			require.Equal(t, map[string]string{"a.b": "1"}, h.Sysctls)
			require.Equal(t, &yes, h.Init)
			require.Equal(t, []string{"host", "host", "host"}, []string{string(h.IpcMode), string(h.UsernsMode), string(h.CgroupnsMode)})
			require.Equal(t, 5, h.OomScoreAdj)
		},
		"    dns: [1.1.1.1]\n    dns_search: [x]\n    dns_opt: [\"ndots:1\"]\n    extra_hosts: [\"a:10.0.0.1\"]\n    group_add: [g]": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, []netip.Addr{netip.MustParseAddr("1.1.1.1")}, h.DNS)
			require.Equal(t, []string{"x", "ndots:1", "a:10.0.0.1", "g"}, []string{h.DNSSearch[0], h.DNSOptions[0], h.ExtraHosts[0], h.GroupAdd[0]})
		},
		"    logging: {driver: local, options: {max-size: 1m}}": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, container.LogConfig{Type: "local", Config: map[string]string{"max-size": "1m"}}, h.LogConfig)
		},
		"    devices: [\"/dev/null:/dev/x:r\"]": func(t *testing.T, _ *container.Config, h *container.HostConfig) {
			require.Equal(t, []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "r"}}, h.Devices)
		},
	} {
		t.Run(yaml, func(t *testing.T) {
			options, rest, err := createOptions(engine.ContainerSpec{Name: "n", Service: service(t, yaml), Labels: map[string]string{"l": "v"}})
			require.NoError(t, err)
			require.Empty(t, rest)
			require.Equal(t, "i", options.Config.Image)
			require.Equal(t, map[string]string{"l": "v"}, options.Config.Labels)
			require.Equal(t, container.NetworkMode("none"), options.HostConfig.NetworkMode, "without a network there is none")
			check(t, options.Config, options.HostConfig)
		})
	}
}

func create(t *testing.T, spec engine.ContainerSpec) (client.ContainerCreateOptions, []engine.Attachment) {
	options, rest, err := createOptions(spec)
	require.NoError(t, err)
	return options, rest
}

func TestTheFirstNetworkIsPartOfTheCreationAndTheOthersFollow(t *testing.T) {
	options, rest := create(t, engine.ContainerSpec{Networks: []engine.Attachment{
		{Network: "a", Aliases: []string{"x"}, IPv4Address: "10.1.0.5"}, {Network: "b"}}})
	require.Equal(t, container.NetworkMode("a"), options.HostConfig.NetworkMode)
	require.Len(t, options.NetworkingConfig.EndpointsConfig, 1, "an engine before API 1.44 takes one")
	a := options.NetworkingConfig.EndpointsConfig["a"]
	require.Equal(t, []string{"x"}, a.Aliases)
	require.Equal(t, "10.1.0.5", a.IPAMConfig.IPv4Address.String())
	require.Equal(t, []engine.Attachment{{Network: "b"}}, rest)

	options, _ = create(t, engine.ContainerSpec{NetworkMode: "container:abc", PidMode: "container:def"})
	require.Equal(t, container.NetworkMode("container:abc"), options.HostConfig.NetworkMode)
	require.Equal(t, container.PidMode("container:def"), options.HostConfig.PidMode)
	require.Nil(t, options.NetworkingConfig)
}

func TestFilesOfAReadOnlyRootGetVolumesOfTheirOwn(t *testing.T) {
	spec := engine.ContainerSpec{
		Mounts: []engine.Mount{{Kind: engine.MountVolume, Source: "v", Target: "/data"}, {Kind: engine.MountTmpfs, Target: "/t", SizeBytes: 9}, {Kind: engine.MountBind, Source: "/h", Target: "/b", ReadOnly: true}},
		Files:  []engine.File{{Path: "/etc/app/a"}, {Path: "/etc/app/b"}, {Path: "/data/c"}, {Path: "/run/secrets/s"}},
	}
	options, _ := create(t, spec)
	require.Equal(t, []mount.Mount{{Type: "volume", Source: "v", Target: "/data"}, {Type: "tmpfs", Target: "/t", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 9}},
		{Type: "bind", Source: "/h", Target: "/b", ReadOnly: true}}, options.HostConfig.Mounts)
	spec.Service.ReadOnly = true
	options, _ = create(t, spec)
	require.Equal(t, []mount.Mount{{Type: "volume", Target: "/etc/app"}, {Type: "volume", Target: "/run/secrets"}}, options.HostConfig.Mounts[3:])
}

func TestWhatCannotBeTranslatedIsNamed(t *testing.T) {
	for want, change := range map[string]func(*engine.ContainerSpec){
		`dns server "x"`:               func(s *engine.ContainerSpec) { s.Service.DNS = []string{"x"} },
		`restart policy "on-failure:x`: func(s *engine.ContainerSpec) { s.Service.Restart = "on-failure:x" },
		`expose "70000"`:               func(s *engine.ContainerSpec) { s.Service.Expose = []string{"70000"} },
		"in network a":                 func(s *engine.ContainerSpec) { s.Networks = []engine.Attachment{{Network: "a", IPv4Address: "1.2.3"}} },
		"host address of port 80": func(s *engine.ContainerSpec) {
			s.Service.Ports = []types.ServicePortConfig{{Target: 80, HostIP: "here"}}
		},
	} {
		var spec engine.ContainerSpec
		change(&spec)
		_, _, err := createOptions(spec)
		require.ErrorContains(t, err, want)
	}
}

func FuzzPortRange(f *testing.F) {
	f.Add("80")
	f.Add("8000-8010/udp")
	f.Fuzz(func(t *testing.T, text string) {
		low, high, err := portRange(text)
		if err == nil {
			require.True(t, 1 <= low && low <= high && high <= 65535)
		}
	})
}
