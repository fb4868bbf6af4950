package ready

import (
	"context"
	"fmt"
	"net/netip"
)

// Try makes one attempt of a TCP or HTTP probe at an address, over dialer, bounded by the probe's Attempt. Nil says that the
// condition holds.
func Try(ctx context.Context, dialer Dialer, address netip.Addr, probe Probe) error {
	if probe.Kind != TCP && probe.Kind != HTTP {
		return fmt.Errorf("a %s probe has no address to try", probe.Kind)
	}
	ctx, stop := context.WithTimeout(ctx, probe.attempt())
	defer stop()
	r := &reach{waiter: &Waiter{dialer: dialer}, probe: probe}
	return r.over(ctx, dialer, netip.AddrPortFrom(address, probe.Port), false)
}
