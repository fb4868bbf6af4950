//go:build linux

package agent

import (
	"fmt"
	"math"
	"time"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
	"github.com/ddsctl/ddsctl/runtime/wire/queue"
)

// reading is what was measured on each pair until a moment.
type reading map[wire.Pair]measured

// measured is what was measured on one pair.
type measured struct {
	seen    uint64 // packets that came, before faults dropped any
	dropped uint64 // by rules
	passed  uint64 // behind the place where rules act and packets wait; only between addresses of the lab
	twice   uint64 // that were sent twice
	waited  queue.Stat
}

func (r reading) add(from *tally, d directory, where func(*measured) *uint64) {
	from.all(func(key nft.Key, c nft.Count) {
		pair := d.pair(key.Pair)
		m := r[pair]
		*where(&m) += c.Packets
		r[pair] = m
	})
}

// since is what was measured on one pair between two readings, and what stands on it.
type since struct {
	measured
	pair   wire.Pair
	effect wire.Effect
}

// minus is what came after an earlier reading. Sets that come and go with faults begin at zero again.
func (m measured) minus(before measured) measured {
	less := func(now, then uint64) uint64 {
		if now < then {
			return now
		}
		return now - then
	}
	waited := m.waited
	if waited.Packets >= before.waited.Packets {
		waited = waited.Minus(before.waited)
	}
	return measured{
		seen: less(m.seen, before.seen), dropped: less(m.dropped, before.dropped),
		passed: less(m.passed, before.passed), twice: less(m.twice, before.twice), waited: waited,
	}
}

// judge says whether a fault was seen to bite, and by which figure.
func judge(f wire.Fault, pairs []since) (wire.Verdict, string) {
	var all measured
	for _, p := range pairs {
		all.seen, all.dropped, all.passed, all.twice = all.seen+p.seen, all.dropped+p.dropped, all.passed+p.passed, all.twice+p.twice
		all.waited = all.waited.Plus(p.waited)
	}
	if all.seen == 0 && all.waited.Packets == 0 {
		return wire.Unknown, "no traffic since"
	}
	switch f.Kind {
	case wire.Cut:
		return judgeCut(all)
	case wire.Loss:
		return judgeLoss(pairs)
	case wire.Delay:
		return judgeDelay(pairs)
	case wire.Rate:
		return judgeRate(pairs)
	case wire.Reorder:
		return judgeReorder(all.waited)
	default:
		return judgeDuplicate(pairs)
	}
}

func judgeCut(all measured) (wire.Verdict, string) {
	switch {
	case all.passed > 0:
		return wire.No, fmt.Sprintf("%d of %d packets passed", all.passed, all.seen)
	case all.dropped == 0:
		return wire.Unknown, fmt.Sprintf("none of %d packets dropped yet", all.seen)
	default:
		return wire.Yes, fmt.Sprintf("%d packets dropped, none passed", all.dropped)
	}
}

// deviations is how far from what is expected, in standard deviations, a share by chance may be and be believed: by chance, one
// of two million is further.
const deviations = 5

func judgeLoss(pairs []since) (wire.Verdict, string) {
	var seen, dropped uint64
	var expected, variance float64
	for _, p := range pairs {
		if p.effect.Cut {
			continue // which drops them all
		}
		seen, dropped = seen+p.seen, dropped+p.dropped
		expected += float64(p.seen) * p.effect.Loss
		variance += float64(p.seen) * p.effect.Loss * (1 - p.effect.Loss)
	}
	figure := share(dropped, seen) + " dropped"
	switch {
	case seen == 0:
		return wire.Unknown, "no traffic but what a cut drops"
	case math.Abs(float64(dropped)-expected) > deviations*math.Sqrt(variance)+2: // two may be between the readings
		return wire.No, figure
	case dropped == 0:
		return wire.Unknown, figure
	default:
		return wire.Yes, figure
	}
}

func share(some, all uint64) string {
	if all == 0 {
		return "none"
	}
	return fmt.Sprintf("%.3g %% of %d packets", 100*float64(some)/float64(all), all)
}

func judgeDelay(pairs []since) (wire.Verdict, string) {
	var waited queue.Stat
	var expected, jitters float64 // nanoseconds, over all packets
	for _, p := range pairs {
		waited = waited.Plus(p.waited)
		for _, hold := range p.effect.Delays {
			expected += float64(p.waited.Packets) * float64(hold.Delay)
			jitters += float64(p.waited.Packets) * float64(hold.Jitter)
		}
	}
	if waited.Packets == 0 {
		return wire.Unknown, "no packet has come through since"
	}
	n := float64(waited.Packets)
	mean := float64(waited.Waited) / n
	figure := fmt.Sprintf("%s over %d packets", milliseconds(mean), waited.Packets)
	if mean < 0.95*expected/n-3*jitters/n/math.Sqrt(n) {
		return wire.No, figure
	}
	return wire.Yes, figure
}

func milliseconds(ns float64) string {
	return fmt.Sprintf("%.4g ms", ns/float64(time.Millisecond))
}

// leastBusy is how long a link must have had more than it could send before its rate is told.
const leastBusy = 20 * time.Millisecond

func judgeRate(pairs []since) (wire.Verdict, string) {
	var fastest since
	var most float64
	for _, p := range pairs {
		if p.waited.Busy < leastBusy || p.waited.BusyBytes == 0 {
			continue
		}
		if rate := float64(p.waited.BusyBytes) * 8 / p.waited.Busy.Seconds(); rate > most {
			most, fastest = rate, p
		}
	}
	if most == 0 {
		return wire.Unknown, "never more traffic than the rate since"
	}
	figure := fmt.Sprintf("%s over %.3g s", wire.FormatRate(int64(most)), fastest.waited.Busy.Seconds())
	if most > 1.1*float64(fastest.effect.Rate) {
		return wire.No, figure
	}
	return wire.Yes, figure
}

func judgeReorder(waited queue.Stat) (wire.Verdict, string) {
	figure := share(waited.Overtaken, waited.Packets) + " overtaken"
	if waited.Overtaken == 0 {
		return wire.Unknown, figure // packets that come far apart are not overtaken
	}
	return wire.Yes, figure
}

func judgeDuplicate(pairs []since) (wire.Verdict, string) {
	var seen, twice, extra uint64
	for _, p := range pairs {
		if !p.pair.To.IsValid() {
			continue // not offered
		}
		seen, twice = seen+p.seen, twice+p.twice
		if p.passed+p.dropped > p.seen {
			extra += p.passed + p.dropped - p.seen
		}
	}
	figure := share(twice, seen) + " sent twice"
	switch {
	case twice == 0:
		return wire.Unknown, figure
	case extra == 0 && twice > 10: // a few may be under way
		return wire.No, figure + ", none arrived twice"
	default:
		return wire.Yes, figure
	}
}
