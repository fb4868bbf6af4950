package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how much is let through: so many a second, and so many at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

const mostBuckets = 20_000 // that are remembered: more addresses at once than any class has

// buckets are token buckets, one for each address or student. Full ones are forgotten, since a new one is the same.
type buckets struct {
	rate Rate
	now  func() time.Time

	mu   sync.Mutex
	held map[string]*rate.Limiter
}

func newBuckets(r Rate, now func() time.Time) *buckets {
	return &buckets{rate: r, now: now, held: map[string]*rate.Limiter{}}
}

// take takes one token, and says whether there was one.
func (b *buckets) take(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	one := b.held[name]
	if one == nil {
		if len(b.held) >= mostBuckets {
			b.sweep(now)
		}
		if len(b.held) >= mostBuckets {
			return false // all of them are busy: somebody has many addresses
		}
		one = rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
		b.held[name] = one
	}
	return one.AllowN(now, 1)
}

func (b *buckets) sweep(now time.Time) {
	for name, one := range b.held {
		if one.TokensAt(now) >= float64(b.rate.Burst) {
			delete(b.held, name)
		}
	}
}
