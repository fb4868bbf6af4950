package doctor

import (
	"fmt"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Wire is what the engine's kernel offers for links, as a wire helper has found it; err says why none could be asked. A lab runs without any of it, so that
// nothing here is worse than a warning.
func Wire(offers wire.Capabilities, err error) []Result {
	if err != nil {
		return []Result{{"links", Warning, fmt.Sprintf("labs run without faults on links and without their figures: %v", err), hint.Of(err)}}
	}
	var results []Result
	for _, part := range []struct {
		check string
		by    wire.Capability
		lost  string
	}{
		{"link figures", offers.Counters, "links are not counted"},
		{"cut and partition", offers.Cut, "links cannot be cut"},
		{"loss", offers.Loss, "links cannot lose packets"},
		{"delay and rate", offers.Delay, "links cannot be made slow: no delay, jitter, rate, reorder"},
		{"duplicate", offers.Duplicate, "links cannot duplicate packets"},
	} {
		if part.by.Available() {
			results = append(results, Result{part.check, OK, strings.TrimSuffix(part.by.Mechanism+"; "+part.by.Why, "; "), ""})
			continue
		}
		results = append(results, Result{part.check, Warning, fmt.Sprintf("%s: %s", part.lost, part.by.Why),
			"the others work; this needs a kernel that has it"})
	}
	return results
}
