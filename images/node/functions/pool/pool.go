// Package pool keeps the processes of one function: started on demand, as many as are needed up to a limit, ended when nobody has asked for a while.
//
//	p := pool.New(pool.Options{Concurrency: 4, Waiting: 100, Idle: 5 * time.Second, Start: start})
//	go p.Run(ctx)
//	answer, trip, err := p.Call(ctx, request)
package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Worker answers one request at a time.
type Worker interface {
	Call(ctx context.Context, request []byte) ([]byte, error)
	Stop()
	Ended() <-chan struct{}
}

// Options say how a function is run.
type Options struct {
	// Start starts a worker, and waits until it is ready.
	Start func(ctx context.Context) (Worker, error)
	// Concurrency is how many workers there are at most, from 1.
	Concurrency int
	// Waiting is how many requests wait for a worker at most; what comes beyond it is refused.
	Waiting int
	// Keep is how many workers there are at least, asked or not.
	Keep int
	// Idle is how long a worker that nobody needs is kept.
	Idle time.Duration
	// Timeout bounds the work on a request; a worker that takes longer is ended. 0 is no bound.
	Timeout time.Duration
}

// The errors of Call besides those of workers.
var (
	ErrBusy   = errors.New("all workers are busy, and as many requests as may wait are waiting")
	ErrClosed = errors.New("the function's host is ending")
	ErrLate   = errors.New("the function took longer than it may")
)

// StartError is the error of a worker that could not be started.
type StartError struct{ Err error }

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// Trip is what became of a request: Cold says that a worker was started for it, the others what the time went into.
type Trip struct {
	Cold                    bool
	Waited, Started, Worked time.Duration
}

// Counts is how many workers and requests there are at an instant. Workers includes those that start, work, wait and end.
type Counts struct {
	Workers, Starting, Busy, Idle, Waiting int
}

// Pool holds a function's workers.
type Pool struct {
	options Options
	changed chan struct{} // a worker is gone

	mu       sync.Mutex
	closed   bool
	workers  int
	starting int
	busy     int
	ending   int        // of those that have rested long enough
	idle     []*resting // the one that rested last is at the end, and is taken first
	waiting  []chan grant
	wait     sync.WaitGroup
}

// resting is a worker that has nothing to do.
type resting struct {
	worker Worker
	taken  chan struct{}
}

// grant is what one that waits gets: a worker, or none, and with it the right to start one.
type grant struct{ worker Worker }

// New returns a Pool without workers.
func New(o Options) *Pool {
	o.Concurrency = max(o.Concurrency, 1)
	o.Keep = min(max(o.Keep, 0), o.Concurrency)
	return &Pool{options: o, changed: make(chan struct{}, 1)}
}

// Run keeps as many workers as there are to be at least. It ends with ctx, when no worker is left.
func (p *Pool) Run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		again := false
		for p.reserve() {
			w, err := p.options.Start(ctx)
			p.mu.Lock()
			p.starting--
			p.mu.Unlock()
			if err != nil {
				p.lost()
				again = true
				break
			}
			p.release(w, false)
		}
		pause.Stop()
		if again {
			pause.Reset(time.Second)
		}
		select {
		case <-p.changed:
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	p.close()
	p.wait.Wait()
}

// reserve takes the place of one more worker, where there are fewer than are to be kept.
func (p *Pool) reserve() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.workers >= p.options.Keep {
		return false
	}
	p.workers++
	p.starting++
	return true
}

func (p *Pool) close() {
	p.mu.Lock()
	p.closed = true
	rest := p.idle
	p.idle = nil
	for _, r := range rest {
		close(r.taken)
	}
	for _, w := range p.waiting {
		close(w)
	}
	p.waiting = nil
	p.mu.Unlock()
	for _, r := range rest {
		p.wait.Go(func() { p.end(r.worker) })
	}
}

// Call has a worker answer the request. ctx bounds the wait for one; work that has begun is done although ctx ends, since a process that is interrupted is lost.
func (p *Pool) Call(ctx context.Context, request []byte) ([]byte, Trip, error) {
	var trip Trip
	began := time.Now()
	w, err := p.acquire(ctx)
	if err != nil {
		return nil, trip, err
	}
	defer p.wait.Done()
	trip.Waited = time.Since(began)
	whole := context.WithoutCancel(ctx)
	if w == nil {
		trip.Cold = true
		began = time.Now()
		w, err = p.options.Start(whole)
		trip.Started = time.Since(began)
		p.mu.Lock()
		p.starting--
		if err == nil {
			p.busy++
		}
		p.mu.Unlock()
		if err != nil {
			p.lost()
			return nil, trip, &StartError{err}
		}
	}
	if p.options.Timeout > 0 {
		var cancel context.CancelFunc
		whole, cancel = context.WithTimeoutCause(whole, p.options.Timeout, ErrLate)
		defer cancel()
	}
	began = time.Now()
	answer, err := w.Call(whole, request)
	trip.Worked = time.Since(began)
	if err != nil {
		w.Stop()
		p.mu.Lock()
		p.busy--
		p.mu.Unlock()
		p.lost()
		return nil, trip, err
	}
	p.release(w, true)
	return answer, trip, nil
}

// acquire gives a worker, or nil and the place of one that is to be started. Without an error there is one more to wait for.
func (p *Pool) acquire(ctx context.Context) (Worker, error) {
	p.mu.Lock()
	switch {
	case p.closed:
		p.mu.Unlock()
		return nil, ErrClosed
	case len(p.idle) > 0:
		r := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		close(r.taken)
		p.busy++
		p.wait.Add(1)
		p.mu.Unlock()
		return r.worker, nil
	case p.workers < p.options.Concurrency:
		p.workers++
		p.starting++
		p.wait.Add(1)
		p.mu.Unlock()
		return nil, nil
	case len(p.waiting) >= p.options.Waiting:
		p.mu.Unlock()
		return nil, ErrBusy
	}
	mine := make(chan grant, 1)
	p.waiting = append(p.waiting, mine)
	p.mu.Unlock()
	select {
	case g, open := <-mine:
		if !open {
			return nil, ErrClosed
		}
		return g.worker, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, mine)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // it came in the same instant
		g, open := <-mine
		if !open {
			return nil, ErrClosed
		}
		if g.worker != nil {
			p.release(g.worker, true)
		} else {
			p.mu.Lock()
			p.starting--
			p.mu.Unlock()
			p.lost()
		}
		p.wait.Done()
	}
	return nil, context.Cause(ctx)
}

// release gives a worker to the one that has waited longest, or lets it rest.
func (p *Pool) release(w Worker, worked bool) {
	p.mu.Lock()
	if worked {
		p.busy--
	}
	switch {
	case p.closed:
		p.mu.Unlock()
		p.end(w)
		return
	case len(p.waiting) > 0:
		first := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.busy++
		p.wait.Add(1)
		first <- grant{w}
		p.mu.Unlock()
		return
	}
	r := &resting{w, make(chan struct{})}
	p.idle = append(p.idle, r)
	p.wait.Go(func() { p.rest(r) })
	p.mu.Unlock()
}

// rest watches over a worker that has nothing to do.
func (p *Pool) rest(r *resting) {
	timer := time.NewTimer(p.options.Idle)
	defer timer.Stop()
	for {
		ended := false
		select {
		case <-r.taken:
			return
		case <-r.worker.Ended():
			ended = true
		case <-timer.C:
		}
		p.mu.Lock()
		i := slices.Index(p.idle, r)
		if i < 0 { // taken in the same instant
			p.mu.Unlock()
			return
		}
		if !ended && p.workers-p.ending <= p.options.Keep {
			p.mu.Unlock()
			timer.Reset(p.options.Idle)
			continue
		}
		p.idle = slices.Delete(p.idle, i, i+1)
		p.ending++
		p.mu.Unlock()
		r.worker.Stop()
		p.mu.Lock()
		p.ending--
		p.mu.Unlock()
		p.lost()
		return
	}
}

// end stops a worker that nobody has.
func (p *Pool) end(w Worker) {
	w.Stop()
	p.lost()
}

// lost gives the place of a worker that is gone to the one that has waited longest.
func (p *Pool) lost() {
	p.mu.Lock()
	if len(p.waiting) > 0 && !p.closed {
		first := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.starting++
		p.wait.Add(1)
		first <- grant{}
	} else {
		p.workers--
	}
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Counts tells how it is.
func (p *Pool) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Counts{Workers: p.workers, Starting: p.starting, Busy: p.busy, Idle: len(p.idle), Waiting: len(p.waiting)}
}
