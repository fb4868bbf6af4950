package engine

import (
	"cmp"
	"fmt"
	"slices"
)

// NodeNames gives each container the name that people use for it as a node of the lab, by container ID: SERVICE-NUMBER, or
// SERVICE alone where the service has exactly one container. A helper is called by what it is (client, wire), unless a service
// of the lab has that name.
func NodeNames(containers []Container) map[string]string {
	replicas := map[string]int{}
	for _, c := range containers {
		replicas[c.Service]++
	}
	names := make(map[string]string, len(containers))
	for _, c := range containers {
		names[c.ID] = c.Service
		if kind := c.Helper(); kind != "" && replicas[kind] == 0 {
			names[c.ID] = kind
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
