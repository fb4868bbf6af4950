package root

import (
	"sync"
	"time"
)

// load counts requests to leaves: those that each question needs, and those that hedging and failures add.
type load struct {
	now func() time.Time

	mu      sync.Mutex
	tokens  float64 // of hedging
	seconds [loadWindow]second
}

// loadWindow is how many seconds the share of extra requests is taken over.
const loadWindow = 8

// hedgeBurst is how many requests more may be made at once, after a time in which none were needed.
const hedgeBurst = 10

type second struct {
	at             int64
	primary, extra int
}

func (l *load) second() *second {
	at := l.now().Unix()
	s := &l.seconds[at%loadWindow]
	if s.at != at {
		*s = second{at: at}
	}
	return s
}

// primary counts a request that is made in any case.
func (l *load) primary() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.second().primary++
	l.tokens++
}

func (l *load) extra() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.second().extra++
}

// hedge says whether one request more is within the budget, a share of the primary requests, and counts it where it is.
func (l *load) hedge(budget float64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if budget <= 0 {
		return false
	}
	l.tokens = min(l.tokens, hedgeBurst/budget)
	if l.tokens*budget < 1 {
		return false
	}
	l.tokens -= 1 / budget
	l.second().extra++
	return true
}

// share is how many requests are made besides the primary ones, for each of those, over the last seconds.
func (l *load) share() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Unix()
	primary, extra := 0, 0
	for _, s := range l.seconds {
		if now-s.at < loadWindow {
			primary, extra = primary+s.primary, extra+s.extra
		}
	}
	if primary == 0 {
		return 0
	}
	return float64(extra) / float64(primary)
}
