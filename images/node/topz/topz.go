// Package topz shows the processes that it sees: a page like the one of the program top. In a PID namespace that is shared with an
// application these are the application's.
//
//	sampler := topz.New(topz.System{}, topz.Options{})
//	go sampler.Run(ctx)
//	http.ListenAndServe(":8080", sampler.Handler())
//
// README.md is its interface.
package topz

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Reading is a process at one instant.
type Reading struct {
	PID, Parent int
	UID         uint32
	Command     string
	Threads     int
	// Memory is what it has in memory, in bytes; CPU is the processor time that it has used since it began.
	Memory  int64
	CPU     time.Duration
	Started time.Time
}

// Source tells what processes there are.
type Source interface {
	Processes(ctx context.Context) ([]Reading, error)
}

// Process is one process over the last window.
type Process struct {
	PID     int       `json:"pid"`
	Parent  int       `json:"parent"`
	UID     uint32    `json:"uid"`
	Command string    `json:"command"`
	Threads int       `json:"threads"`
	Memory  int64     `json:"memory_bytes"`
	CPU     float64   `json:"cpu_cores"` // 1 is one processor busy all the time
	Used    float64   `json:"cpu_seconds"`
	Started time.Time `json:"started"`
}

// Options say how processes are looked at.
type Options struct {
	// Every is how often; 0 is each second. Window is over how long processor time is averaged; 0 is five seconds.
	Every, Window time.Duration
	Now           func() time.Time // nil is time.Now
	Log           *slog.Logger     // nil discards
}

// Sampler keeps what was read in the last window.
type Sampler struct {
	source  Source
	options Options

	mu      sync.Mutex
	samples []sample // oldest first
}

type sample struct {
	at   time.Time
	all  []Reading
	used map[identity]time.Duration
}

// identity tells a process from a later one with its number.
type identity struct {
	pid     int
	started time.Time
}

func (r Reading) identity() identity { return identity{r.PID, r.Started} }

// New returns a Sampler.
func New(source Source, o Options) *Sampler {
	o.Every, o.Window = cmp.Or(o.Every, time.Second), cmp.Or(o.Window, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Sampler{source: source, options: o}
}

// Run looks again and again until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	tick := time.NewTicker(s.options.Every)
	defer tick.Stop()
	for {
		if err := s.Look(ctx); err != nil && ctx.Err() == nil {
			s.options.Log.Warn("the processes cannot be read", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Look reads the processes once.
func (s *Sampler) Look(ctx context.Context) error {
	all, err := s.source.Processes(ctx)
	if err != nil {
		return fmt.Errorf("read the processes: %w", err)
	}
	next := sample{at: s.options.Now(), all: all, used: map[identity]time.Duration{}}
	for _, r := range all {
		next.used[r.identity()] = r.CPU
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = append(s.samples, next)
	// The oldest one is the youngest that is a window old, so that the average is over a window at least.
	for len(s.samples) > 1 && next.at.Sub(s.samples[1].at) >= s.options.Window {
		s.samples = s.samples[1:]
	}
	return nil
}

// Processes are those that were there when it was last looked, the busiest first. A process that is younger than the window is averaged
// over its life.
func (s *Sampler) Processes() []Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) == 0 {
		return nil
	}
	last := s.samples[len(s.samples)-1]
	list := make([]Process, 0, len(last.all))
	for _, r := range last.all {
		list = append(list, Process{PID: r.PID, Parent: r.Parent, UID: r.UID, Command: r.Command, Threads: r.Threads,
			Memory: r.Memory, CPU: s.share(r, last), Used: r.CPU.Seconds(), Started: r.Started})
	}
	slices.SortFunc(list, func(a, b Process) int { return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.PID, b.PID)) })
	return list
}

// share is how much of a processor a process had, since the first sample that has it.
func (s *Sampler) share(r Reading, last sample) float64 {
	for _, before := range s.samples[:len(s.samples)-1] {
		used, ok := before.used[r.identity()]
		if passed := last.at.Sub(before.at); ok && passed > 0 {
			return max(0, (r.CPU-used).Seconds()/passed.Seconds())
		}
	}
	if lived := last.at.Sub(r.Started); !r.Started.IsZero() && lived > 0 {
		return r.CPU.Seconds() / lived.Seconds()
	}
	return 0
}
