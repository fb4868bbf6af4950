// Package flow measures a queue over the last while: how fast items come, how long they stay, how many are there and how busy those are who work on them. These are
// what queueing theory speaks of: Little's law (J. D. C. Little, 1961) says that the mean number in a system is the rate at which they come times the mean time
// that they stay, L = λ·W, and the utilisation of c servers is λ·S/c with the mean service time S.
package flow

import (
	"slices"
	"sync"
	"time"
)

// Stats are means over the window. All are 0 where nothing was seen.
type Stats struct {
	// ArrivalRate is λ, per second, and Interarrival the mean time between two arrivals, in seconds.
	ArrivalRate  float64 `json:"arrivals_per_second"`
	Interarrival float64 `json:"interarrival_seconds"`
	// LeaveRate is how many left, per second.
	LeaveRate float64 `json:"departures_per_second"`
	// Processing is S, how long an attempt takes, in seconds.
	Processing float64 `json:"processing_seconds"`
	// TimeInSystem is W, from an item's arrival until it is done or set aside, in seconds.
	TimeInSystem float64 `json:"time_in_system_seconds"`
	// InSystem is L, how many were there and neither done nor set aside.
	InSystem float64 `json:"in_system"`
	// ByLittle is λ·W, what InSystem should be.
	ByLittle float64 `json:"in_system_by_little"`
	// LittleRatio is InSystem / ByLittle: 1 in a system at rest.
	LittleRatio float64 `json:"little_ratio"`
	// Busy is how many were worked on, Slots how many could have been, and Utilisation their quotient.
	Busy        float64 `json:"busy"`
	Slots       float64 `json:"slots"`
	Utilisation float64 `json:"utilisation"`
	// FailedShare is the part of the attempts that failed.
	FailedShare float64 `json:"failed_share"`
}

// Flow measures. Its methods may be called at the same time; the instants that they are given must not go back.
type Flow struct {
	window time.Duration

	mu       sync.Mutex
	began    time.Time
	arrivals []time.Time
	left     []span
	attempts []span
	system   level
	busy     level
	slots    level
}

// span is how long something took that was over at an instant.
type span struct {
	end    time.Time
	took   time.Duration
	failed bool
}

// level is a number that changes at instants.
type level []step

type step struct {
	at    time.Time
	value float64
}

// New returns a Flow that sees the last window, and begins now.
func New(window time.Duration, now time.Time) *Flow { return &Flow{window: window, began: now} }

// Arrived says that an item came.
func (f *Flow) Arrived(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrivals = append(f.arrivals, now)
	f.forget(now)
}

// Left says that an item was done or set aside, so long after it came.
func (f *Flow) Left(now time.Time, after time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = append(f.left, span{end: now, took: after})
	f.forget(now)
}

// Attempted says that an attempt was over, which took so long.
func (f *Flow) Attempted(now time.Time, took time.Duration, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts = append(f.attempts, span{now, took, failed})
	f.forget(now)
}

// Is says how many items are in the system from now on, and how many of them are worked on.
func (f *Flow) Is(now time.Time, system, busy int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.system.set(now, float64(system))
	f.busy.set(now, float64(busy))
	f.forget(now)
}

// Can says how many can be worked on at a time from now on.
func (f *Flow) Can(now time.Time, slots int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots.set(now, float64(slots))
	f.forget(now)
}

// Stats are the means of the window that ends now.
func (f *Flow) Stats(now time.Time) Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(now)
	from := f.from(now)
	long := now.Sub(from).Seconds()
	if long <= 0 {
		return Stats{}
	}
	s := Stats{ArrivalRate: float64(len(f.arrivals)) / long, LeaveRate: float64(len(f.left)) / long, Processing: mean(f.attempts), TimeInSystem: mean(f.left),
		InSystem: f.system.mean(from, now), Busy: f.busy.mean(from, now), Slots: f.slots.mean(from, now)}
	if s.ArrivalRate > 0 {
		s.Interarrival = 1 / s.ArrivalRate
	}
	if s.ByLittle = s.ArrivalRate * s.TimeInSystem; s.ByLittle > 0 {
		s.LittleRatio = s.InSystem / s.ByLittle
	}
	if s.Slots > 0 {
		s.Utilisation = s.Busy / s.Slots
	}
	for _, a := range f.attempts {
		if a.failed {
			s.FailedShare += 1 / float64(len(f.attempts))
		}
	}
	return s
}

// from is when the window begins that ends now.
func (f *Flow) from(now time.Time) time.Time {
	if from := now.Add(-f.window); from.After(f.began) {
		return from
	}
	return f.began
}

// forget drops what the window does not see any more.
func (f *Flow) forget(now time.Time) {
	from := f.from(now)
	old := func(s span) bool { return !s.end.Before(from) }
	cut := func(list []span) []span {
		if i := slices.IndexFunc(list, old); i >= 0 {
			return list[i:]
		}
		return nil
	}
	f.left, f.attempts = cut(f.left), cut(f.attempts)
	if i := slices.IndexFunc(f.arrivals, func(t time.Time) bool { return !t.Before(from) }); i >= 0 {
		f.arrivals = f.arrivals[i:]
	} else {
		f.arrivals = nil
	}
	f.system.forget(from)
	f.busy.forget(from)
	f.slots.forget(from)
}

func mean(list []span) float64 {
	var sum time.Duration
	for _, s := range list {
		sum += s.took
	}
	if sum == 0 {
		return 0
	}
	return sum.Seconds() / float64(len(list))
}

func (l *level) set(now time.Time, value float64) {
	if n := len(*l); n > 0 && (*l)[n-1].value == value {
		return
	}
	*l = append(*l, step{now, value})
}

// forget keeps the last step before the instant, which says what the level was then.
func (l *level) forget(from time.Time) {
	for len(*l) > 1 && !(*l)[1].at.After(from) {
		*l = (*l)[1:]
	}
}

// mean is over time; before the first step the level is 0.
func (l level) mean(from, to time.Time) float64 {
	var area float64
	for i, s := range l {
		begin, end := s.at, to
		if begin.Before(from) {
			begin = from
		}
		if i+1 < len(l) {
			end = l[i+1].at
		}
		if end.After(begin) {
			area += s.value * end.Sub(begin).Seconds()
		}
	}
	return area / to.Sub(from).Seconds()
}
