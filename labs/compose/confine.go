package compose

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/labs/mark"
)

// confining checks a loaded project against what a lab may do without being trusted, and against the values that the table
// allows of its keys.
type confining struct {
	*loading
	project  *types.Project
	problems mark.Problems
	trustful bool // a problem goes away with trust
}

// beyond refuses what reaches beyond the lab, unless the lab is trusted.
func (c *confining) beyond(places []string, format string, args ...any) {
	if c.options.Trust {
		return
	}
	c.trustful = true
	c.problems = append(c.problems, c.walker.at(places...).problem(places[len(places)-1], "%s", fmt.Sprintf(format, args...)+"; refused unless the lab is trusted (--trust)"))
}

// refuse refuses whatever the trust.
func (c *confining) refuse(places []string, format string, args ...any) {
	c.problems = append(c.problems, c.walker.at(places...).problem(places[len(places)-1], format, args...))
}

func (c *confining) next() string {
	if c.trustful {
		return "change the file, or, if you trust whoever wrote the lab with this machine, say --trust"
	}
	return "docs/compose-support.md lists what is supported"
}

func (c *confining) all() {
	for _, name := range c.project.ServiceNames() {
		service := c.project.Services[name]
		c.service(&service)
		c.project.Services[name] = service
	}
	for _, name := range slices.Sorted(maps.Keys(c.project.Networks)) {
		c.network("networks."+name, c.project.Networks[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.project.Volumes)) {
		c.volume("volumes."+name, c.project.Volumes[name])
	}
	for kind, files := range map[string]map[string]types.FileObjectConfig{"configs": fileObjects(c.project.Configs), "secrets": fileObjects(c.project.Secrets)} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if file := files[name].File; file != "" {
				c.path([]string{kind + "." + name + ".file"}, "the file", file)
			}
		}
	}
}

func fileObjects[T types.ConfigObjConfig | types.SecretConfig](objects map[string]T) map[string]types.FileObjectConfig {
	files := map[string]types.FileObjectConfig{}
	for name, object := range objects {
		files[name] = types.FileObjectConfig(object)
	}
	return files
}

// path refuses a path that is outside the folder.
func (c *confining) path(places []string, what, path string) {
	if c.folder.fsys == nil && c.options.Trust {
		return
	}
	if c.folder.contains(path) {
		return
	}
	shown := path
	if relative, err := filepath.Rel(c.folder.dir, path); err == nil {
		shown = relative
	}
	if c.folder.fsys != nil {
		c.refuse(places, "%s %s is not in the lab's folder, and a lab of the catalogue has no other", what, shown)
		return
	}
	c.beyond(places, "%s %s is %s", what, shown, inFolder)
}

func (c *confining) service(s *types.ServiceConfig) {
	at := func(keys ...string) []string {
		paths := make([]string, len(keys))
		for i, key := range keys {
			paths[i] = "services." + s.Name + "." + key
		}
		return paths
	}
	if s.Privileged {
		c.beyond(at("privileged"), "privileged gives the container the machine")
	}
	for _, capability := range s.CapAdd {
		c.beyond(at("cap_add="+capability, "cap_add"), "the capability %s is more than a container has by itself", capability)
	}
	for _, option := range s.SecurityOpt {
		if flag, value, _ := strings.Cut(strings.Replace(option, "=", ":", 1), ":"); flag != "no-new-privileges" || value == "false" {
			c.beyond(at("security_opt="+option, "security_opt"), "%s takes a protection of the machine away", option)
		}
	}
	for _, device := range s.Devices {
		c.beyond(at("devices"), "%s is a device of the machine", device.Source)
	}
	for _, rule := range s.DeviceCgroupRules {
		c.beyond(at("device_cgroup_rules="+rule, "device_cgroup_rules"), "%q opens devices of the machine", rule)
	}
	for key, mode := range map[string]string{"network_mode": s.NetworkMode, "pid": s.Pid, "ipc": s.Ipc, "uts": s.Uts,
		"userns_mode": s.UserNSMode, "cgroup": s.Cgroup} {
		c.namespace(at(key), key, mode)
	}
	if s.CgroupParent != "" {
		c.beyond(at("cgroup_parent"), "%s is a control group outside the lab", s.CgroupParent)
	}
	if s.Runtime != "" {
		c.beyond(at("runtime"), "%s is another container runtime than the machine's own", s.Runtime)
	}
	if s.CPURTPeriod != 0 || s.CPURTRuntime != 0 {
		c.beyond(at("cpu_rt_runtime", "cpu_rt_period"), "realtime scheduling can starve the machine")
	}
	if s.OomKillDisable {
		c.beyond(at("oom_kill_disable"), "without being killed for want of memory, the container takes the machine's")
	}
	if s.OomScoreAdj < 0 {
		c.beyond(at("oom_score_adj"), "below 0, other processes of the machine are killed for want of memory first")
	}
	for _, file := range s.EnvFiles {
		c.hostFile(at("env_file="+file.Path, "env_file.path", "env_file"), "the env file", file.Path)
	}
	for _, file := range s.LabelFiles {
		c.hostFile(at("label_file="+file, "label_file"), "the label file", file)
	}
	c.build(at, s)
	c.mounts(at, s)
	c.ports(at, s)
	c.values(at, s)
}

// hostFile is for files that are read from disk by compose-go.
func (c *confining) hostFile(places []string, what, path string) {
	if c.folder.fsys != nil {
		c.refuse(places, "%s is not read for a lab of the catalogue: write the values into compose.yaml", what)
		return
	}
	c.path(places, what, path)
	if err := c.folder.plain(path); err != nil {
		c.refuse(places, "%s: %s", what, err)
	}
}

// reserved refuses the names by which ddsctl knows its own, once labels are complete. A container that carries them would be taken for a
// helper.
func (c *confining) reserved() {
	check := func(at string, labels types.Labels) {
		for _, label := range slices.Sorted(maps.Keys(labels)) {
			if strings.HasPrefix(label, "ddsctl.") {
				c.refuse([]string{at + ".labels=" + label, at + ".labels", at}, "the label %s is one of ddsctl's own", label)
			}
		}
	}
	for _, name := range c.project.ServiceNames() {
		check("services."+name, c.project.Services[name].Labels)
		if strings.HasPrefix(name, "ddsctl-") {
			c.refuse([]string{"services." + name}, "services whose names begin with ddsctl- are ddsctl's own")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.project.Networks)) {
		check("networks."+name, c.project.Networks[name].Labels)
	}
	for _, name := range slices.Sorted(maps.Keys(c.project.Volumes)) {
		check("volumes."+name, c.project.Volumes[name].Labels)
	}
}

func (c *confining) namespace(places []string, key, mode string) {
	switch word, _, _ := strings.Cut(mode, ":"); {
	case word == "host":
		c.beyond(places, "%s: %s shares the machine's own", key, mode)
	case word == "container":
		c.beyond(places, "%s: %s reaches into a container outside the lab", key, mode)
	case key == "network_mode" && mode != "" && word != "none" && word != "service" && word != "bridge":
		c.beyond(places, "network_mode: %s is a network that is not the lab's", mode)
	case key == "ipc" && mode == "shareable", mode == "", mode == "private", word == "service", word == "none", word == "bridge":
	default:
		c.refuse(places, "%s: %s is not supported", key, mode)
	}
}

func (c *confining) build(at func(...string) []string, s *types.ServiceConfig) {
	if s.Build == nil {
		return
	}
	switch context := s.Build.Context; {
	case c.folder.fsys != nil:
		c.refuse(at("build"), "a lab of the catalogue is built from nothing but ddsctl's own images")
		return
	case remote(context) || strings.HasSuffix(context, ".git"):
		c.refuse(at("build.context", "build"), "%q is not on this machine; a build is of a folder in the lab's folder", context)
	default:
		c.path(at("build.context", "build"), "the build context", context)
		if s.Build.Dockerfile != "" && s.Build.DockerfileInline == "" {
			file := s.Build.Dockerfile
			if !filepath.IsAbs(file) {
				file = filepath.Join(context, file)
			}
			c.path(at("build.dockerfile", "build"), "the Dockerfile", file)
		}
	}
	if s.Build.Network == "host" {
		c.beyond(at("build.network"), "a build in the machine's own network")
	}
}

// sockets are where engines listen. Whoever can write to one of them has the machine.
var sockets = []string{"docker.sock", "podman.sock", "containerd.sock", "crio.sock", "docker.raw.sock"}

func (c *confining) mounts(at func(...string) []string, s *types.ServiceConfig) {
	for i := range s.Volumes {
		v := &s.Volumes[i]
		places := at("volumes.source="+v.Source, "volumes="+v.Target, "volumes.source", "volumes")
		if v.Type != types.VolumeTypeBind {
			places = at("volumes")
		}
		switch v.Type {
		case types.VolumeTypeBind:
			c.bind(places, v)
		case types.VolumeTypeVolume, types.VolumeTypeTmpfs, "":
			if v.Volume != nil && (v.Volume.NoCopy || v.Volume.Subpath != "" || len(v.Volume.Labels) > 0) {
				c.refuse(places, "the mount at %s: options of a volume are not supported", v.Target)
			}
		default:
			c.refuse(places, "the mount at %s: type %s is not supported; there are volume, bind and tmpfs", v.Target, v.Type)
		}
	}
}

func (c *confining) bind(places []string, v *types.ServiceVolumeConfig) {
	switch {
	case c.folder.fsys != nil:
		c.refuse(places, "the mount at %s: a lab of the catalogue is not on disk; use a config, or a volume", v.Target)
		return
	case slices.Contains(sockets, filepath.Base(v.Source)):
		c.beyond(places, "%s is the engine's socket, and with it the machine", v.Source)
		return
	case v.Bind != nil && v.Bind.SELinux != "":
		c.refuse(places, "the mount at %s: the option %s is not supported", v.Target, v.Bind.SELinux)
	}
	before := len(c.problems)
	c.path(places, "the mount at "+v.Target+" of", v.Source)
	if len(c.problems) == before && !c.options.Trust {
		// What was checked is what is mounted: the path with its links followed.
		if real, err := filepath.EvalSymlinks(v.Source); err == nil {
			v.Source = real
		}
	}
}

func (c *confining) ports(at func(...string) []string, s *types.ServiceConfig) {
	for i := range s.Ports {
		p := &s.Ports[i]
		if p.HostIP == "" {
			p.HostIP = "127.0.0.1"
			if c.folder.fsys == nil {
				c.note("port %d of service %s is published on 127.0.0.1 only; say 0.0.0.0:... (with --trust) to let other machines in", p.Target, s.Name)
			}
			continue
		}
		address, err := netip.ParseAddr(strings.Trim(p.HostIP, "[]"))
		switch {
		case err != nil:
			c.refuse(at("ports.host_ip", "ports"), "%q is not an IP address", p.HostIP)
		case !address.IsLoopback():
			c.beyond(at("ports.host_ip", fmt.Sprintf("ports=%s:%s:%d", p.HostIP, p.Published, p.Target), "ports"),
				"port %d is published on %s, where other machines reach it", p.Target, p.HostIP)
		}
	}
}

// values refuses values of supported keys that are not supported.
func (c *confining) values(at func(...string) []string, s *types.ServiceConfig) {
	if s.Deploy != nil {
		switch s.Deploy.Mode {
		case "", "replicated", "replicated-job":
		default:
			c.refuse(at("deploy.mode"), "deploy.mode: %s is not supported; there are replicated and replicated-job", s.Deploy.Mode)
		}
	}
	switch s.PullPolicy {
	case "", "missing", "if_not_present", "always", "never", "build":
	default:
		c.refuse(at("pull_policy"), "pull_policy: %s is not supported; there are missing, always, never and build", s.PullPolicy)
	}
	for _, line := range s.Tmpfs {
		_, options, _ := strings.Cut(line, ":")
		for option := range strings.SplitSeq(options, ",") {
			if key, _, _ := strings.Cut(option, "="); key != "" && key != "size" && key != "mode" && key != "ro" && key != "rw" {
				c.refuse(at("tmpfs="+line, "tmpfs"), "the tmpfs option %q is not supported; there are size, mode and ro", option)
			}
		}
	}
}

func (c *confining) network(at string, n types.NetworkConfig) {
	if n.External {
		c.beyond([]string{at + ".external"}, "the network %s is not the lab's own", n.Name)
		return
	}
	if n.Driver != "" && n.Driver != "bridge" {
		c.beyond([]string{at + ".driver"}, "the network driver %s reaches beyond the lab", n.Driver)
	}
	for _, option := range slices.Sorted(maps.Keys(n.DriverOpts)) {
		if option != "com.docker.network.driver.mtu" {
			c.beyond([]string{at + ".driver_opts." + option, at + ".driver_opts"}, "the network option %s changes the machine's network", option)
		}
	}
}

func (c *confining) volume(at string, v types.VolumeConfig) {
	if v.External {
		c.beyond([]string{at + ".external"}, "the volume %s is not the lab's own", v.Name)
		return
	}
	if v.Driver != "" && v.Driver != "local" {
		c.beyond([]string{at + ".driver"}, "the volume driver %s keeps its data outside the lab", v.Driver)
	}
	if len(v.DriverOpts) > 0 && !memoryOnly(v.DriverOpts) {
		c.beyond([]string{at + ".driver_opts"}, "a volume of the device %q is a folder or a disk of the machine", v.DriverOpts["device"])
	}
}

// memoryOnly says whether the options of the local driver can only make a file system in memory. The engine hands them to mount(2),
// where an option such as bind would win over the type.
func memoryOnly(options map[string]string) bool {
	if options["type"] != "tmpfs" {
		return false
	}
	for key, value := range options {
		switch key {
		case "type":
		case "device":
			if value != "tmpfs" && value != "none" {
				return false
			}
		case "o":
			for option := range strings.SplitSeq(value, ",") {
				switch name, _, _ := strings.Cut(option, "="); name {
				case "size", "nr_inodes", "uid", "gid", "mode", "noexec", "nosuid", "nodev", "ro", "rw", "":
				default:
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}
