package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAServiceWithOneReplicaGivesItsNodeItsName(t *testing.T) {
	containers := []Container{
		{ID: "c", Service: "web", Number: 2},
		{ID: "a", Service: "redis-1", Number: 1},
		{ID: "b", Service: "web", Number: 1},
	}
	require.Equal(t, map[string]string{"a": "redis-1", "b": "web-1", "c": "web-2"}, NodeNames(containers))

	Sort(containers)
	require.Equal(t, []string{"a", "b", "c"}, []string{containers[0].ID, containers[1].ID, containers[2].ID})
}

func TestAHelperIsCalledByWhatItIs(t *testing.T) {
	helper := map[string]string{LabelHelper: HelperClient}
	require.Equal(t, map[string]string{"a": "redis", "h": "client"},
		NodeNames([]Container{{ID: "a", Service: "redis"}, {ID: "h", Service: "ddsctl-client", Labels: helper}}))
	require.Equal(t, map[string]string{"a": "client", "h": "ddsctl-client"},
		NodeNames([]Container{{ID: "a", Service: "client"}, {ID: "h", Service: "ddsctl-client", Labels: helper}}), "a service of the lab comes first")
}
