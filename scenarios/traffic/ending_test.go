package traffic

import (
	"errors"
	"time"

	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// anEnding draws how a request may end.
func anEnding(t *rapid.T) *ending {
	due := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "due"))
	e := &ending{due: due, sent: due + time.Duration(rapid.Int64Range(0, 1000).Draw(t, "delay")), target: rapid.IntRange(0, 1).Draw(t, "target"),
		kind: rapid.SampledFrom([]string{"", "", protocol.KindTimeout, protocol.KindRefused, KindWaited}).Draw(t, "kind"),
		answer: &protocol.Answer{By: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "by"),
			Found: rapid.SampledFrom([]protocol.Found{protocol.FoundUnknown, protocol.FoundHit, protocol.FoundMiss}).Draw(t, "found")}}
	e.end = e.sent + time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "took"))
	if e.kind != "" {
		e.err = errors.New(e.kind)
	}
	if e.kind == KindWaited {
		e.sent = -1
	}
	return e
}
