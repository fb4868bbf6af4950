package manifest

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/labs/export/manifest/kube"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// pod is a set of services that share namespaces. The first is the one whose namespaces the others are in.
type pod struct {
	name     string
	services []string
	spec     kube.PodSpec
	claims   []kube.PersistentVolumeClaim // of a StatefulSet
}

// group puts services that share a namespace into one pod.
func (w *writer) group() {
	names := w.lab.Project.ServiceNames()
	root := map[string]string{}
	var find func(name string, depth int) string
	find = func(name string, depth int) string {
		for _, share := range w.services[name].Shares {
			if depth < len(names) {
				return find(share.Service, depth+1)
			}
		}
		return name
	}
	for _, name := range names {
		root[name] = find(name, 0)
	}
	for _, name := range names {
		if root[name] != name {
			continue
		}
		p := &pod{name: label(name), services: []string{name}}
		for _, other := range names {
			if root[other] == name && other != name {
				p.services = append(p.services, other)
			}
		}
		w.pods[p.name] = p
		for _, member := range p.services {
			w.of[member] = p
		}
		if p.name != name {
			w.note("%s is called %s: a name in Kubernetes has small letters, digits and hyphens; what refers to it has to follow", name, p.name)
		}
	}
}

// workload adds the object that runs a pod.
func (w *writer) workload(p *pod) {
	first := w.services[p.services[0]]
	w.shared(p)
	for _, name := range p.services {
		w.container(p, name)
	}
	w.podWords(p)
	template := kube.PodTemplateSpec{ObjectMeta: kube.ObjectMeta{Labels: w.labels(p.name)}, Spec: p.spec}
	replicas := int32(min(first.Scale, math.MaxInt32))
	switch {
	case first.Ends && len(p.services) == 1:
		template.Spec.RestartPolicy = kube.RestartPolicyOnFailure
		w.dropClaims(p, &template.Spec)
		job := &kube.Job{TypeMeta: kube.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}, ObjectMeta: w.meta(p.name),
			Spec: kube.JobSpec{Parallelism: &replicas, Completions: &replicas, Template: template}}
		w.add("Job", p.name, job)
	case len(p.claims) > 0:
		set := &kube.StatefulSet{TypeMeta: kube.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"}, ObjectMeta: w.meta(p.name),
			Spec: kube.StatefulSetSpec{Replicas: &replicas, Selector: w.selector(p.name), Template: template, ServiceName: p.name,
				PodManagementPolicy: kube.ParallelPodManagement, VolumeClaimTemplates: p.claims}}
		w.add("StatefulSet", p.name, set)
	default:
		deployment := &kube.Deployment{TypeMeta: kube.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: w.meta(p.name),
			Spec: kube.DeploymentSpec{Replicas: &replicas, Selector: w.selector(p.name), Template: template}}
		w.add("Deployment", p.name, deployment)
	}
	if scale := first.Scale; scale > 1 {
		w.containerNames(p.services[0], len(p.claims) > 0)
	}
}

// shared says what one pod for several services means.
func (w *writer) shared(p *pod) {
	for _, name := range p.services[1:] {
		for _, share := range w.services[name].Shares {
			switch share.Namespace {
			case plan.ShareNetwork:
				w.note("%s: network_mode service:%s became a container of the Pod %s", name, share.Service, p.name)
			case plan.SharePID:
				yes := true
				p.spec.ShareProcessNamespace = &yes
				w.note("%s: pid service:%s became a container of the Pod %s, whose processes see each other", name, share.Service, p.name)
			case plan.ShareIPC:
				w.note("%s: ipc service:%s became a container of the Pod %s", name, share.Service, p.name)
			}
		}
		if w.lab.Project.Services[name].NetworkMode == "" {
			w.note("%s: in the Pod %s it has the network of the others too, so that no two of them may listen at the same port", name, p.name)
		}
		if own, first := w.services[name].Scale, w.services[p.services[0]].Scale; own != first {
			w.note("%s: has %d containers, and as part of the Pod %s as many as that: %d", name, own, p.name, first)
		}
	}
}

// containerNames tells of words that name a replica as Compose calls it.
func (w *writer) containerNames(service string, ordered bool) {
	prefix := w.lab.Project.Name + "-" + service + "-"
	became := "a Pod of a Deployment has no name of its own"
	if ordered {
		became = label(service) + "-0." + label(service) + ", ... in Kubernetes"
	}
	for _, name := range w.lab.Project.ServiceNames() {
		if w.mentions(name, prefix) {
			w.note("%s: refers to %s1, ... by the names of their containers: %s", name, prefix, became)
		}
	}
}

func (w *writer) mentions(service, word string) bool {
	s := w.lab.Project.Services[service]
	has := func(text string) bool { return strings.Contains(text, word) }
	for _, value := range s.Environment {
		if value != nil && has(*value) {
			return true
		}
	}
	for _, ref := range s.Configs {
		if content, ok := w.content(plan.ConfigKey(ref.Source), types.FileObjectConfig(w.lab.Project.Configs[ref.Source])); ok && has(string(content)) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(s.Entrypoint, s.Command), has)
}

// podWords are the words of a pod that belong to a service in Compose: those of its first service, for the whole pod.
func (w *writer) podWords(p *pod) {
	no := false
	p.spec.AutomountServiceAccountToken, p.spec.EnableServiceLinks = &no, &no
	for _, name := range p.services {
		s := w.lab.Project.Services[name]
		if s.StopGracePeriod != nil {
			seconds := int64(math.Ceil(time.Duration(*s.StopGracePeriod).Seconds()))
			if p.spec.TerminationGracePeriodSeconds == nil || *p.spec.TerminationGracePeriodSeconds < seconds {
				p.spec.TerminationGracePeriodSeconds = &seconds
			}
		}
		p.spec.HostNetwork = p.spec.HostNetwork || s.NetworkMode == hostMode
		p.spec.HostPID = p.spec.HostPID || s.Pid == hostMode
		p.spec.HostIPC = p.spec.HostIPC || s.Ipc == hostMode
		w.podSecurity(p, s)
		w.podNames(p, s)
	}
	if p.spec.HostNetwork {
		p.spec.DNSPolicy = kube.DNSClusterFirstWithHostNet
	}
}

// hostMode is Compose's word for a namespace of the machine.
const hostMode = "host"

func (w *writer) podSecurity(p *pod, s types.ServiceConfig) {
	context := p.spec.SecurityContext
	if context == nil {
		context = &kube.PodSecurityContext{}
	}
	for _, name := range slices.Sorted(mapsKeys(s.Sysctls)) {
		context.Sysctls = append(context.Sysctls, kube.Sysctl{Name: name, Value: s.Sysctls[name]})
	}
	for _, group := range s.GroupAdd {
		if id, ok := number(group); ok {
			context.SupplementalGroups = append(context.SupplementalGroups, id)
		} else {
			w.note("%s: group_add %s is a name, and Kubernetes takes numbers", s.Name, group)
		}
	}
	if len(context.Sysctls) > 0 || len(context.SupplementalGroups) > 0 {
		p.spec.SecurityContext = context
	}
}

// podNames are how a pod finds others.
func (w *writer) podNames(p *pod, s types.ServiceConfig) {
	if s.Hostname != "" && p.spec.Hostname == "" {
		p.spec.Hostname = label(s.Hostname)
	}
	for _, host := range slices.Sorted(mapsKeys(s.ExtraHosts)) {
		for _, address := range s.ExtraHosts[host] {
			if address == "host-gateway" {
				w.note("%s: extra_hosts %s: there is no host beside the cluster", s.Name, host)
				continue
			}
			p.spec.HostAliases = append(p.spec.HostAliases, kube.HostAlias{IP: address, Hostnames: []string{host}})
		}
	}
	var dns kube.PodDNSConfig
	dns.Nameservers = append(dns.Nameservers, s.DNS...)
	for _, domain := range s.DNSSearch {
		if domain != "." { // Compose's way to leave the machine's own domains out; the cluster's are needed
			dns.Searches = append(dns.Searches, domain)
		}
	}
	for _, option := range s.DNSOpts {
		name, value, valued := strings.Cut(option, ":")
		o := kube.PodDNSConfigOption{Name: name}
		if valued {
			o.Value = &value
		}
		dns.Options = append(dns.Options, o)
	}
	if len(dns.Nameservers)+len(dns.Searches)+len(dns.Options) > 0 && p.spec.DNSConfig == nil {
		p.spec.DNSConfig = &dns
	}
}
