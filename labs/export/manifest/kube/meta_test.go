package kube_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/labs/export/manifest/kube"
)

func TestAmountsAreInTheLargestUnitTheyAreWholeIn(t *testing.T) {
	for bytes, want := range map[int64]kube.Quantity{0: "0", 1: "1", 1000: "1000", 1024: "1Ki", 96 << 20: "96Mi", 3 << 30: "3Gi", 1<<20 + 1: "1048577"} {
		require.Equal(t, want, kube.Bytes(bytes))
	}
	for cores, want := range map[float64]kube.Quantity{0.25: "250m", 1: "1", 1.5: "1500m", 0.0005: "1m"} {
		require.Equal(t, want, kube.Processors(cores))
	}
}

// What is written means the same to Kubernetes.
func TestKubernetesReadsWhatWasMeant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<45).Draw(t, "bytes")
		read, err := resource.ParseQuantity(string(kube.Bytes(n)))
		require.NoError(t, err)
		require.Equal(t, n, read.Value())
		millis := rapid.Int64Range(0, 1_000_000).Draw(t, "millis")
		read, err = resource.ParseQuantity(string(kube.Processors(float64(millis) / 1000)))
		require.NoError(t, err)
		require.Equal(t, millis, read.MilliValue())
	})
}
