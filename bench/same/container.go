package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// inspected is what an engine says of a container.
type inspected struct {
	ID     string
	Name   string
	Config struct {
		Env                          []string
		Labels                       map[string]string
		Hostname, Domainname         string
		User, WorkingDir, StopSignal string
		Image                        string
		Cmd, Entrypoint              []string
		Tty, OpenStdin               bool
		StopTimeout                  *int
		ExposedPorts                 map[string]any
		Healthcheck                  map[string]any
	}
	HostConfig map[string]any
	Mounts     []struct {
		Type, Name, Source, Destination string
		RW                              bool
	}
	NetworkSettings struct {
		Networks map[string]struct {
			Aliases  []string
			DNSNames []string
		}
	}
	State struct {
		Status                string
		ExitCode              int
		StartedAt, FinishedAt time.Time
	}
}

func (c inspected) service() string { return c.Config.Labels["com.docker.compose.service"] }

func (c inspected) what(fact string) string { return strings.TrimPrefix(c.Name, "/") + " " + fact }

// hostKeys are the words of HostConfig that are compared.
var hostKeys = []string{"AutoRemove", "BlkioWeight", "CapAdd", "CapDrop", "CgroupParent", "CgroupnsMode", "CpuPeriod", "CpuQuota", "CpuShares", "CpusetCpus",
	"DeviceCgroupRules", "Devices", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "Init", "IpcMode", "LogConfig", "Memory", "MemoryReservation",
	"MemorySwap", "NanoCpus", "NetworkMode", "OomKillDisable", "OomScoreAdj", "PidMode", "PidsLimit", "Privileged", "ReadonlyRootfs", "RestartPolicy",
	"Runtime", "SecurityOpt", "ShmSize", "StorageOpt", "Sysctls", "UTSMode", "Ulimits", "UsernsMode"}

// facts adds what is compared of the container, without what is drawn by lot: IDs, addresses, free ports.
func (c inspected) facts(facts map[string]string) {
	config := c.Config
	env := slices.Clone(config.Env)
	slices.Sort(env)
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		facts[c.what("environment "+name)] = value
	}
	for name, value := range ownLabels(config.Labels) {
		facts[c.what("label "+name)] = value
	}
	hostname := config.Hostname
	if mode, _ := c.HostConfig["NetworkMode"].(string); strings.HasPrefix(c.ID, hostname) || strings.HasPrefix(mode, "container:") {
		hostname = "" // its own ID, or that of the container whose network it is in
	}
	facts[c.what("image")] = config.Image
	facts[c.what("command")] = shown([]any{config.Entrypoint, config.Cmd})
	facts[c.what("words")] = shown([]any{hostname, config.Domainname, config.User, config.WorkingDir, config.StopSignal, config.Tty, config.OpenStdin, config.StopTimeout})
	facts[c.what("healthcheck")] = shown(config.Healthcheck)
	facts[c.what("exposed")] = shown(config.ExposedPorts)
	facts[c.what("state")] = fmt.Sprintf("%s %d", c.State.Status, c.State.ExitCode)
	for key, value := range pick(c.HostConfig, hostKeys...) {
		facts[c.what(key)] = c.namespaceOf(value)
	}
	facts[c.what("ports")] = c.ports()
	for _, m := range c.Mounts {
		source := m.Source
		if m.Type == "volume" {
			if source = m.Name; len(source) == 64 { // a volume without a name
				source = "its own"
			}
		}
		if m.Type != "tmpfs" { // compared as the configuration says it
			facts[c.what("mount "+m.Destination)] = fmt.Sprintf("%s %s writable=%t", m.Type, source, m.RW)
		}
	}
	for target, options := range c.memory() {
		facts[c.what("memory at "+target)] = options
	}
	for name, n := range c.NetworkSettings.Networks {
		names := slices.DeleteFunc(slices.Concat(n.Aliases, n.DNSNames), func(alias string) bool { return len(alias) == 12 && strings.HasPrefix(c.ID, alias) })
		slices.Sort(names)
		facts[c.what("on "+name)] = strings.Join(slices.Compact(names), " ")
	}
}

// namespaceOf is a value in which another container's ID, which is drawn by lot, is not compared.
func (c inspected) namespaceOf(value any) string {
	if text, ok := value.(string); ok && strings.HasPrefix(text, "container:") {
		return "container:another"
	}
	return shown(value)
}

// ports are those that are published; of one that the engine picks, only that.
func (c inspected) ports() string {
	bindings, _ := c.HostConfig["PortBindings"].(map[string]any)
	var all []string
	for port, list := range bindings {
		hosts, _ := list.([]any)
		for _, host := range hosts {
			h, _ := host.(map[string]any)
			ip, published := fmt.Sprint(h["HostIp"]), fmt.Sprint(h["HostPort"])
			if ip == "" {
				ip = "0.0.0.0"
			}
			if published == "" || published == "0" {
				published = "free"
			}
			all = append(all, fmt.Sprintf("%s:%s->%s", ip, published, port))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// memory is what is mounted as tmpfs, with its size and mode: an engine takes it in two ways, which do the same.
func (c inspected) memory() map[string]string {
	all := map[string]string{}
	short, _ := c.HostConfig["Tmpfs"].(map[string]any)
	for target, options := range short {
		size, mode := int64(0), ""
		for option := range strings.SplitSeq(fmt.Sprint(options), ",") {
			if text, ok := strings.CutPrefix(option, "size="); ok {
				size, _ = units.RAMInBytes(text)
			}
			if text, ok := strings.CutPrefix(option, "mode="); ok {
				mode = text
			}
		}
		all[target] = fmt.Sprintf("size %d mode %s", size, mode)
	}
	long, _ := c.HostConfig["Mounts"].([]any)
	for _, item := range long {
		m, _ := item.(map[string]any)
		if m["Type"] != "tmpfs" {
			continue
		}
		options, _ := m["TmpfsOptions"].(map[string]any)
		size, _ := options["SizeBytes"].(float64)
		mode := ""
		if bits, ok := options["Mode"].(float64); ok && bits != 0 {
			mode = fmt.Sprintf("%04o", int64(bits))
		}
		all[fmt.Sprint(m["Target"])] = fmt.Sprintf("size %d mode %s", int64(size), mode)
	}
	return all
}
