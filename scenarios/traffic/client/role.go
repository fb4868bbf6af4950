package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
)

// Options are what a Role needs.
type Options struct {
	// Workloads are the lab's own. Those that are not manual start with Run.
	Workloads []workload.Spec
	// Node is the client's name as a node of the lab, for telemetry.
	Node string
	// Window is how often the stream brings an item. Default: 500 ms.
	Window time.Duration
	// Log takes what happens to workloads; nil for nothing.
	Log *slog.Logger
}

// patience is how long a workload's preparations wait for their target: a lab may take its time to come up.
const patience = 10 * time.Minute

// keptSeconds bounds the series of a workload in a lab, which may run for days.
const keptSeconds = 3600

// Role is the traffic client of a lab.
type Role struct {
	options Options
	own     map[string]workload.Spec

	mu      sync.Mutex
	context context.Context // of Run; nil before it
	running map[string]*started
	changed sync.WaitGroup // goroutines of runs
	readers map[*reader]bool
}

// started is a workload that was started; it stays when it is over, with its report.
type started struct {
	run     *traffic.Run
	pending []telemetry.Traffic // windows that no item has brought yet
}

// New makes a Role. Workloads that cannot be made are refused, and so are two of the same name.
func New(options Options) (*Role, error) {
	if options.Window <= 0 {
		options.Window = 500 * time.Millisecond
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	r := &Role{options: options, own: map[string]workload.Spec{}, running: map[string]*started{}, readers: map[*reader]bool{}}
	for i, spec := range options.Workloads {
		if err := spec.Validate(); err != nil {
			return nil, fmt.Errorf("workload %s: %w", cmp.Or(spec.Name, fmt.Sprint("number ", i+1)), err)
		}
		spec = spec.WithDefaults()
		if _, taken := r.own[spec.Name]; taken {
			return nil, fmt.Errorf("two workloads are called %s: give each a name of its own", spec.Name)
		}
		r.own[spec.Name] = spec
	}
	return r, nil
}

// Run starts the lab's own workloads and makes traffic until ctx ends; then it stops all of them and waits.
func (r *Role) Run(ctx context.Context) error {
	r.mu.Lock()
	r.context = ctx
	r.mu.Unlock()
	r.startOwn()
	tick := time.NewTicker(r.options.Window)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.publish()
		case <-ctx.Done():
			r.mu.Lock()
			r.context = nil
			r.mu.Unlock()
			r.changed.Wait()
			return nil
		}
	}
}

// startOwn starts the lab's own workloads that are not manual.
func (r *Role) startOwn() {
	for _, name := range slices.Sorted(maps.Keys(r.own)) {
		if r.own[name].Manual {
			continue
		}
		if err := r.launch(r.own[name]); err != nil {
			r.options.Log.Error("workload not started", "workload", name, "error", err)
		}
	}
}

var errNotRunning = errors.New("the traffic client is ending")

// launch starts a workload, in the place of the one with its name.
func (r *Role) launch(spec workload.Spec) error {
	name := spec.WithDefaults().Name
	r.halt(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.context == nil {
		return errNotRunning
	}
	if before := r.running[name]; before != nil && !over(before.run) {
		return &control.Error{Code: control.CodeBusy, Text: fmt.Sprintf("workload %s was started by somebody else at the same time", name)}
	}
	s := &started{}
	run, err := traffic.Start(r.context, traffic.Options{
		Workload: spec, Client: r.options.Node, Window: r.options.Window, OnDemand: true, Seconds: keptSeconds, Patience: patience,
		Observe: func(t telemetry.Traffic) {
			r.mu.Lock()
			defer r.mu.Unlock()
			s.pending = append(s.pending, t)
		},
	})
	if err != nil {
		return &control.Error{Code: control.CodeArguments, Text: err.Error()}
	}
	s.run = run
	r.running[name] = s
	r.options.Log.Info("workload started", "workload", name, "target", strings.Join(run.Report().Targets, " "))
	r.changed.Go(func() {
		report := run.Wait()
		if err := run.Err(); err != nil {
			r.options.Log.Error("workload failed", "workload", name, "error", err)
			return
		}
		r.options.Log.Info("workload over", "workload", name, "succeeded", report.TotalSucceeded, "failed", report.TotalFailed)
	})
	return nil
}

func over(run *traffic.Run) bool {
	select {
	case <-run.Done():
		return true
	default:
		return false
	}
}

// halt stops a workload where it runs, and waits for its end.
func (r *Role) halt(name string) {
	r.mu.Lock()
	s := r.running[name]
	r.mu.Unlock()
	if s != nil {
		s.run.Stop()
		<-s.run.Done()
	}
}

// publish ends the window of every workload that runs and brings the readers what there is.
func (r *Role) publish() {
	r.mu.Lock()
	runs := make([]*traffic.Run, 0, len(r.running))
	for _, s := range r.running {
		runs = append(runs, s.run)
	}
	r.mu.Unlock()
	for _, run := range runs {
		run.Gather() // calls Observe
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	item := []telemetry.Traffic{} // an item without workloads says that none runs
	for _, name := range slices.Sorted(maps.Keys(r.running)) {
		if s := r.running[name]; len(s.pending) > 0 { // a run's last window may stand behind the one before: it comes with the next item
			item = append(item, s.pending[0])
			s.pending = s.pending[1:]
		}
	}
	for reader := range r.readers {
		reader.put(item)
	}
}

// reader is one stream. What it does not take in time is dropped, the oldest first.
type reader struct {
	items chan []telemetry.Traffic
}

func (r *reader) put(item []telemetry.Traffic) {
	for {
		select {
		case r.items <- item:
			return
		default:
		}
		select {
		case <-r.items:
		default:
		}
	}
}

// names gives the names asked for, all where none are, and refuses those that are not known.
func known(asked []string, all []string) ([]string, error) {
	if len(asked) == 0 {
		return all, nil
	}
	for _, name := range asked {
		if slices.Contains(all, name) {
			continue
		}
		text := fmt.Sprintf("no workload %q; there are: %s", name, strings.Join(all, ", "))
		if len(all) == 0 {
			text = fmt.Sprintf("no workload %q: there is none", name)
		}
		hint := ""
		if near := nearest.Word(name, all); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, &control.Error{Code: control.CodeArguments, Text: text, Hint: hint}
	}
	return asked, nil
}
