package traffic

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// engine is the works of a Run: a dispatcher that lets requests fall due, workers that send them, recorders that count what came of
// them, and a collector that gathers the counts window by window.
type engine struct {
	options    Options
	open       bool // the loop
	timeout    time.Duration
	duration   time.Duration // MaxInt64 for none
	targets    []*target
	workers    []*worker
	recorders  []*recorder
	dispatched *recorder // the dispatcher's, one of recorders; nil in a closed loop
	collector  *collector
	pacer      *pacer

	clock     clock // from the state Running on
	plan      atomic.Pointer[plan]
	inFlight  atomic.Int64
	scheduled atomic.Uint64
	dropped   atomic.Uint64
	// arrivalsEnded is when the last request could fall due; 0 before.
	arrivalsEnded atomic.Int64
	over          atomic.Bool // no more requests fall due
	discard       atomic.Bool // those that wait are not sent any more
	paused        atomic.Bool // changed with mu held
	changed       atomic.Bool // the dispatcher has something to obey

	mu       sync.Mutex
	spec     workload.Spec
	is       State
	resumed  chan struct{} // closed when not paused
	arrival  *workload.Arrival
	silenced bool // arrival was replaced by a rate of zero
	began    time.Time
}

func newEngine(options Options) (*engine, error) {
	spec := options.Workload
	targets, err := newTargets(options)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(spec, targets)
	if err != nil {
		return nil, err
	}
	e := &engine{
		options: options, spec: spec, is: Preparing, targets: targets,
		open: spec.Loop == workload.LoopOpen, timeout: spec.Timeout.Std(), duration: math.MaxInt64,
		resumed: make(chan struct{}),
	}
	close(e.resumed)
	if spec.Duration > 0 {
		e.duration = spec.Duration.Std()
	}
	e.plan.Store(p)
	form := shape{
		// A request may wait for the timeout, and then be under way for the timeout and an eighth.
		highest: int64(3*e.timeout + time.Second), delays: e.open, targets: len(targets), answerers: spec.AnsweredBy != "",
	}
	workers := len(targets) * spec.Connections * spec.Streams
	for range min(workers, 2*runtime.GOMAXPROCS(0)) {
		e.recorders = append(e.recorders, newRecorder(form))
	}
	for _, t := range targets {
		for _, l := range t.links {
			for range spec.Streams {
				part := len(e.workers)
				e.workers = append(e.workers, &worker{engine: e, target: t, link: l, part: part, parts: workers,
					recorder: e.recorders[part%len(e.recorders)]})
			}
		}
	}
	form.lateness = e.open
	e.collector = newCollector(e, form)
	if e.open {
		e.dispatched = newRecorder(form)
		e.recorders = append(e.recorders, e.dispatched)
	}
	return e, nil
}

// stopGrace is how long answers may take to come after a run was stopped.
const stopGrace = 500 * time.Millisecond

// run is the whole life of a run. The error is that of the preparations.
func (e *engine) run(ctx context.Context) error {
	// Requests outlive the order to stop by the grace.
	hard, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer e.closeLinks()
	if err := e.prepare(ctx); err != nil {
		if ctx.Err() != nil { // stopped before it began
			e.enter(Ended)
			return nil
		}
		e.enter(Failed)
		return err
	}
	pace, err := newPacer()
	if err != nil {
		e.enter(Failed)
		return err
	}
	defer pace.close()
	e.begin(pace)

	collected := make(chan struct{})
	gathering, enough := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(collected)
		e.collector.run(gathering)
	}()
	finished := make(chan struct{})
	var workers sync.WaitGroup
	for _, w := range e.workers {
		workers.Go(func() { w.run(hard) })
	}
	go func() {
		workers.Wait()
		close(finished)
	}()

	e.arrive(ctx)
	e.enter(Ending)
	e.drain(ctx, finished, abandon)
	enough()
	<-collected
	e.enter(Ended)
	return nil
}

func (e *engine) begin(pace *pacer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pacer = pace
	e.began = time.Now()
	e.clock = clock{start: e.began}
	e.is = Running
	if e.paused.Load() {
		e.is = Paused
	}
}

// arrive lets requests fall due until the run's end or the order to stop.
func (e *engine) arrive(ctx context.Context) {
	defer func() {
		e.over.Store(true)
		e.arrivalsEnded.Store(int64(min(e.clock.now(), e.duration)))
	}()
	stop := context.AfterFunc(ctx, e.pacer.wake)
	defer stop()
	if !e.open {
		for ctx.Err() == nil {
			left := e.duration - e.clock.now()
			if left <= 0 {
				return
			}
			e.pacer.wait(left)
		}
		return
	}
	defer func() {
		for _, t := range e.targets {
			close(t.queue)
		}
	}()
	newDispatcher(e).run(ctx)
}

// drain waits for the workers: for as long as requests may take, or, after the order to stop, for the grace.
func (e *engine) drain(ctx context.Context, finished <-chan struct{}, abandon func()) {
	e.resume() // a worker that is held by a pause has to see the end
	// Waiting for a connection, opening it, sending, with what the deadlines have to spare.
	natural := time.NewTimer(4*e.timeout + time.Second)
	defer natural.Stop()
	select {
	case <-finished:
		return
	case <-natural.C:
	case <-ctx.Done():
		e.discard.Store(true)
		grace := time.NewTimer(min(stopGrace, e.timeout))
		defer grace.Stop()
		select {
		case <-finished:
			return
		case <-grace.C:
		}
	}
	e.discard.Store(true)
	abandon()
	e.closeLinks()
	<-finished
}

func (e *engine) closeLinks() {
	for _, t := range e.targets {
		for _, l := range t.links {
			l.close()
		}
	}
}

func (e *engine) enter(s State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.is = s
}

func (e *engine) state() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.is
}

func (e *engine) workload() workload.Spec {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.spec
}

func (e *engine) traffic() telemetry.Traffic { return e.collector.last() }
