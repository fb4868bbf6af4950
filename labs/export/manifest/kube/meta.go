// Package kube is the part of Kubernetes' API that an export writes, field for field: the names and tags are those of k8s.io/api.
//
// Those packages themselves are not linked in: they cannot be had without the machinery to speak with a cluster, which makes the program larger by an
// eighth. Tests decode everything that is written into them, strictly, and hold it against the schema that an API server publishes.
package kube

import (
	"fmt"
	"strconv"
)

// TypeMeta says what an object is.
type TypeMeta struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// ObjectMeta names an object.
type ObjectMeta struct {
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// LabelSelector chooses objects by their labels; without any, all.
type LabelSelector struct {
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
}

// Quantity is an amount in Kubernetes' notation.
type Quantity string

// Bytes is an amount of memory or storage, in the largest binary unit that it is a whole number of.
func Bytes(n int64) Quantity {
	const step = 1024
	units := []string{"", "Ki", "Mi", "Gi", "Ti"}
	i := 0
	for ; n != 0 && n%step == 0 && i < len(units)-1; i++ {
		n /= step
	}
	return Quantity(strconv.FormatInt(n, 10) + units[i])
}

// Processors is an amount of processor time a second, in thousandths of a core.
func Processors(cores float64) Quantity {
	const thousand = 1000
	millis := int64(cores*thousand + 0.5)
	if millis%thousand == 0 {
		return Quantity(strconv.FormatInt(millis/thousand, 10))
	}
	return Quantity(fmt.Sprintf("%dm", millis))
}
