package manifest

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/labs/export/manifest/kube"
)

func mapsKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// container adds a service's container to its pod.
func (w *writer) container(p *pod, name string) {
	s := w.lab.Project.Services[name]
	c := kube.Container{Name: label(name), Image: cmp.Or(s.Image, w.lab.Project.Name+"-"+name), ImagePullPolicy: kube.PullIfNotPresent,
		Command: allUnexpanded(s.Entrypoint), Args: allUnexpanded(s.Command), WorkingDir: s.WorkingDir, TTY: s.Tty, Stdin: s.StdinOpen}
	if s.PullPolicy == types.PullPolicyAlways {
		c.ImagePullPolicy = kube.PullAlways
	}
	for _, variable := range slices.Sorted(mapsKeys(s.Environment)) {
		if value := s.Environment[variable]; value != nil {
			c.Env = append(c.Env, kube.EnvVar{Name: variable, Value: unexpanded(*value)})
		}
	}
	for _, x := range w.ports[name] {
		c.Ports = append(c.Ports, kube.ContainerPort{Name: x.name(), ContainerPort: int32(x.number), Protocol: x.protocol})
	}
	c.Resources = w.resources(s)
	c.SecurityContext = w.security(s)
	w.mounts(p, &c, s)
	w.probes(&c, name)
	w.unsaid(s)
	p.spec.Containers = append(p.spec.Containers, c)
}

func (w *writer) resources(s types.ServiceConfig) kube.ResourceRequirements {
	var r kube.ResourceRequirements
	limit := func(list *kube.ResourceList, name string, q kube.Quantity) {
		if *list == nil {
			*list = kube.ResourceList{}
		}
		(*list)[name] = q
	}
	memory, cpus, reserved := s.MemLimit, float64(s.CPUS), s.MemReservation
	if s.Deploy != nil {
		if l := s.Deploy.Resources.Limits; l != nil {
			memory, cpus = cmp.Or(memory, l.MemoryBytes), cmp.Or(cpus, float64(l.NanoCPUs))
		}
		if l := s.Deploy.Resources.Reservations; l != nil {
			reserved = cmp.Or(reserved, l.MemoryBytes)
		}
	}
	if cpus == 0 && s.CPUQuota > 0 {
		const period = 100_000 // the kernel's own, in microseconds
		cpus = float64(s.CPUQuota) / float64(cmp.Or(s.CPUPeriod, period))
	}
	if memory > 0 {
		limit(&r.Limits, kube.ResourceMemory, kube.Bytes(int64(memory)))
	}
	if cpus > 0 {
		limit(&r.Limits, kube.ResourceCPU, kube.Processors(cpus))
	}
	if reserved > 0 {
		limit(&r.Requests, kube.ResourceMemory, kube.Bytes(int64(reserved)))
	}
	return r
}

func (w *writer) security(s types.ServiceConfig) *kube.SecurityContext {
	c := &kube.SecurityContext{}
	yes, no := true, false
	if s.Privileged {
		c.Privileged = &yes
	}
	if s.ReadOnly {
		c.ReadOnlyRootFilesystem = &yes
	}
	for _, option := range s.SecurityOpt {
		if strings.HasPrefix(option, "no-new-privileges") && !strings.HasSuffix(option, "false") {
			c.AllowPrivilegeEscalation = &no
		} else {
			w.note("%s: security_opt %s is not carried over", s.Name, option)
		}
	}
	if len(s.CapAdd)+len(s.CapDrop) > 0 {
		c.Capabilities = &kube.Capabilities{Add: capabilities(s.CapAdd), Drop: capabilities(s.CapDrop)}
		if slices.Contains(c.Capabilities.Add, "SYS_ADMIN") {
			c.AllowPrivilegeEscalation = nil // the two contradict each other
		}
	}
	if s.User != "" {
		user, group, grouped := strings.Cut(s.User, ":")
		id, ok := number(user)
		if ok {
			c.RunAsUser = &id
		}
		if gid, numeric := number(group); grouped && numeric {
			c.RunAsGroup = &gid
		} else if grouped {
			ok = false
		}
		if !ok {
			w.note("%s: user %s is a name, and Kubernetes takes numbers: the image's own user is used where there is none", s.Name, s.User)
		}
	}
	if *c == (kube.SecurityContext{}) {
		return nil
	}
	return c
}

func capabilities(names []string) []kube.Capability {
	var list []kube.Capability
	for _, name := range names {
		list = append(list, kube.Capability(strings.TrimPrefix(strings.ToUpper(name), "CAP_")))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// unsaid notes a service's words that have no counterpart.
func (w *writer) unsaid(s types.ServiceConfig) {
	pids := s.PidsLimit
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		pids = cmp.Or(pids, s.Deploy.Resources.Limits.Pids)
	}
	for _, word := range []struct {
		is   bool
		text string
	}{
		{pids > 0, "pids_limit: bounded for each node, by its kubelet (podPidsLimit)"},
		{s.Init != nil && *s.Init, "init: there is no process that reaps others, unless the image has one"},
		{s.StopSignal != "" && s.StopSignal != "SIGTERM", "stop_signal: that of the image (STOPSIGNAL) is used"},
		{s.CPUShares != 0, "cpu_shares: shares follow from the requested processors"},
		{s.CPUSet != "", "cpuset: processors are assigned by the kubelet"},
		{s.MemSwapLimit != 0, "memswap_limit: swap is decided for each node"},
		{len(s.Ulimits) > 0, "ulimits: those of the node's container runtime hold"},
		{len(s.Devices) > 0, "devices: a device plugin hands them out"},
		{s.Logging != nil, "logging: the node's container runtime decides"},
		{s.NetworkMode == "none", "network_mode none: its NetworkPolicy lets nobody in, and it can ask others"},
		{s.UserNSMode != "", "userns_mode: decided for each cluster"},
		{s.OomScoreAdj != 0 || s.OomKillDisable, "oom_score_adj: follows from requests and limits"},
		{s.Runtime != "", "runtime: name a RuntimeClass"},
		{s.Cgroup != "" || s.CgroupParent != "", "cgroup: decided by the kubelet"},
		{s.Restart == types.RestartPolicyNo && !w.services[s.Name].Ends, "restart \"no\": a container of a Deployment is always started again"},
	} {
		if word.is {
			w.note("%s: %s", s.Name, word.text)
		}
	}
}
