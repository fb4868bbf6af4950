// Package schedule turns an arrival process into the instants at which requests fall due.
//
//	s := schedule.New(workload.Arrival{Process: workload.ProcessPoisson, Rate: 500}, seed)
//	for at, ok := s.Next(); ok && at < 10*time.Second; at, ok = s.Next() { ... }
//
// A Schedule is a pure function of the process and the seed: it knows no clock, and two with the same seed are equal.
//
// Processes with a rate are made by time change: the n-th arrival of a stream with rate r(t) is where the demand
// D(t) = ∫r reaches the n-th arrival of a stream with rate 1. Streams with rate 1 are 0, 1, 2, ... when evenly spaced, and sums of
// exponential draws when Poisson (Çinlar, Introduction to Stochastic Processes, 1975: the inversion method for inhomogeneous
// Poisson processes).
package schedule

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// Schedule gives arrivals in order. It is used by one goroutine.
type Schedule struct {
	recorded *recorded // set for a trace of instants, and then nothing below is used

	segments []segment
	repeat   bool
	at       int           // segment
	began    float64       // seconds, start of the segment
	wanted   float64       // demand at which the next arrival is due, counted from the segment's start
	last     time.Duration // arrival before
	draw     *rand.Rand
}

// segment is a part of the rate's course: from one rate to another in a straight line.
type segment struct {
	seconds  float64 // +Inf for the last one of a course that does not repeat
	from, to float64 // requests per second
}

// demand is how many requests of an evenly spaced stream the whole segment takes.
func (s segment) demand() float64 {
	if s.from == 0 && s.to == 0 {
		return 0
	}
	return s.seconds * (s.from + s.to) / 2
}

// reach is the time within the segment at which its demand reaches d.
func (s segment) reach(d float64) float64 {
	if d == 0 {
		return 0
	}
	if s.from == s.to || math.IsInf(s.seconds, 1) {
		return d / s.from
	}
	slope := (s.to - s.from) / s.seconds
	return 2 * d / (s.from + math.Sqrt(max(0, s.from*s.from+2*slope*d)))
}

// stream is the second word of the generator's seed, so that arrivals share no draws with keys and values.
const stream = 0xa221_7a15

// New makes the Schedule of a valid Arrival.
func New(arrival workload.Arrival, seed uint64) *Schedule {
	arrival = arrival.WithDefaults()
	s := &Schedule{repeat: arrival.Repeat}
	if arrival.Process == workload.ProcessPoisson || arrival.Random {
		s.draw = rand.New(rand.NewPCG(seed, stream))
	}
	if arrival.Process == workload.ProcessTrace && len(arrival.At) > 0 {
		s.recorded = &recorded{at: arrival.At, repeat: arrival.Repeat}
		return s
	}
	s.segments = course(arrival)
	if s.draw != nil {
		s.wanted = s.draw.ExpFloat64()
	}
	return s
}

// course is the rate over time.
func course(a workload.Arrival) []segment {
	forever := math.Inf(1)
	var all []segment
	switch a.Process {
	case workload.ProcessRamp:
		all = []segment{{a.Over.Seconds(), a.Rate, a.To}}
	case workload.ProcessStep:
		for _, step := range a.Steps {
			all = append(all, segment{step.For.Seconds(), step.Rate, step.Rate})
		}
	case workload.ProcessTrace:
		for _, rate := range a.Rates {
			all = append(all, segment{a.Interval.Seconds(), rate, rate})
		}
		if !a.Repeat { // a recorded traffic ends
			return all
		}
	default:
		return []segment{{forever, a.Rate, a.Rate}}
	}
	if !a.Repeat {
		last := all[len(all)-1].to
		all = append(all, segment{forever, last, last})
	}
	return all
}

// Next gives the next arrival as the time since the start, never before the one before. It is false when no further request will
// ever fall due.
func (s *Schedule) Next() (time.Duration, bool) {
	if s.recorded != nil {
		return s.recorded.next()
	}
	for s.at < len(s.segments) {
		current := s.segments[s.at]
		demand := current.demand()
		if s.wanted < demand {
			at := s.began + current.reach(s.wanted)
			s.wanted += s.gap()
			s.last = max(s.last, seconds(at)) // rounding must not turn time back
			return s.last, true
		}
		if math.IsInf(current.seconds, 1) { // rate 0 for good
			return 0, false
		}
		s.wanted -= demand
		s.began += current.seconds
		s.at++
		if s.at == len(s.segments) && s.repeat {
			s.at = 0
		}
	}
	return 0, false
}

func (s *Schedule) gap() float64 {
	if s.draw == nil {
		return 1
	}
	return s.draw.ExpFloat64()
}

func seconds(s float64) time.Duration {
	if s >= math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	return time.Duration(s * 1e9)
}

// recorded is a trace of instants.
type recorded struct {
	at     []workload.Duration
	repeat bool
	i      int
	began  time.Duration
}

func (r *recorded) next() (time.Duration, bool) {
	if r.i == len(r.at) {
		if !r.repeat {
			return 0, false
		}
		r.began += r.at[len(r.at)-1].Std()
		r.i = 0
	}
	at := r.began + r.at[r.i].Std()
	r.i++
	return at, true
}
