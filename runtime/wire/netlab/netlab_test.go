//go:build linux

package netlab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNodesTheHostAndTheOutsideReachEachOther(t *testing.T) {
	lab := New(t, "a", "b")
	outside := lab.Outside(t)
	a, b := lab.Nodes["a"], lab.Nodes["b"]
	for name, way := range map[string]Flow{
		"node to node":    {From: a, To: b},
		"node to host":    {From: a, To: lab.Host},
		"host to node":    {From: lab.Host, To: b},
		"node to outside": {From: a, To: outside},
		"outside to node": {From: outside, To: a},
	} {
		for _, v6 := range []bool{false, true} {
			way.V6, way.Count = v6, 3
			arrived := way.Run(t)
			require.Len(t, arrived, 3, "%s, IPv6 %v", name, v6)
			require.Positive(t, arrived[0].Took)
		}
	}
	require.Empty(t, lab.Rules(t))
}
