package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// Spec is what a user asks for: a lab's project, and what the project alone cannot say.
type Spec struct {
	// Lab is the lab's slug, Source the folder it was read from or "catalogue". Lab "" is the project's name.
	Lab, Source string
	Project     *types.Project
	// Contents holds what configs and secrets say, by ConfigKey and SecretKey. What is inline in the project, or comes
	// from its environment, need not be here.
	Contents map[string][]byte
	// Probes are the conditions of readiness by service, besides the service's own healthcheck.
	Probes map[string][]ready.Probe
	// Options is how the lab was asked for, in the asker's own words; it is kept with the lab (engine.LabelOptions), so that who
	// changes the running lab can ask for it in the same way. It changes nothing else.
	Options string
	// ImageIDs maps an image's name to the engine's ID for it, so that a rebuilt image recreates its containers.
	ImageIDs map[string]string
	// ImageNames maps an image's name in the project to the one that its containers are made from, where that is another. The name
	// itself is no part of the configuration's hash: ImageIDs says whether the image is another one.
	ImageNames map[string]string
}

// ConfigKey and SecretKey are the keys of Spec.Contents.
func ConfigKey(name string) string { return "configs/" + name }

// SecretKey is ConfigKey for a secret.
func SecretKey(name string) string { return "secrets/" + name }

// Desired is what must exist, with every name resolved. Its slices are sorted by name.
type Desired struct {
	Project, Lab string
	Networks     []Network
	Volumes      []Volume
	Services     []Service
}

// Network is a network that must exist, or, when External, must exist already.
type Network struct {
	engine.NetworkSpec
	Key, Hash string
	External  bool
}

// Volume is a volume that must exist, or, when External, must exist already.
type Volume struct {
	engine.VolumeSpec
	Key, Hash string
	External  bool
}

// Dependency is one entry of depends_on.
type Dependency struct {
	Service   string
	Condition string // one of the compose specification's service_... words
	Restart   bool
}

// Share is a namespace taken from another service: network, pid or ipc.
type Share struct{ Namespace, Service string }

// Service is one service with the number of containers it must have.
type Service struct {
	Name      string
	Hash      string
	Scale     int
	DependsOn []Dependency
	Shares    []Share
	Probes    []ready.Probe
	// OneShot services are done when they exit with 0: another service waits for that, or they are a job.
	OneShot bool
	// Ends says that exiting with 0 is the service's end and no failure: it is one-shot, or it says that it is not to be started again
	// (`restart: "no"`, in so many words) and nothing asks whether it is ready.
	Ends bool
	// Optional services may fail: all that depend on them say `required: false`, or they are helpers.
	Optional bool
	// Helper services are ddsctl's own (engine.LabelHelper). Nothing waits for them.
	Helper bool
	// Restarts says that the engine restarts the container by itself, so that an exit is not the end.
	Restarts bool

	template engine.ContainerSpec
}

// Container is the specification of the service's container with that number. Shared namespaces stay as
// `service:NAME`; the one who creates the container puts the provider's ID there.
func (s Service) Container(number int) engine.ContainerSpec {
	c := s.template
	c.Number = number
	c.Name = s.containerName(number)
	c.Labels = maps.Clone(s.template.Labels)
	c.Labels[engine.LabelNumber] = strconv.Itoa(number)
	c.Networks = slices.Clone(s.template.Networks)
	for i := range c.Networks {
		c.Networks[i].Aliases = aliases(s.Name, c.Name, s.template.Service.Networks[s.networkKey(i)])
	}
	return c
}

func (s Service) containerName(number int) string {
	if s.template.Service.ContainerName != "" {
		return s.template.Service.ContainerName
	}
	return fmt.Sprintf("%s-%s-%d", s.template.Project, s.Name, number)
}

func (s Service) networkKey(i int) string { return s.template.Service.NetworksByPriority()[i] }

func aliases(service, container string, config *types.ServiceNetworkConfig) []string {
	var names []string
	if config.ServiceNameAliasEnabled() {
		names = append(names, service)
	}
	names = append(names, container)
	if config != nil {
		names = append(names, config.Aliases...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Want works out what must exist for a specification. It is pure: the same Spec gives the same Desired.
func Want(spec Spec) (Desired, error) {
	p := spec.Project
	if p == nil || p.Name == "" {
		return Desired{}, errors.New("a project needs a name")
	}
	w := wanter{spec: spec, desired: Desired{Project: p.Name, Lab: cmp.Or(spec.Lab, p.Name)}}
	w.networks()
	w.volumes()
	for _, name := range p.ServiceNames() {
		service, err := w.service(name)
		if err != nil {
			return Desired{}, fmt.Errorf("service %q: %w", name, err)
		}
		w.desired.Services = append(w.desired.Services, service)
	}
	w.dropUnused()
	if err := w.relate(); err != nil {
		return Desired{}, err
	}
	return w.desired, nil
}

type wanter struct {
	spec    Spec
	desired Desired
	used    map[string]bool // names of networks and volumes, as "network NAME"
}

func (w *wanter) networks() {
	for _, key := range w.spec.Project.NetworkNames() {
		config := w.spec.Project.Networks[key]
		n := Network{Key: key, External: bool(config.External)}
		n.Name = cmp.Or(config.Name, w.desired.Project+"_"+key)
		n.Config = config
		n.Hash = networkHash(n.Name, config)
		n.Labels = w.labels(config.Labels, config.CustomLabels, map[string]string{
			engine.LabelNetwork: key, engine.LabelConfigHash: n.Hash,
		})
		w.desired.Networks = append(w.desired.Networks, n)
	}
	slices.SortFunc(w.desired.Networks, func(a, b Network) int { return cmp.Compare(a.Name, b.Name) })
}

func (w *wanter) volumes() {
	for _, key := range w.spec.Project.VolumeNames() {
		config := w.spec.Project.Volumes[key]
		v := Volume{Key: key, External: bool(config.External)}
		v.Name = cmp.Or(config.Name, w.desired.Project+"_"+key)
		v.Config = config
		v.Hash = volumeHash(v.Name, config)
		v.Labels = w.labels(config.Labels, config.CustomLabels, map[string]string{
			engine.LabelVolume: key, engine.LabelConfigHash: v.Hash,
		})
		w.desired.Volumes = append(w.desired.Volumes, v)
	}
	slices.SortFunc(w.desired.Volumes, func(a, b Volume) int { return cmp.Compare(a.Name, b.Name) })
}

// labels are the user's own, then those that say whose the thing is: the latter cannot be overridden.
func (w *wanter) labels(own, custom types.Labels, more map[string]string) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, own)
	maps.Copy(labels, custom)
	maps.Copy(labels, more)
	labels[engine.LabelProject] = w.desired.Project
	labels[engine.LabelVersion] = version
	labels[engine.LabelLab] = w.desired.Lab
	if w.spec.Source != "" {
		labels[engine.LabelSource] = w.spec.Source
	}
	if w.spec.Options != "" {
		labels[engine.LabelOptions] = w.spec.Options
	}
	return labels
}

// version stands where Docker Compose writes its own.
const version = "ddsctl"

func (w *wanter) service(name string) (Service, error) {
	config := w.spec.Project.Services[name]
	config.Name = name
	s := Service{Name: name, Scale: config.GetScale(), Restarts: restarts(config), Helper: config.Labels[engine.LabelHelper] != ""}
	if config.ContainerName != "" && s.Scale > 1 {
		return s, hint.Wrap(fmt.Errorf("container_name %q allows one container, scale asks for %d", config.ContainerName, s.Scale),
			"remove container_name from the service")
	}
	s.Probes = slices.Clone(w.spec.Probes[name])
	for _, probe := range s.Probes {
		if err := probe.Validate(); err != nil {
			return s, err
		}
	}
	if probe, ok := ready.FromHealthcheck(config.HealthCheck); ok {
		s.Probes = append(s.Probes, probe)
	}
	if config.Deploy != nil && strings.HasSuffix(config.Deploy.Mode, "-job") {
		s.OneShot = true
	}
	s.Ends = s.OneShot || config.Restart == types.RestartPolicyNo && len(s.Probes) == 0
	s.Shares = shares(config)
	s.DependsOn = dependencies(config, s.Shares)

	c := engine.ContainerSpec{Project: w.desired.Project, NetworkMode: config.NetworkMode, PidMode: config.Pid}
	var err error
	if c.Mounts, err = w.mounts(config); err != nil {
		return s, err
	}
	if c.Files, err = w.files(config); err != nil {
		return s, err
	}
	networkHashes, err := w.attach(&c, config)
	if err != nil {
		return s, err
	}
	s.Hash, err = serviceHash(config, c, w.spec.ImageIDs[config.Image], networkHashes)
	if err != nil {
		return s, err
	}
	c.Service = config
	c.Service.Image = cmp.Or(w.spec.ImageNames[config.Image], config.Image)
	c.Labels = w.labels(config.Labels, config.CustomLabels, map[string]string{
		engine.LabelService:     name,
		engine.LabelOneOff:      "False",
		engine.LabelConfigHash:  s.Hash,
		engine.LabelConfigFiles: strings.Join(w.spec.Project.ComposeFiles, ","),
		engine.LabelWorkingDir:  w.spec.Project.WorkingDir,
		engine.LabelDependsOn:   dependsOnLabel(s.DependsOn),
	})
	if grace := graceLabel(config, c.Mounts, w.externalVolumes()); grace != "" {
		c.Labels[labelGrace] = grace
	}
	s.template = c
	return s, nil
}

// attach joins the container to the service's networks and returns what those networks are.
func (w *wanter) attach(c *engine.ContainerSpec, config types.ServiceConfig) (map[string]string, error) {
	hashes := map[string]string{}
	if config.NetworkMode != "" {
		return hashes, nil
	}
	for _, key := range config.NetworksByPriority() {
		i := slices.IndexFunc(w.desired.Networks, func(n Network) bool { return n.Key == key })
		if i < 0 {
			return nil, fmt.Errorf("network %q is not in the project", key)
		}
		network := w.desired.Networks[i]
		attachment := engine.Attachment{Network: network.Name}
		if own := config.Networks[key]; own != nil {
			attachment.IPv4Address, attachment.IPv6Address = own.Ipv4Address, own.Ipv6Address
		}
		c.Networks = append(c.Networks, attachment)
		hashes[network.Name] = network.Hash
		w.use(engine.KindNetwork, network.Name)
	}
	return hashes, nil
}

func (w *wanter) use(kind, name string) {
	if w.used == nil {
		w.used = map[string]bool{}
	}
	w.used[kind+" "+name] = true
}

// dropUnused leaves out networks and volumes that no service uses, as Docker Compose does.
func (w *wanter) dropUnused() {
	w.desired.Networks = slices.DeleteFunc(w.desired.Networks, func(n Network) bool { return !w.used[engine.KindNetwork+" "+n.Name] })
	w.desired.Volumes = slices.DeleteFunc(w.desired.Volumes, func(v Volume) bool { return !w.used[engine.KindVolume+" "+v.Name] })
}

func (w *wanter) externalVolumes() map[string]bool {
	external := map[string]bool{}
	for _, v := range w.desired.Volumes {
		if v.External {
			external[v.Name] = true
		}
	}
	return external
}

func restarts(config types.ServiceConfig) bool {
	if config.Restart != "" && config.Restart != "no" {
		return true
	}
	return config.Deploy != nil && config.Deploy.RestartPolicy != nil && config.Deploy.RestartPolicy.Condition != "none"
}
