package collect

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/assemble"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// The names of the sources.
const (
	sourceEngine  = telemetry.SourceEngine
	sourceWire    = "wire"
	sourceCgroup  = "cgroup"
	sourceTraffic = "traffic"
)

// How good a source is.
const (
	stateOK       = "ok"
	stateDegraded = "degraded"
	stateAbsent   = telemetry.SourceAbsent
)

// latest is what each source last said. Its goroutines write it, the ticks read it.
type latest struct {
	mu      sync.Mutex
	state   engine.State
	changed chan struct{} // closed and replaced when the state is another
	events  []engine.Event

	counters   *wire.Counters
	countersAt time.Time
	records    []wire.Record
	states     []wire.State
	sample     *probe.Sample
	sampleAt   time.Time
	traffic    []telemetry.Traffic
	trafficAt  time.Time

	usage    map[string]engine.Usage // by the engine's statistics
	limits   map[string]engine.Detail
	inside   map[string]assemble.Reading // by commands in the containers
	refused  map[string]string           // why a command failed, by container ID
	commands map[string]bool             // whether readiness commands hold

	sources map[string]telemetry.Source
}

func newLatest(state engine.State) *latest {
	return &latest{state: state, changed: make(chan struct{}), usage: map[string]engine.Usage{}, limits: map[string]engine.Detail{},
		inside: map[string]assemble.Reading{}, refused: map[string]string{}, commands: map[string]bool{}, sources: map[string]telemetry.Source{}}
}

// set changes what is known.
func (l *latest) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// source notes how good a source is.
func (l *latest) source(name, state, text string) {
	l.set(func() { l.sources[name] = telemetry.Source{Name: name, State: state, Text: text} })
}

// current is the state, and a channel that is closed when it is another.
func (l *latest) current() (engine.State, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.changed
}

func (l *latest) setState(state engine.State) {
	l.set(func() {
		l.state = state
		close(l.changed)
		l.changed = make(chan struct{})
	})
}

// silence is after how many intervals without a word a source counts as silent.
const silence = 6

func (l *latest) inputs(now time.Time, options Options) assemble.Inputs {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := assemble.Inputs{Time: now, State: l.state, Events: l.events, Records: l.records, States: l.states,
		Usage: map[string]engine.Usage{}, Readings: map[string]assemble.Reading{}, Ready: map[string]bool{}}
	l.events = nil
	bound := max(silence*options.Interval, 3*time.Second)
	if l.counters != nil && now.Sub(l.countersAt) < bound {
		in.Counters = l.counters
	}
	if l.traffic != nil && now.Sub(l.trafficAt) < bound {
		in.Traffic = l.traffic
	}
	sample := l.sample
	if sample != nil && now.Sub(l.sampleAt) >= bound {
		sample = nil
	}
	maps.Copy(in.Readings, l.inside)
	if sample != nil {
		for id, result := range sample.Nodes {
			if result.Usage != nil {
				in.Usage[id] = *result.Usage
			}
			if result.Reading != nil && result.ReadError == "" {
				in.Readings[id] = assemble.Reading{Time: result.Reading.Time, Reading: result.Reading.Reading}
			}
			if result.Ready != nil {
				in.Ready[id] = *result.Ready
			}
		}
	}
	for id, held := range l.commands {
		if before, probed := in.Ready[id]; !probed || before {
			in.Ready[id] = held
		}
	}
	if len(in.Usage) == 0 {
		for id, usage := range l.usage {
			in.Usage[id] = l.withLimits(id, usage)
		}
	}
	in.Sources = l.told(in, sample, options)
	return in
}

// withLimits adds what the engine's statistics do not tell.
func (l *latest) withLimits(id string, usage engine.Usage) engine.Usage {
	d, ok := l.limits[id]
	if !ok {
		return usage
	}
	if d.NanoCPUs > 0 {
		cores := float64(d.NanoCPUs) / 1e9
		usage.CPULimit = &cores
	}
	if d.MemoryBytes > 0 {
		limit := d.MemoryBytes
		usage.MemoryLimit = &limit
	}
	return usage
}

// told are the sources as they are now.
func (l *latest) told(in assemble.Inputs, sample *probe.Sample, options Options) []telemetry.Source {
	sources := maps.Clone(l.sources)
	if s := sources[sourceWire]; s.State == stateOK && in.Counters == nil && !l.countersAt.IsZero() {
		sources[sourceWire] = telemetry.Source{Name: sourceWire, State: stateAbsent, Text: "the wire helper is silent"}
	}
	if s := sources[sourceTraffic]; s.State == stateOK && in.Traffic == nil && !l.trafficAt.IsZero() {
		sources[sourceTraffic] = telemetry.Source{Name: sourceTraffic, State: stateAbsent, Text: "the traffic client is silent"}
	}
	cgroup := telemetry.Source{Name: sourceCgroup, State: stateAbsent, Text: "nobody reads them"}
	switch {
	case sample != nil && sample.Cgroup != "":
		cgroup.State, cgroup.Text = stateOK, "version "+sample.Cgroup
	case len(l.usage) > 0:
		cgroup.State, cgroup.Text = stateDegraded, fmt.Sprintf("the engine's statistics serve, every %v", usageEvery)
		if sample != nil && sample.CgroupWhy != "" {
			cgroup.Text += ": " + sample.CgroupWhy
		}
	case sample != nil:
		cgroup.Text = sample.CgroupWhy
	}
	sources[sourceCgroup] = cgroup
	list := make([]telemetry.Source, 0, len(sources))
	for _, s := range sources {
		list = append(list, s)
	}
	return append(list, l.components(in, sample, options)...)
}

// components says of each node that should be read whether it was.
func (l *latest) components(in assemble.Inputs, sample *probe.Sample, options Options) []telemetry.Source {
	var list []telemetry.Source
	nodes := helper.Nodes(l.state)
	names := engine.NodeNames(nodes)
	for _, c := range nodes {
		component, read := options.Components[c.Service]
		if !read || c.Phase != engine.PhaseRunning {
			continue
		}
		s := telemetry.Source{Name: component.Kind, Node: names[c.ID], State: stateAbsent, Text: l.refused[c.ID]}
		if _, ok := in.Readings[c.ID]; ok {
			s.State, s.Text = stateOK, ""
		} else if sample != nil && s.Text == "" {
			s.Text = sample.Nodes[c.ID].ReadError
		}
		list = append(list, s)
	}
	return list
}
