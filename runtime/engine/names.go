package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// NodeNames gives each container the name that people use for it as a node of the lab, by container ID: SERVICE-NUMBER, or
// SERVICE alone where the service has exactly one container. A helper is called by what it is (client, wire), unless a service
// of the lab has that name. A container that was made for one command is called as the engine calls it.
func NodeNames(containers []Container) map[string]string {
	replicas := map[string]int{}
	for _, c := range containers {
		if !c.OneOff() {
			replicas[c.Service]++
		}
	}
	names := make(map[string]string, len(containers))
	for _, c := range containers {
		names[c.ID] = c.Service
		if kind := c.Helper(); kind != "" && replicas[kind] == 0 {
			names[c.ID] = kind
			continue
		}
		if c.OneOff() {
			names[c.ID] = strings.TrimPrefix(c.Name, c.Project+"-")
			continue
		}
		if replicas[c.Service] > 1 {
			names[c.ID] = fmt.Sprintf("%s-%d", c.Service, c.Number)
		}
	}
	return names
}

// Sort orders containers by service and number.
func Sort(containers []Container) {
	slices.SortFunc(containers, func(a, b Container) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Number, b.Number), cmp.Compare(a.ID, b.ID))
	})
}
