package main

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strconv"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/engine"
)

// address is where a lab is reached from outside. Its JSON form is part of the contract.
type address struct {
	Node     string `json:"node"`
	Service  string `json:"service"`
	Port     uint16 `json:"port"` // the container's
	Protocol string `json:"protocol"`
	Address  string `json:"address"` // HOST:PORT
	URL      string `json:"url"`     // the same as Address where no scheme is known
	Label    string `json:"label,omitempty"`
}

// addresses are the published ports of a lab's nodes. What the lab says of its own addresses comes first and in its order;
// engineAddress is where the engine was reached, which is where ports of a remote one are.
func addresses(containers []engine.Container, urls []format.URL, engineAddress string) []address {
	names := engine.NodeNames(containers)
	var list []address
	order := map[address]int{}
	for _, c := range containers {
		if c.Helper() != "" {
			continue
		}
		for _, p := range c.Ports {
			host := publishedHost(p, engineAddress)
			a := address{Node: names[c.ID], Service: c.Service, Port: p.Container, Protocol: p.Protocol,
				Address: net.JoinHostPort(host, strconv.Itoa(int(p.Host)))}
			a.URL = a.Address
			place := len(urls)
			for i, u := range urls {
				if u.Service == c.Service && u.Port == p.Container && p.Protocol != "udp" {
					a.Label, place = u.Label, i
					if u.Scheme != "" {
						a.URL = u.Scheme + "://" + a.Address + u.Path
					}
					break
				}
			}
			if _, twice := order[a]; !twice { // IPv4 and IPv6 of all interfaces are one address
				order[a] = place
				list = append(list, a)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b address) int {
		return cmp.Or(cmp.Compare(order[a], order[b]), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Port, b.Port))
	})
	return list
}

// publishedHost is the host at which a published port is reached.
func publishedHost(p engine.Port, engineAddress string) string {
	if p.HostIP.IsValid() && !p.HostIP.IsUnspecified() {
		return p.HostIP.String()
	}
	if u, err := url.Parse(engineAddress); err == nil && u.Scheme != "unix" && u.Scheme != "npipe" && u.Hostname() != "" {
		return u.Hostname()
	}
	return "127.0.0.1"
}
