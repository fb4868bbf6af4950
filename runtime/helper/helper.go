// Package helper puts ddsctl's two helpers into a lab, and speaks to them once it runs.
//
// The wire (a container in the host's network namespace with NET_ADMIN only) observes and breaks the lab's links and keeps the
// journal of faults; the client (a node on the lab's networks without any capability) makes the lab's traffic. Add writes them into
// the project before it is planned, so that up, apply and down treat them like any container. They are optional: a lab runs
// without them, and one that cannot be made is a warning.
//
//	spec, err := helper.Add(spec, helper.Options{Workloads: workloads})
//	result, err := lifecycle.Up(ctx, spec, ...)
//	err = helper.Configure(ctx, engine, project) // tells the wire who is who
//	wire, err := helper.Dial(ctx, engine, project, engine.HelperWire)
package helper

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// The services of the helpers, and what stands in them.
const (
	WireService   = "ddsctl-wire"
	ClientService = "ddsctl-client"
	// DefaultImage is the image with the running ddsctl in it.
	DefaultImage = "ddsctl/node"
	// WorkloadsFile is where the client finds the lab's workloads: a JSON list.
	WorkloadsFile = "/etc/ddsctl/workloads.json"
	// StateFolder is where the wire keeps its journal, on a volume that goes with the lab.
	StateFolder = "/var/lib/ddsctl"
	// VolumesFolder is where the client finds the lab's volumes that its workloads need files of.
	VolumesFolder = "/volumes"

	configKey = "ddsctl-workloads"
	volumeKey = "ddsctl-journal"
)

// attached is the value of engine.LabelAttached.
const attached = "true"

// runSize bounds the helpers' /run, which holds a socket.
const runSize = 1 << 20

// runMode lets the client, which is nobody, put its socket there.
const runMode = 0o1777

// Options say what the helpers are to be. The zero value adds both.
type Options struct {
	Image string // "" is DefaultImage
	// Workloads is what the client starts with: any value that encodes as a JSON list of workloads. Nil is an empty list.
	Workloads any
	// Targets are the URLs that the workloads ask. The client starts once the services they name are ready.
	Targets []string
	// Files are those that the workloads name, such as the certificate of an authority. The lab's volume NAME stands in the client at
	// VolumesFolder/NAME, read-only, where one of them lies below that.
	Files []string
	// Networks are keys of networks of the project that the client is on besides those of the services.
	Networks []string
	// Attached says that the project is somebody else's: what the helpers are made of says so (engine.LabelAttached).
	Attached bool
	// NoWire and NoClient leave one out.
	NoWire, NoClient bool
}

// Add returns spec with the helpers in its project; spec itself is not changed. The services of the lab stay what they were, so
// that nothing of it is recreated. It refuses a project whose own services have the helpers' names or labels.
func Add(spec plan.Spec, options Options) (plan.Spec, error) {
	if spec.Project == nil {
		return spec, fmt.Errorf("add the helpers: no project")
	}
	for name, service := range spec.Project.Services {
		if name == WireService || name == ClientService || service.Labels[engine.LabelHelper] != "" {
			return spec, hint.Wrap(fmt.Errorf("service %q is one of ddsctl's own", name), "give the service another name, and no label %s", engine.LabelHelper)
		}
	}
	project := *spec.Project
	project.Services, project.Volumes, project.Configs = maps.Clone(project.Services), maps.Clone(project.Volumes), maps.Clone(project.Configs)
	spec.Project = &project
	options.Image = cmp.Or(options.Image, DefaultImage)
	if !options.NoWire {
		addWire(&project, options)
	}
	if !options.NoClient {
		if err := addClient(spec, options); err != nil {
			return spec, err
		}
	}
	sign(spec)
	return spec, nil
}

// sign lets one helper be made anew where the lab's own services have no reason to, and only the words change in which the lab was asked for: a copy
// of a lab takes its place without a restart. The wire is that one where there is a wire, because it loses nothing: faults are in its journal.
func sign(spec plan.Spec) {
	for _, name := range []string{WireService, ClientService} {
		service, ok := spec.Project.Services[name]
		if !ok {
			continue
		}
		sum := sha256.Sum256([]byte(spec.Lab + "\n" + spec.Source + "\n" + spec.Options))
		service.Labels = maps.Clone(service.Labels)
		service.Labels[engine.LabelAsked] = hex.EncodeToString(sum[:8])
		spec.Project.Services[name] = service
		return
	}
}

// service is what both helpers have in common: nothing they could harm the host with, and no port.
func service(name, kind string, options Options) types.ServiceConfig {
	s := types.ServiceConfig{Name: name}
	s.Image, s.Command = options.Image, types.ShellCommand{"node", kind}
	s.CapDrop, s.SecurityOpt, s.ReadOnly = []string{"ALL"}, []string{"no-new-privileges:true"}, true
	s.Volumes = []types.ServiceVolumeConfig{{Type: types.VolumeTypeTmpfs, Target: "/run", Tmpfs: &types.ServiceVolumeTmpfs{Size: runSize, Mode: runMode}}}
	s.Labels = types.Labels{engine.LabelHelper: kind}
	if options.Attached {
		s.Labels[engine.LabelAttached] = attached
	}
	return s
}

func addWire(project *types.Project, options Options) {
	wire := service(WireService, engine.HelperWire, options)
	wire.NetworkMode = "host"
	wire.Cgroup = "host" // so that it sees what the lab's containers use
	wire.CapAdd = []string{"NET_ADMIN"}
	wire.User = "0:0" // a capability is of use to root only, and the image's own user is nobody
	wire.Volumes = append(wire.Volumes, types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Source: volumeKey, Target: StateFolder})
	journal := types.VolumeConfig{}
	if options.Attached {
		journal.Labels = types.Labels{engine.LabelAttached: attached}
	}
	set(&project.Volumes, volumeKey, journal)
	set(&project.Services, WireService, wire)
}

func addClient(spec plan.Spec, options Options) error {
	project := spec.Project
	networks := slices.Concat(networks(project), options.Networks)
	slices.Sort(networks)
	networks = slices.Compact(networks)
	if len(networks) == 0 {
		return nil // every service is in another's or the host's network: there is none to be a node of
	}
	content := []byte("[]")
	if options.Workloads != nil {
		var err error
		if content, err = json.MarshalIndent(options.Workloads, "", "  "); err != nil {
			return fmt.Errorf("encode the workloads: %w", err)
		}
	}
	client := service(ClientService, engine.HelperClient, options)
	client.Networks = map[string]*types.ServiceNetworkConfig{}
	for _, key := range networks {
		client.Networks[key] = nil
	}
	client.Configs = []types.ServiceConfigObjConfig{{Source: configKey, Target: WorkloadsFile}}
	set(&project.Configs, configKey, types.ConfigObjConfig{Content: string(content)})
	mounts, err := volumes(project, options.Files)
	if err != nil {
		return err
	}
	client.Volumes = append(client.Volumes, mounts...)
	for _, target := range targets(project, options.Targets) {
		condition := types.ServiceConditionStarted
		check := project.Services[target].HealthCheck
		if len(spec.Probes[target]) > 0 || check != nil && !check.Disable && len(check.Test) > 1 {
			condition = types.ServiceConditionHealthy
		}
		if client.DependsOn == nil {
			client.DependsOn = types.DependsOnConfig{}
		}
		client.DependsOn[target] = types.ServiceDependency{Condition: condition, Required: true}
	}
	set(&project.Services, ClientService, client)
	return nil
}

// volumes mounts those of the lab's volumes in which files lie.
func volumes(project *types.Project, files []string) ([]types.ServiceVolumeConfig, error) {
	needed := map[string]bool{}
	for _, file := range files {
		below, ok := strings.CutPrefix(path.Clean(file), VolumesFolder+"/")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(below, "/")
		if _, ok := project.Volumes[name]; !ok {
			return nil, hint.Wrap(fmt.Errorf("a workload needs %s, and the lab has no volume %q", file, name), "name it under `volumes` in compose.yaml")
		}
		needed[name] = true
	}
	var mounts []types.ServiceVolumeConfig
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		mounts = append(mounts, types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Source: name, Target: VolumesFolder + "/" + name, ReadOnly: true})
	}
	return mounts, nil
}

func set[M ~map[string]V, V any](m *M, key string, value V) {
	if *m == nil {
		*m = M{}
	}
	(*m)[key] = value
}

// networks are the keys of the networks that the lab's services are on, sorted.
func networks(project *types.Project) []string {
	used := map[string]bool{}
	for name, service := range project.Services {
		if name == WireService || service.NetworkMode != "" {
			continue
		}
		for _, key := range service.NetworksByPriority() {
			used[key] = true
		}
	}
	return slices.Sorted(maps.Keys(used))
}

// targets are the services that URLs name as their hosts, by name, alias or container name; sorted.
func targets(project *types.Project, urls []string) []string {
	byHost := map[string]string{}
	for name, service := range project.Services {
		for _, network := range service.Networks {
			if network != nil {
				for _, alias := range network.Aliases {
					byHost[alias] = name
				}
			}
		}
		if service.ContainerName != "" {
			byHost[service.ContainerName] = name
		}
		for number := range service.GetScale() {
			byHost[fmt.Sprintf("%s-%s-%d", project.Name, name, number+1)] = name
		}
	}
	for name := range project.Services {
		byHost[name] = name // a service's own name comes before another's alias
	}
	found := map[string]bool{}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			continue // whoever reads the workloads says so better
		}
		host := strings.TrimSuffix(u.Hostname(), ".")
		if name, ok := byHost[host]; ok && name != WireService {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
