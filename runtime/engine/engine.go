// Package engine holds the nouns of a container engine: what a lab is made of once it runs (containers, networks,
// volumes), what is asked of an engine to make it so, and the ways in which an engine refuses.
//
// There is no Engine interface here on purpose. Each consumer declares the few methods it needs; the concrete
// engines (engine/docker, engine/fake) return concrete clients, and the suite in engine/contract holds them to
// the same behaviour.
package engine

import (
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Labels that Docker Compose itself uses. With them `docker compose ls`, `docker compose ps` and every other tool
// that knows Compose show a lab as what it is.
const (
	LabelProject     = "com.docker.compose.project"
	LabelService     = "com.docker.compose.service"
	LabelNumber      = "com.docker.compose.container-number"
	LabelOneOff      = "com.docker.compose.oneoff"
	LabelConfigHash  = "com.docker.compose.config-hash"
	LabelConfigFiles = "com.docker.compose.project.config_files"
	LabelWorkingDir  = "com.docker.compose.project.working_dir"
	LabelNetwork     = "com.docker.compose.network"
	LabelVolume      = "com.docker.compose.volume"
	LabelDependsOn   = "com.docker.compose.depends_on"
	LabelVersion     = "com.docker.compose.version"
)

// Labels of ddsctl. The presence of LabelLab says that ddsctl made the thing; what lacks it is never changed.
const (
	// LabelLab is the lab's slug, or the project's name for a plain Compose project.
	LabelLab = "ddsctl.lab"
	// LabelSource is the folder the lab was read from, or "catalogue".
	LabelSource = "ddsctl.source"
	// LabelOptions is how the lab was asked for when the thing was made.
	LabelOptions = "ddsctl.options"
	// LabelAsked is on one of ddsctl's helpers: a hash of the lab, its source and its options. That helper alone is made anew when
	// only these change, so that there is always a container whose other labels say what holds now.
	LabelAsked = "ddsctl.asked"
	// LabelAttached is on what ddsctl put beside a project that somebody else has started: all else of that project is not ddsctl's.
	LabelAttached = "ddsctl.attached"
	// LabelHelper marks ddsctl's own containers in a lab: HelperWire or HelperClient.
	LabelHelper = "ddsctl.helper"
)

// The helpers that ddsctl adds to a lab.
const (
	HelperWire   = "wire"   // observes and breaks the lab's links
	HelperClient = "client" // the traffic client, a node of the topology
)

// Phase is where a container is in its life, in the engine's own words.
type Phase string

// The phases that engines report.
const (
	PhaseCreated    Phase = "created"
	PhaseRunning    Phase = "running"
	PhasePaused     Phase = "paused"
	PhaseRestarting Phase = "restarting"
	PhaseRemoving   Phase = "removing"
	PhaseExited     Phase = "exited"
	PhaseDead       Phase = "dead"
)

// Container is one container as the engine shows it.
type Container struct {
	ID         string                `json:"id"`
	Name       string                `json:"name"`
	Project    string                `json:"project"`
	Service    string                `json:"service"`
	Number     int                   `json:"number"` // replica, from 1
	Image      string                `json:"image"`
	ImageID    string                `json:"image_id"`
	ConfigHash string                `json:"config_hash"`
	Phase      Phase                 `json:"phase"`
	ExitCode   int                   `json:"exit_code"`
	Health     Health                `json:"health,omitempty"`
	Created    time.Time             `json:"created"`
	Addresses  map[string]netip.Addr `json:"addresses"` // by the engine's network name
	Ports      []Port                `json:"ports,omitempty"`
	Labels     map[string]string     `json:"labels"`
	// NetworkOf is the ID of the container in whose network namespace this one is; "" where it has its own.
	NetworkOf string `json:"network_of,omitempty"`
}

// Helper says which of ddsctl's helpers the container is, or "" for a node of the lab.
func (c Container) Helper() string { return c.Labels[LabelHelper] }

// Attached says that the container stands beside a project that is not ddsctl's.
func (c Container) Attached() bool { return c.Labels[LabelAttached] != "" }

// OneOff says that the container was made for one command, as `docker compose run` does, and is none of its service's replicas.
func (c Container) OneOff() bool { return c.Labels[LabelOneOff] == "True" }

// Running says that the container has processes and a network: running, paused or on its way up again.
func (c Container) Running() bool {
	return c.Phase == PhaseRunning || c.Phase == PhasePaused || c.Phase == PhaseRestarting
}

// Health is what the engine's own health check of a container last said; "" where there is none.
type Health string

// The healths that engines report.
const (
	HealthStarting  Health = "starting"
	HealthHealthy   Health = "healthy"
	HealthUnhealthy Health = "unhealthy"
)

// Port is a container's port made reachable on the host.
type Port struct {
	HostIP    netip.Addr `json:"host_ip"`
	Host      uint16     `json:"host"`
	Container uint16     `json:"container"`
	Protocol  string     `json:"protocol"` // tcp or udp
}

// Network is one network as the engine shows it.
type Network struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Key      string            `json:"key"` // its name in the Compose file
	Project  string            `json:"project"`
	Bridge   string            `json:"bridge"` // the bridge interface on the engine's host, "" where there is none
	Subnets  []netip.Prefix    `json:"subnets"`
	Gateways []netip.Addr      `json:"gateways"`
	Labels   map[string]string `json:"labels"`
}

// Volume is one volume as the engine shows it.
type Volume struct {
	Name    string            `json:"name"`
	Key     string            `json:"key"` // its name in the Compose file
	Project string            `json:"project"`
	Labels  map[string]string `json:"labels"`
}

// State is everything the engine holds of one project: the actual side of a plan.
type State struct {
	Containers []Container `json:"containers"`
	Networks   []Network   `json:"networks"`
	Volumes    []Volume    `json:"volumes"`
	// Outer are networks of others that the project's containers are on.
	Outer []Network `json:"outer,omitempty"`
}

// Ours says that ddsctl made something of it.
func (s State) Ours() bool {
	ours := func(labels map[string]string) bool { return labels[LabelLab] != "" }
	return slices.ContainsFunc(s.Containers, func(c Container) bool { return ours(c.Labels) }) ||
		slices.ContainsFunc(s.Networks, func(n Network) bool { return ours(n.Labels) }) ||
		slices.ContainsFunc(s.Volumes, func(v Volume) bool { return ours(v.Labels) })
}

// Attached says that ddsctl stands beside the project, which somebody else has started.
func (s State) Attached() bool {
	return slices.ContainsFunc(s.Containers, Container.Attached) ||
		slices.ContainsFunc(s.Volumes, func(v Volume) bool { return v.Labels[LabelAttached] != "" })
}

// Missing are the names of networks that containers are on and that are not in the state yet, sorted.
func (s State) Missing() []string {
	var names []string
	for _, c := range s.Containers {
		for name := range c.Addresses {
			if !slices.ContainsFunc(slices.Concat(s.Networks, s.Outer), func(n Network) bool { return n.Name == name }) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Empty says that nothing of the project is left.
func (s State) Empty() bool {
	return len(s.Containers)+len(s.Networks)+len(s.Volumes) == 0
}

// ContainerSpec asks for one container. Service is the Compose definition; the other fields are what the definition
// alone cannot say: names resolved against the engine, and contents read from the lab's folder.
type ContainerSpec struct {
	Name     string
	Project  string
	Number   int
	Service  types.ServiceConfig
	Labels   map[string]string
	Networks []Attachment
	// NetworkMode and PidMode stand for `network_mode` and `pid` after `service:NAME` became `container:ID`.
	NetworkMode string
	PidMode     string
	Mounts      []Mount
	Files       []File // configs and secrets: copied in before the start, so that a remote engine works too
}

// Attachment joins a container to a network, by the engine's name for it.
type Attachment struct {
	Network     string
	Aliases     []string
	IPv4Address string
	IPv6Address string
}

// MountKind is how a mount is backed.
type MountKind string

// The kinds of mounts.
const (
	MountVolume MountKind = "volume"
	MountBind   MountKind = "bind"
	MountTmpfs  MountKind = "tmpfs"
)

// Mount puts a volume (by the engine's name), a host path or a tmpfs at Target.
type Mount struct {
	Kind      MountKind
	Source    string
	Target    string
	ReadOnly  bool
	SizeBytes int64  // tmpfs only; 0 is the engine's default
	Mode      uint32 // tmpfs only: permission bits, with 0o1000 for sticky; 0 is the engine's default
}

// File is a file copied into a container before it starts.
type File struct {
	Path    string // absolute, in the container
	Content []byte
	Mode    uint32 // permission bits
	UID     int
	GID     int
}

// NetworkSpec asks for one network.
type NetworkSpec struct {
	Name   string
	Config types.NetworkConfig
	Labels map[string]string
}

// VolumeSpec asks for one volume.
type VolumeSpec struct {
	Name   string
	Config types.VolumeConfig
	Labels map[string]string
}

// ExecSpec runs a command in a running container. Stdin, Stdout and Stderr may be nil. With TTY, Stdout carries
// both streams and Resize, when not nil, brings the terminal's sizes.
type ExecSpec struct {
	Command []string
	Env     []string
	User    string
	WorkDir string
	TTY     bool
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Resize  <-chan TerminalSize
}

// TerminalSize is a terminal's size in character cells.
type TerminalSize struct{ Rows, Columns uint }

// LogSpec asks for a container's log.
type LogSpec struct {
	Follow     bool
	Tail       int       // last lines only; negative means all
	Since      time.Time // zero means from the start
	Timestamps bool
}

// Event is one change in the engine, as it happened.
type Event struct {
	Time     time.Time         `json:"time"`
	Project  string            `json:"project"`
	Kind     string            `json:"kind"`   // container, network, volume
	Action   string            `json:"action"` // create, start, die, kill, oom, pause, unpause, stop, destroy, ...
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Service  string            `json:"service"`
	ExitCode int               `json:"exit_code,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// Resources are limits that may be changed on a running container. A nil field is left as it is; zero means no limit.
type Resources struct {
	NanoCPUs    *int64
	MemoryBytes *int64
	PidsLimit   *int64
}

// Info tells which engine answers and what it can do.
type Info struct {
	Name          string `json:"name"` // docker, podman
	Version       string `json:"version"`
	APIVersion    string `json:"api_version"`
	OS            string `json:"os"`
	Arch          string `json:"arch"`
	KernelVersion string `json:"kernel_version"`
	CgroupVersion string `json:"cgroup_version"` // "1" or "2"
	CPUs          int    `json:"cpus"`
	MemoryBytes   int64  `json:"memory_bytes"`
	Rootless      bool   `json:"rootless"`
	Address       string `json:"address"` // where it was reached
}

// Life is what an engine tells of a container's present life, or of its last one when it does not run.
type Life struct {
	Started  time.Time `json:"started"`  // zero when it was never started
	Finished time.Time `json:"finished"` // zero while it runs
	Restarts int       `json:"restarts"` // by the engine itself
	// Health is the engine's own word on its healthcheck: healthy, unhealthy, starting; "" without one.
	Health string `json:"health,omitempty"`
}
