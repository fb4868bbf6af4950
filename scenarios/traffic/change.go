package traffic

import (
	"github.com/ddsctl/ddsctl/labs/workload"
)

// change takes a valid change over.
func (e *engine) change(c workload.Change) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.is == Ending || e.is == Ended || e.is == Failed {
		return ErrOver
	}
	spec := e.spec
	if c.Mix != nil {
		spec.Mix = c.Mix
	}
	if c.Keys != nil {
		spec.Keys = c.Keys.WithDefaults()
	}
	if c.Values != nil {
		spec.Values = c.Values.WithDefaults()
	}
	spec = spec.WithDefaults()
	if c.Mix != nil || c.Keys != nil || c.Values != nil {
		p, err := newPlan(spec, e.targets)
		if err != nil {
			return err
		}
		e.plan.Store(p)
	}
	if arrival, silent := newArrival(spec.Arrival, c); arrival != nil || silent {
		if arrival != nil {
			spec.Arrival = *arrival
		} else {
			spec.Arrival.Rate = 0
		}
		e.arrival, e.silenced = arrival, silent
	}
	e.spec = spec
	e.changed.Store(true)
	if c.Pause != nil && *c.Pause != e.paused.Load() {
		e.setPaused(*c.Pause)
	}
	if e.pacer != nil {
		e.pacer.wake()
	}
	return nil
}

// newArrival is the arrival process that a change asks for: nil for none, or, when silent, for one in which nothing falls due.
func newArrival(now workload.Arrival, c workload.Change) (arrival *workload.Arrival, silent bool) {
	switch {
	case c.Arrival != nil:
		full := c.Arrival.WithDefaults()
		return &full, false
	case c.Rate == nil:
		return nil, false
	case *c.Rate == 0:
		return nil, true
	}
	process := workload.ProcessConstant
	if now.Process == workload.ProcessPoisson {
		process = workload.ProcessPoisson
	}
	return &workload.Arrival{Process: process, Rate: *c.Rate}, false
}

// setPaused holds workers of a closed loop, or lets them go; the dispatcher of an open loop looks at paused. The lock is held.
func (e *engine) setPaused(paused bool) {
	e.paused.Store(paused)
	if paused {
		e.resumed = make(chan struct{})
	} else {
		close(e.resumed)
	}
	switch {
	case paused && e.is == Running:
		e.is = Paused
	case !paused && e.is == Paused:
		e.is = Running
	}
}

func (e *engine) resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.paused.Load() {
		e.paused.Store(false)
		close(e.resumed)
	}
}

// held is closed while requests may be sent.
func (e *engine) held() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.resumed
}

// orders are what the dispatcher has to know of changes.
type orders struct {
	arrival  *workload.Arrival // a new process; nil for none
	silenced bool
	paused   bool
}

// ordered gives the changes since the last call.
func (e *engine) ordered() orders {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changed.Store(false)
	o := orders{arrival: e.arrival, silenced: e.silenced, paused: e.paused.Load()}
	e.arrival = nil
	e.silenced = false
	return o
}
