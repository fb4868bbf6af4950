// Package play carries a scenario out on a running lab and gives its record.
//
//	run, err := play.Run(ctx, lab, scenario, play.Options{Progress: show})
//	run.Verdict // holds, fails or unknown
//
// Whatever happens, faults that the run put in are healed at its end: when it is interrupted too. Each fault has an expiry a little after
// the run's own end besides, so that one that was killed leaves nothing broken for long.
package play

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/script"
)

// Lab is a running lab, as far as a scenario needs it.
type Lab interface {
	// Snapshots gives Snapshots until ctx ends or the lab is lost for good.
	Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error]
	Faults
	Traffic
	// Run runs a command in a node and returns its exit code.
	Run(ctx context.Context, node string, command []string, user string, output io.Writer) (int, error)
	// Scale gives services another number of nodes, and waits until they are ready.
	Scale(ctx context.Context, counts map[string]int) error
	// RecordHistory lets clients in the lab use it, and writes their history to w. It returns when the history's duration is over.
	RecordHistory(ctx context.Context, spec drive.Spec, w io.Writer) error
}

// Faults breaks and mends a lab.
type Faults interface {
	Inject(ctx context.Context, spec fault.Spec) ([]telemetry.Fault, error)
	// Heal heals the faults with these IDs; those that do not stand any more are no error.
	Heal(ctx context.Context, ids ...string) error
	HealAll(ctx context.Context) error
}

// Traffic changes a lab's traffic.
type Traffic interface {
	StartTraffic(ctx context.Context, specs ...workload.Spec) error
	StopTraffic(ctx context.Context) error
	// SetTraffic changes a workload, all of them where the name is empty.
	SetTraffic(ctx context.Context, name string, change workload.Change) error
	// RestoreTraffic gives the lab its own traffic back, as it was when the lab came up.
	RestoreTraffic(ctx context.Context) error
}

// Options are a run's surroundings.
type Options struct {
	// Scenario is the scenario's name for the record, and Project the lab's.
	Scenario, Lab, Project string
	// Seed replaces the scenario's, where it is not 0.
	Seed uint64
	// Entry is the run of several that this one is.
	Entry       script.Compare
	Environment record.Environment
	// HistoryFile opens a file beside the record for a history; nil keeps histories in memory only.
	HistoryFile func(name string) (io.WriteCloser, error)
	// Progress is told what happens, as it happens, by one goroutine at a time. Nil is nobody.
	Progress func(Event)
}

// The kinds of events.
const (
	EventSettle = "settle"
	EventPhase  = "phase"
	EventStep   = "step"
	EventWait   = "wait" // a step waits for its condition
	EventSample = "sample"
	EventEnd    = "end"
)

// Event is something that happened in a run.
type Event struct {
	Kind  string
	At    time.Duration // since the run's start
	Total time.Duration // how long the run takes
	Phase string
	Text  string
	Step  *record.Step        // EventStep
	Now   *telemetry.Snapshot // EventSample
}

// Bounds of a run.
const (
	settleMost  = time.Minute      // until the lab has come to rest
	expiryAfter = 30 * time.Second // a fault outlives the run by at most so much
	healMost    = 30 * time.Second // of healing at the end
	lastSample  = 3 * time.Second  // until a Snapshot tells of the run's end
)

// ErrUnsettled says that the lab did not come to rest before the first phase.
var ErrUnsettled = errors.New("the lab does not come to rest")

// Run carries the scenario out. The record tells what was done and seen even when the run was interrupted or something in it failed; an
// error is returned only where there was no run.
func Run(ctx context.Context, lab Lab, s *script.Scenario, options Options) (record.Record, error) {
	expectations, err := s.Expectations(options.Entry)
	if err != nil {
		return record.Record{}, err
	}
	seed := s.Seed
	if options.Seed != 0 {
		seed = options.Seed
	}
	p := &player{lab: lab, script: s, options: options, seed: seed, changed: make(chan struct{}), stepFaults: map[string][]string{}}
	if p.options.Progress == nil {
		p.options.Progress = func(Event) {}
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watcher sync.WaitGroup
	watcher.Go(func() { p.watch(watching) })
	defer watcher.Wait()
	defer stop()

	if err := p.prepare(ctx); err != nil {
		p.cleanUp(ctx)
		return record.Record{}, err
	}
	p.begin()
	histories := p.startHistories(ctx)
	p.phases(ctx)
	p.finish(ctx)
	p.record.Histories = histories.wait(ctx, p.record.Faults)
	p.judge(expectations)
	p.tell(Event{Kind: EventEnd, Text: string(p.record.Verdict)})
	return p.record, nil
}

// player is one run under way.
type player struct {
	lab     Lab
	script  *script.Scenario
	options Options
	seed    uint64

	mu        sync.Mutex
	snapshots []telemetry.Snapshot
	lost      error         // why there are no more Snapshots
	changed   chan struct{} // closed and renewed with each Snapshot

	telling sync.Mutex
	record  record.Record

	injected   []string            // IDs of all faults of the run
	stepFaults map[string][]string // by step

	trafficChanged bool
}

func (p *player) tell(e Event) {
	p.telling.Lock()
	defer p.telling.Unlock()
	e.Total = p.script.Length()
	if !p.record.Start.IsZero() {
		e.At = time.Since(p.record.Start)
	}
	p.options.Progress(e)
}

// watch keeps the Snapshots.
func (p *player) watch(ctx context.Context) {
	for snapshot, err := range p.lab.Snapshots(ctx) {
		p.mu.Lock()
		if err != nil {
			p.lost = err
		} else {
			p.snapshots, p.lost = append(p.snapshots, snapshot), nil
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
		if err == nil {
			p.tell(Event{Kind: EventSample, Now: &snapshot})
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost == nil {
		p.lost = errors.New("the lab tells nothing any more")
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// seen are the Snapshots until now, and what is closed when there is another.
func (p *player) seen() ([]telemetry.Snapshot, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snapshots, p.changed, p.lost
}

// prepare heals what is broken, starts the scenario's own traffic, and waits until the lab is at rest.
func (p *player) prepare(ctx context.Context) error {
	if err := p.lab.HealAll(ctx); err != nil {
		return fmt.Errorf("heal the lab before the run: %w", err)
	}
	if p.script.Workloads != nil {
		p.trafficChanged = true
		if err := p.lab.StopTraffic(ctx); err != nil {
			return fmt.Errorf("stop the lab's own traffic: %w", err)
		}
		specs := make([]workload.Spec, len(p.script.Workloads))
		for i, w := range p.script.Workloads {
			if w.Seed == 0 {
				w.Seed = p.seed
			}
			specs[i] = w
		}
		if err := p.lab.StartTraffic(ctx, specs...); err != nil {
			return fmt.Errorf("start the scenario's traffic: %w", err)
		}
	}
	return p.settle(ctx)
}

func (p *player) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleMost)
	defer cancel()
	var since time.Time // when it came to rest
	var why string
	for {
		snapshots, changed, lost := p.seen()
		if n := len(snapshots); n > 0 {
			last := snapshots[n-1]
			restless := unrest(last)
			switch {
			case restless != "":
				if restless != why {
					p.tell(Event{Kind: EventSettle, Text: restless})
				}
				why, since = restless, time.Time{}
			case since.IsZero():
				since = last.Time
			}
			if !since.IsZero() && last.Time.Sub(since) >= p.script.Settle.Std() {
				return nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if why == "" {
				why = "no Snapshot came"
				if lost != nil {
					why = lost.Error()
				}
			}
			return fmt.Errorf("%w: %s: %w", ErrUnsettled, why, context.Cause(ctx))
		}
	}
}

// unrest is what a lab is not at rest for, or "".
func unrest(s telemetry.Snapshot) string {
	for _, n := range s.Nodes {
		switch n.Health {
		case telemetry.HealthReady, telemetry.HealthUnknown, telemetry.HealthCompleted:
		default:
			return fmt.Sprintf("node %s is %s", n.Name, n.Health)
		}
	}
	if len(s.Faults) > 0 {
		return fmt.Sprintf("the fault %s %s stands", s.Faults[0].Kind, s.Faults[0].Target)
	}
	return ""
}

func (p *player) begin() {
	r := &p.record
	r.Scenario, r.Title, r.Summary = p.options.Scenario, p.script.Title, p.script.Summary
	r.Lab, r.Project, r.Seed, r.Environment = p.options.Lab, p.options.Project, p.seed, p.options.Environment
	r.Variant = p.script.Variant
	if p.options.Entry.Variant != "" {
		r.Variant = p.options.Entry.Variant
	}
	if name := p.options.Entry.Name; name != "" {
		r.Title += ": " + name
	}
	p.telling.Lock()
	r.Start = time.Now()
	p.telling.Unlock()
}

// finish heals, waits for a Snapshot that tells of the end, and puts what was seen into the record.
func (p *player) finish(ctx context.Context) {
	p.record.End = time.Now()
	if ctx.Err() != nil {
		p.record.Interrupted = true
		p.record.Error = context.Cause(ctx).Error()
	} else {
		p.untilSampled(p.record.End)
	}
	p.cleanUp(ctx)
	snapshots, _, lost := p.seen()
	if lost != nil && p.record.Error == "" {
		p.record.Error = "the lab was lost: " + lost.Error()
	}
	for _, s := range snapshots {
		// The first after the end tells of the run's last moments.
		if s.Time.After(p.record.Start) && !s.Time.Add(-s.Window).After(p.record.End) {
			p.record.Snapshots = append(p.record.Snapshots, s)
		}
	}
	if n := len(p.record.Snapshots); n > 0 && p.record.Snapshots[n-1].Time.After(p.record.End) {
		p.record.End = p.record.Snapshots[n-1].Time
	}
	p.record.Faults = record.FaultSpans(p.record.Start, p.record.End, p.record.Snapshots)
}

func (p *player) untilSampled(at time.Time) {
	enough := time.NewTimer(lastSample)
	defer enough.Stop()
	for {
		snapshots, changed, lost := p.seen()
		if n := len(snapshots); lost != nil || (n > 0 && !snapshots[n-1].Time.Before(at)) {
			return
		}
		select {
		case <-changed:
		case <-enough.C:
			return
		}
	}
}

// cleanUp heals what the run broke, whatever became of ctx, and gives the lab its own traffic back where it was replaced.
func (p *player) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healMost)
	defer cancel()
	if len(p.injected) > 0 {
		if err := p.lab.Heal(ctx, p.injected...); err != nil && p.record.Error == "" {
			p.record.Error = "heal at the end: " + err.Error()
		}
	}
	if p.trafficChanged {
		if err := p.lab.RestoreTraffic(ctx); err != nil && p.record.Error == "" {
			p.record.Error = "give the lab its own traffic back: " + err.Error()
		}
	}
}

func (p *player) judge(expectations []expect.Expectation) {
	if err := p.record.Draw(p.script.Figures); err != nil && p.record.Error == "" {
		p.record.Error = err.Error()
	}
	p.record.Judge(expectations)
}
