package doctor

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

func TestEachWayToBreakALinkIsNamed(t *testing.T) {
	nft := wire.Capability{Mechanism: "nftables, bridge family"}
	results := Wire(wire.Capabilities{Counters: nft, Cut: nft, Loss: nft, Delay: wire.Capability{Mechanism: "user space, by iptables", Why: "nft has no queue"},
		Duplicate: wire.Capability{Why: "no br_netfilter"}}, nil)
	require.Len(t, results, 5)
	require.Equal(t, Result{"link figures", OK, "nftables, bridge family", ""}, results[0])
	require.Equal(t, Result{"delay and rate", OK, "user space, by iptables; nft has no queue", ""}, results[3])
	require.Equal(t, Warning, results[4].State)
	require.Contains(t, results[4].Text, "cannot duplicate packets: no br_netfilter")
	require.NotEmpty(t, results[4].Next)
	require.True(t, Healthy(results), "a lab runs all the same")
}

func TestAWireThatCannotBeAskedIsAWarning(t *testing.T) {
	results := Wire(wire.Capabilities{}, hint.Wrap(errors.New("rootless"), "use a rootful engine"))
	require.Len(t, results, 1)
	require.Equal(t, Warning, results[0].State)
	require.Contains(t, results[0].Text, "rootless")
	require.Equal(t, "use a rootful engine", results[0].Next)
}
