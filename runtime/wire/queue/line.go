//go:build linux

package queue

import (
	"math/rand/v2"
	"time"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Bounds of what one directed link holds. What comes beyond is dropped, as by a router.
const (
	maxPackets = 10_000
	maxBytes   = 64 << 20
	// maxBacklog is how long a packet may wait for its turn on a link with a rate.
	maxBacklog = 200 * time.Millisecond
	// minBacklog is what may always wait for its turn, in bytes, so that a slow link passes large packets at all.
	minBacklog = 16 << 10
)

// epochs is for how many jitters one drawn delay holds. Packets that follow each other closely share it: were it drawn for each of
// them, those drawn short would have to wait for those drawn long to stay in order, and the mean would grow towards the
// longest. With ten, it grows by a twentieth of the jitter at most.
const epochs = 10

// line is the virtual queue of one directed link: it says when each packet leaves. Times are nanoseconds of the queue's clock.
type line struct {
	effect wire.Effect
	draws  []draw // one for each of effect.Delays

	free int64 // when what came before has been sent, on a link with a rate
	last int64 // when the last packet in order leaves

	packets, bytes int // held
	newest         uint64
	previous       int64 // when the packet before left
	stat           Stat
}

type draw struct {
	until int64
	value time.Duration
}

func (l *line) set(effect wire.Effect) {
	if !l.effect.Equal(effect) {
		l.effect, l.draws = effect, make([]draw, len(effect.Delays))
	}
}

// leave says when a packet that comes now leaves, or that it is dropped.
func (l *line) leave(now int64, bytes int, random *rand.Rand) (at int64, ok bool) {
	if l.packets >= maxPackets || l.bytes+bytes > maxBytes {
		return 0, false
	}
	at = now
	if l.effect.Rate > 0 {
		backlog := max(0, l.free-now)
		waits := max(int64(maxBacklog), sending(minBacklog, l.effect.Rate))
		if backlog > waits {
			return 0, false
		}
		at = now + backlog + sending(bytes, l.effect.Rate)
		l.free = at
	}
	for i, hold := range l.effect.Delays {
		at += int64(l.delay(i, hold, now, random))
	}
	at = max(at, l.last)
	held := false
	for _, hold := range l.effect.Reorders {
		if random.Float64() < hold.Probability {
			at += int64(sample(hold, random))
			held = true
		}
	}
	if !held {
		l.last = at
	}
	return at, true
}

// sending is how long bytes take at a rate of bits a second.
func sending(bytes int, rate int64) int64 {
	return int64(float64(bytes) * 8 * float64(time.Second) / float64(rate))
}

func (l *line) delay(i int, hold wire.Hold, now int64, random *rand.Rand) time.Duration {
	if hold.Jitter == 0 {
		return hold.Delay
	}
	d := &l.draws[i]
	if now >= d.until {
		d.value, d.until = sample(hold, random), now+epochs*int64(hold.Jitter)
	}
	return d.value
}

// sample draws a delay.
func sample(hold wire.Hold, random *rand.Rand) time.Duration {
	if hold.Jitter == 0 {
		return hold.Delay
	}
	const most = 3 // standard deviations
	var unit float64
	if hold.Distribution == wire.Uniform {
		unit = 2*random.Float64() - 1
	} else {
		for unit = random.NormFloat64(); unit < -most || unit > most; {
			unit = random.NormFloat64()
		}
	}
	return max(0, hold.Delay+time.Duration(unit*float64(hold.Jitter)))
}

// took notes that a packet is held.
func (l *line) took(bytes int) {
	l.packets++
	l.bytes += bytes
}

// gave notes that a held packet has left.
func (l *line) gave(p *packet, now int64) {
	l.packets--
	l.bytes -= int(p.bytes)
	l.stat.Packets++
	l.stat.Bytes += uint64(p.bytes)
	l.stat.Waited += time.Duration(now - p.came)
	if p.number < l.newest {
		l.stat.Overtaken++
	}
	l.newest = max(l.newest, p.number)
	if p.behind && l.previous > 0 {
		l.stat.Busy += time.Duration(now - l.previous)
		l.stat.BusyBytes += uint64(p.bytes)
	}
	l.previous = now
}
