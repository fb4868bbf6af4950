package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/labs/export/manifest/kube"
	"github.com/ddsctl/ddsctl/labs/format"
)

// port is a port of a service that is known.
type port struct {
	number    uint16
	protocol  kube.Protocol
	published bool
}

func (p port) name() string {
	return strings.ToLower(string(p.protocol)) + "-" + strconv.Itoa(int(p.number))
}

// findPorts finds the ports of services: published, exposed, or at the end of a link.
func (w *writer) findPorts() {
	add := func(service string, number uint64, protocol string, published bool) {
		p := port{uint16(number), kube.Protocol(strings.ToUpper(cmp.Or(protocol, "tcp"))), published}
		if i := slices.IndexFunc(w.ports[service], func(have port) bool { return have.number == p.number && have.protocol == p.protocol }); i >= 0 {
			w.ports[service][i].published = w.ports[service][i].published || published
			return
		}
		w.ports[service] = append(w.ports[service], p)
	}
	for _, name := range w.lab.Project.ServiceNames() {
		s := w.lab.Project.Services[name]
		for _, p := range s.Ports {
			add(name, uint64(p.Target), p.Protocol, true)
		}
		for _, text := range s.Expose {
			text, protocol, _ := strings.Cut(text, "/")
			if n, err := strconv.ParseUint(text, 10, 16); err == nil {
				add(name, n, protocol, false)
			}
		}
	}
	for _, link := range w.lab.Links() {
		if service, ok := w.service(link.To); ok && link.Port != 0 {
			add(service, uint64(link.Port), link.Protocol, false)
		}
	}
	for name := range w.ports {
		slices.SortFunc(w.ports[name], func(a, b port) int {
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.protocol, b.protocol))
		})
	}
}

// service is the one that a link's end names: by its own name, or by that of a replica.
func (w *writer) service(end string) (string, bool) {
	if _, ok := w.services[end]; ok {
		return end, true
	}
	if i := strings.LastIndexByte(end, '-'); i > 0 {
		if _, ok := w.services[end[:i]]; ok {
			return end[:i], true
		}
	}
	return "", false
}

// serve adds the Services of a pod: one for each name by which others find it, and one for what is published.
func (w *writer) serve(p *pod) {
	var ports, published []kube.ServicePort
	var names []string
	for _, service := range p.services {
		for _, x := range w.ports[service] {
			entry := kube.ServicePort{Name: x.name(), Protocol: x.protocol, Port: int32(x.number), TargetPort: int32(x.number)}
			if slices.ContainsFunc(ports, func(have kube.ServicePort) bool { return have.Name == entry.Name }) {
				continue
			}
			ports = append(ports, entry)
			if x.published {
				published = append(published, entry)
			}
		}
		names = append(names, w.names(service)...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if other, taken := w.pods[name]; taken && other != p {
			continue // another service is called so
		}
		w.add("Service", name, &kube.Service{TypeMeta: kube.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: w.meta(name),
			// As in Compose, a name stands for the containers themselves, whether they are ready or not.
			Spec: kube.ServiceSpec{ClusterIP: kube.ClusterIPNone, PublishNotReadyAddresses: true, Selector: w.labels(p.name), Ports: ports}})
	}
	if len(published) > 0 {
		name := label(p.name + "-published")
		w.add("Service", name, &kube.Service{TypeMeta: kube.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: w.meta(name),
			Spec: kube.ServiceSpec{Type: kube.ServiceTypeNodePort, Selector: w.labels(p.name), Ports: published}})
		w.note("%s: what it publishes is reached at a port of each node, or by `kubectl port-forward service/%s`", p.services[0], name)
	}
}

// names are those by which others find a service. A service in another's network has none in Compose; here it has its pod's.
func (w *writer) names(service string) []string {
	s := w.lab.Project.Services[service]
	names := []string{label(service)}
	if s.ContainerName != "" {
		names = append(names, label(s.ContainerName))
	}
	for _, network := range s.Networks {
		if network != nil {
			for _, alias := range network.Aliases {
				if label(alias) != alias {
					w.note("%s: the alias %s is no name that a Service can have", service, alias)
					continue
				}
				names = append(names, alias)
			}
		}
	}
	return names
}

// policies lets in what the links say; where the lab does not name its links, whoever is on one of the same networks.
func (w *writer) policies() {
	named := w.lab.Format != nil && len(w.lab.Format.Links) > 0
	if named {
		w.note("NetworkPolicy: a Pod is asked by those that a link of lab.yaml names, where the cluster's network plugin enforces it")
	} else {
		w.note("NetworkPolicy: a Pod is asked by those that share a network with it in Compose, where the cluster's network plugin enforces it")
	}
	for _, name := range w.lab.Project.ServiceNames() {
		p := w.of[name]
		if p.services[0] != name || p.spec.HostNetwork {
			continue
		}
		rules := w.fromNetworks(p)
		if named {
			rules = w.fromLinks(p)
		}
		policy := &kube.NetworkPolicy{TypeMeta: kube.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}, ObjectMeta: w.meta(p.name),
			Spec: kube.NetworkPolicySpec{PodSelector: *w.selector(p.name), PolicyTypes: []string{kube.PolicyTypeIngress}, Ingress: rules}}
		w.add("NetworkPolicy", p.name, policy)
	}
}

func (w *writer) fromLinks(p *pod) []kube.NetworkPolicyIngressRule {
	var rules []kube.NetworkPolicyIngressRule
	seen := map[string]bool{}
	add := func(from string, number uint16, protocol string) {
		key := fmt.Sprint(from, number, protocol)
		if seen[key] {
			return
		}
		seen[key] = true
		var rule kube.NetworkPolicyIngressRule
		switch from {
		case format.HostName: // from anywhere
		case format.ClientName:
			rule.From = []kube.NetworkPolicyPeer{{PodSelector: &kube.LabelSelector{}}}
		default:
			rule.From = []kube.NetworkPolicyPeer{{PodSelector: w.selector(from)}}
		}
		if number != 0 {
			at, proto := int32(number), kube.Protocol(strings.ToUpper(cmp.Or(protocol, "tcp")))
			rule.Ports = []kube.NetworkPolicyPort{{Port: &at, Protocol: &proto}}
		}
		rules = append(rules, rule)
	}
	for _, link := range w.lab.Links() {
		to, ok := w.service(link.To)
		if !ok || w.of[to] != p {
			continue
		}
		switch from, inside := w.service(link.From); {
		case inside && w.of[from] != p:
			add(w.of[from].name, link.Port, link.Protocol)
		case !inside:
			add(link.From, link.Port, link.Protocol)
		}
	}
	for _, service := range p.services {
		for _, x := range w.ports[service] {
			if x.published {
				add(format.HostName, x.number, string(x.protocol))
			}
		}
	}
	return rules
}

func (w *writer) fromNetworks(p *pod) []kube.NetworkPolicyIngressRule {
	networks := func(p *pod) map[string]bool {
		on := map[string]bool{}
		for _, service := range p.services {
			for network := range w.lab.Project.Services[service].Networks {
				on[network] = true
			}
		}
		return on
	}
	var rules []kube.NetworkPolicyIngressRule
	var peers []kube.NetworkPolicyPeer
	own := networks(p)
	for _, name := range slices.Sorted(mapsKeys(w.pods)) {
		for network := range networks(w.pods[name]) {
			if own[network] {
				peers = append(peers, kube.NetworkPolicyPeer{PodSelector: w.selector(name)})
				break
			}
		}
	}
	if len(peers) > 0 {
		rules = append(rules, kube.NetworkPolicyIngressRule{From: peers})
	}
	var published []kube.NetworkPolicyPort
	for _, service := range p.services {
		for _, x := range w.ports[service] {
			if x.published {
				at, proto := int32(x.number), x.protocol
				published = append(published, kube.NetworkPolicyPort{Port: &at, Protocol: &proto})
			}
		}
	}
	if len(published) > 0 {
		rules = append(rules, kube.NetworkPolicyIngressRule{Ports: published})
	}
	return rules
}
