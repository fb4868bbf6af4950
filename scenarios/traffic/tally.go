package traffic

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// KindWaited is the kind of a request that fell due and found no free connection within the timeout: it was never sent.
const KindWaited = "no_connection"

// tally counts what came of requests.
type tally struct {
	sent      uint64
	succeeded uint64
	failed    uint64
	canceled  uint64 // sent or waiting when the run was stopped
	hits      uint64
	misses    uint64
	latency   *hdrhistogram.Histogram // nanoseconds, from the instant due
	service   *hdrhistogram.Histogram // nanoseconds, from the sending
	delay     *hdrhistogram.Histogram // nanoseconds, from the instant due to the sending; nil in a closed loop
	lateness  *hdrhistogram.Histogram // nanoseconds, from the instant due to the dispatcher's handing over; nil for workers
	errors    map[string]*failures
	targets   []*split          // by target; empty for a single one
	answerers map[string]*split // by the server that answered; nil where it is not asked for
	shape     shape
}

// failures are those of one kind.
type failures struct {
	count   uint64
	example string
}

// split is the part of one target or answering server.
type split struct {
	count   uint64
	failed  uint64
	latency *hdrhistogram.Histogram
}

// shape is what a tally has to hold.
type shape struct {
	highest   int64 // nanoseconds; longer ones are counted as this
	delays    bool
	lateness  bool
	targets   int
	answerers bool
}

// Histograms are exact to 512 ns or a thousandth, whichever is more; those of splits to a hundredth.
const (
	lowestLatency  = int64(time.Microsecond)
	figures        = 3
	splitFigures   = 2
	maxSplits      = 64
	otherAnswerers = "(others)"
)

func (s shape) histogram(figures int) *hdrhistogram.Histogram {
	return hdrhistogram.New(lowestLatency, s.highest, figures)
}

func (s shape) split() *split { return &split{latency: s.histogram(splitFigures)} }

func newTally(s shape) *tally {
	t := &tally{latency: s.histogram(figures), service: s.histogram(figures), errors: map[string]*failures{}, shape: s}
	if s.delays {
		t.delay = s.histogram(figures)
	}
	if s.lateness {
		t.lateness = s.histogram(figures)
	}
	if s.targets > 1 {
		for range s.targets {
			t.targets = append(t.targets, s.split())
		}
	}
	if s.answerers {
		t.answerers = map[string]*split{}
	}
	return t
}

// ending is how one request ended.
type ending struct {
	due, sent, end time.Duration // since the run's start; sent is negative for one that was never sent
	target         int
	err            error
	kind           string // of err; "" for success
	answer         *protocol.Answer
}

func (t *tally) add(e *ending) {
	if e.sent >= 0 {
		t.sent++
		if t.delay != nil {
			t.record(t.delay, e.sent-e.due)
		}
	}
	switch e.answer.Found {
	case protocol.FoundHit:
		t.hits++
	case protocol.FoundMiss:
		t.misses++
	}
	failed := e.kind != ""
	if failed {
		t.failed++
		t.fail(e.kind, 1, e.err)
	} else {
		t.succeeded++
	}
	timed := !failed || e.kind == protocol.KindTimeout || e.kind == KindWaited
	if timed {
		t.record(t.latency, e.end-e.due)
		if e.sent >= 0 {
			t.record(t.service, e.end-e.sent)
		}
	}
	if len(t.targets) > 0 {
		t.targets[e.target].add(t, e, failed, timed)
	}
	if t.answerers != nil && e.answer.By != "" {
		t.answerer(e.answer.By).add(t, e, failed, timed)
	}
}

func (s *split) add(t *tally, e *ending, failed, timed bool) {
	s.count++
	if failed {
		s.failed++
	}
	if timed {
		t.record(s.latency, e.end-e.due)
	}
}

func (t *tally) record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(int64(d), 0), t.shape.highest)) // in range, so it cannot fail
}

func (t *tally) fail(kind string, count uint64, example error) {
	f := t.errors[kind]
	if f == nil {
		f = &failures{}
		t.errors[kind] = f
	}
	if f.count == 0 && example != nil {
		f.example = example.Error()
	}
	f.count += count
}

func (t *tally) answerer(name string) *split {
	s := t.answerers[name]
	if s == nil {
		if len(t.answerers) >= maxSplits {
			name = otherAnswerers
			if s = t.answerers[name]; s != nil {
				return s
			}
		}
		s = t.shape.split()
		t.answerers[name] = s
	}
	return s
}

// merge adds what another tally of the same shape holds.
func (t *tally) merge(from *tally) {
	t.sent += from.sent
	t.succeeded += from.succeeded
	t.failed += from.failed
	t.canceled += from.canceled
	t.hits += from.hits
	t.misses += from.misses
	mergeHistogram(t.latency, from.latency)
	mergeHistogram(t.service, from.service)
	mergeHistogram(t.delay, from.delay)
	mergeHistogram(t.lateness, from.lateness)
	for kind, f := range from.errors {
		if f.count == 0 {
			continue
		}
		t.fail(kind, f.count, nil)
		if mine := t.errors[kind]; mine.example == "" {
			mine.example = f.example
		}
	}
	for i, s := range from.targets {
		t.targets[i].merge(s)
	}
	for name, s := range from.answerers {
		if s.count > 0 {
			t.answerer(name).merge(s)
		}
	}
}

func (s *split) merge(from *split) {
	s.count += from.count
	s.failed += from.failed
	mergeHistogram(s.latency, from.latency)
}

func mergeHistogram(to, from *hdrhistogram.Histogram) {
	if from != nil && from.TotalCount() > 0 {
		to.Merge(from)
	}
}

// reset empties the tally and keeps its memory.
func (t *tally) reset() {
	t.sent, t.succeeded, t.failed, t.canceled, t.hits, t.misses = 0, 0, 0, 0, 0, 0
	for _, h := range []*hdrhistogram.Histogram{t.latency, t.service, t.delay, t.lateness} {
		resetHistogram(h)
	}
	for _, f := range t.errors {
		*f = failures{}
	}
	for _, s := range t.targets {
		s.reset()
	}
	for _, s := range t.answerers {
		s.reset()
	}
}

func (s *split) reset() {
	s.count, s.failed = 0, 0
	resetHistogram(s.latency)
}

func resetHistogram(h *hdrhistogram.Histogram) {
	if h != nil && h.TotalCount() > 0 {
		h.Reset()
	}
}

// recorder takes the endings of some of the workers. There are few, as each holds histograms, and several, so that workers on other
// processors seldom wait for each other.
type recorder struct {
	mu   sync.Mutex
	now  *tally
	next *tally // empty
	_    [64]byte
}

func newRecorder(s shape) *recorder { return &recorder{now: newTally(s), next: newTally(s)} }

func (r *recorder) add(e *ending) {
	r.mu.Lock()
	r.now.add(e)
	r.mu.Unlock()
}

// late records how much later than due the dispatcher handed a request over.
func (r *recorder) late(d time.Duration) {
	r.mu.Lock()
	r.now.record(r.now.lateness, d)
	r.mu.Unlock()
}

func (r *recorder) cancel() {
	r.mu.Lock()
	r.now.canceled++
	r.mu.Unlock()
}

// take moves what was recorded since the last take into t. It is called by one goroutine.
func (r *recorder) take(t *tally) {
	r.mu.Lock()
	full := r.now
	r.now, r.next = r.next, full
	r.mu.Unlock()
	t.merge(full)
	full.reset() // r.next, which only this goroutine touches
}
