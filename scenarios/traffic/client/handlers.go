package client

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
)

// Handlers are the role's methods, for control.Serve.
func (r *Role) Handlers() control.Handlers {
	return control.Handlers{
		MethodStart:             control.Func(r.start),
		MethodStop:              control.Func(r.stop),
		MethodSet:               control.Func(r.set),
		MethodShow:              control.Func(r.show),
		MethodRestore:           control.Func(r.restore),
		telemetry.MethodTraffic: control.Stream(r.watch),
	}
}

func (r *Role) start(_ context.Context, ask StartAsk) ([]Status, error) {
	var specs []workload.Spec
	if len(ask.Names) > 0 || len(ask.Workloads) == 0 {
		names, err := known(ask.Names, slices.Sorted(maps.Keys(r.own)))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if len(ask.Names) > 0 || !r.own[name].Manual && !r.runs(name) {
				specs = append(specs, r.own[name])
			}
		}
	}
	for _, spec := range ask.Workloads {
		if err := spec.Validate(); err != nil {
			return nil, &control.Error{Code: control.CodeArguments, Text: err.Error()}
		}
		specs = append(specs, spec)
	}
	names := make([]string, 0, len(specs))
	for _, spec := range specs {
		if err := r.launch(spec); err != nil {
			return nil, err
		}
		names = append(names, spec.WithDefaults().Name)
	}
	return r.status(names, false), nil
}

func (r *Role) stop(ctx context.Context, ask StopAsk) ([]Status, error) {
	names, err := known(ask.Names, r.runningNames())
	if err != nil {
		return nil, err
	}
	r.haltAll(names)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return r.status(names, true), nil
}

func (r *Role) haltAll(names []string) {
	var halting sync.WaitGroup
	for _, name := range names {
		halting.Go(func() { r.halt(name) })
	}
	halting.Wait()
}

func (r *Role) set(_ context.Context, ask SetAsk) ([]Status, error) {
	var asked []string
	if ask.Name != "" {
		asked = []string{ask.Name}
	}
	names, err := known(asked, r.runningNames())
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, &control.Error{Code: control.CodeArguments, Text: "no workload runs", Hint: "start one: ddsctl traffic start"}
	}
	var chosen []*started
	for _, name := range names {
		if s := r.find(name); s != nil {
			chosen = append(chosen, s)
		}
	}
	for _, s := range chosen { // all or none
		if spec := s.run.Workload(); ask.Change.Validate(spec) != nil {
			return nil, &control.Error{Code: control.CodeArguments, Text: "workload " + spec.Name + ": " + ask.Change.Validate(spec).Error()}
		}
	}
	for _, s := range chosen {
		if err := s.run.Change(ask.Change); err != nil {
			return nil, err
		}
	}
	return r.status(names, false), nil
}

func (r *Role) show(_ context.Context, ask ShowAsk) ([]Status, error) {
	r.mu.Lock()
	names := slices.Collect(maps.Keys(r.running))
	r.mu.Unlock()
	for name := range r.own {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return r.status(names, ask.Series), nil
}

// restore stops everything, forgets what was started later, and starts the lab's own workloads anew.
func (r *Role) restore(context.Context, struct{}) (struct{}, error) {
	r.haltAll(r.runningNames())
	r.mu.Lock()
	for name, s := range r.running {
		if over(s.run) {
			delete(r.running, name)
		}
	}
	r.mu.Unlock()
	r.startOwn()
	return struct{}{}, nil
}

func (r *Role) watch(ctx context.Context, _ struct{}, emit func(any) error) error {
	const room = 16
	mine := &reader{items: make(chan []telemetry.Traffic, room)}
	r.mu.Lock()
	r.readers[mine] = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.readers, mine)
		r.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case item := <-mine.items:
			if err := emit(item); err != nil {
				return err
			}
		}
	}
}

func (r *Role) find(name string) *started {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[name]
}

func (r *Role) runs(name string) bool {
	s := r.find(name)
	return s != nil && !over(s.run)
}

// runningNames are those of the workloads that are not over, sorted.
func (r *Role) runningNames() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name, s := range r.running {
		if !over(s.run) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *Role) status(names []string, series bool) []Status {
	all := make([]Status, 0, len(names))
	for _, name := range names {
		spec, own := r.own[name]
		status := Status{Workload: spec, State: Idle, Own: own}
		if s := r.find(name); s != nil {
			report := s.run.Report()
			if !series {
				report.Series = nil
			}
			status.Workload, status.State, status.Report = s.run.Workload(), report.State, &report
			if err := s.run.Err(); err != nil {
				status.Error = err.Error()
			}
			if report.State == traffic.Running || report.State == traffic.Paused {
				now := s.run.Traffic()
				now.Histogram = nil
				status.Now = &now
			}
			if report.State == traffic.Failed || report.State == traffic.Preparing {
				status.Report = nil
			}
		}
		all = append(all, status)
	}
	return all
}
