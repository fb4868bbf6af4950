//go:build linux

package nft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

func TestTheKernelIsAskedWhatItTakesAndNothingStays(t *testing.T) {
	lab := netlab.New(t)
	var found Found
	lab.Host.Do(t, func() error {
		found = Probe()
		return nil
	})
	t.Logf("%+v", found)
	require.NotEqual(t, NoMeans, found.Means, found.WhyMeans)
	require.Equal(t, found.Twice, found.WhyTwice == "")
	require.Empty(t, lab.Rules(t))
}
