//go:build linux

package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netem"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

func TestAFaultThatTheKernelCannotApplyIsRefusedAndLeavesNothing(t *testing.T) {
	lab := netlab.New(t, "a", "b")
	var a *Agent
	lab.Host.Do(t, func() (err error) {
		if a, err = New(Options{Folder: t.TempDir()}); err != nil {
			return err
		}
		_, err = a.Configure(t.Context(), lab.Topology("refused"))
		return err
	})
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	healthy := lab.Rules(t)
	delay := wire.Fault{Kind: wire.Delay, Delay: time.Second, From: []string{"a"}, To: []string{"b"}}
	inject := func(f wire.Fault) (err error) {
		lab.Host.Do(t, func() error {
			_, err = a.Inject(t.Context(), f)
			return nil
		})
		return err
	}
	a.found = nft.Found{WhyMeans: "nothing is there", WhyTwice: "no dup"}
	require.ErrorContains(t, inject(delay), "nothing is there")
	require.ErrorContains(t, inject(wire.Fault{Kind: wire.Duplicate, Probability: 1, From: []string{"a"}, To: []string{"b"}}), "no dup")

	a.found = nft.Found{Means: nft.Elsewhere}
	fromHost := delay
	fromHost.From = []string{wire.Host}
	require.ErrorContains(t, inject(fromHost), "only what nodes send")
	var there error
	lab.Host.Do(t, func() error {
		there = netem.Probe()
		return nil
	})
	if there != nil { // the discipline fails in the middle of it
		require.ErrorContains(t, inject(delay), "netem")
	}
	require.Empty(t, a.faults)
	require.Empty(t, a.journal.Records())
	require.Equal(t, healthy, lab.Rules(t))
	require.Nil(t, a.holder)
}
