package assemble

import (
	"maps"
	"math"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// kindClient is the kind and the role of the traffic client.
const kindClient = "client"

func (a *Assembler) node(c engine.Container, name string, in Inputs) telemetry.Node {
	service := a.about.Services[c.Service]
	if c.Helper() == engine.HelperClient {
		service = Service{Kind: kindClient, Role: kindClient}
	}
	node := telemetry.Node{Name: name, Service: c.Service, Number: c.Number, ID: c.ID, Kind: service.Kind, Role: service.Role,
		Phase: c.Phase, Health: a.health(c, in)}
	if c.Running() {
		for _, network := range slices.Sorted(maps.Keys(c.Addresses)) {
			if address := c.Addresses[network]; address.IsValid() {
				node.Address = address.String()
				break
			}
		}
	}
	if c.Phase == engine.PhaseExited || c.Phase == engine.PhaseDead {
		code := c.ExitCode
		node.ExitCode = &code
	}
	if !c.Running() {
		return node // what was last read of it does not hold any more
	}
	if usage, ok := in.Usage[c.ID]; ok {
		known := a.cpu[c.ID]
		if known == nil {
			known = &counter{}
			a.cpu[c.ID] = known
		}
		known.add(usage.Time, usage.CPU.Seconds(), a.window)
		if cores, ok := known.rate(); ok {
			node.CPU = &cores
		}
		memory := usage.Memory
		node.Memory, node.CPULimit, node.MemoryLimit = &memory, usage.CPULimit, usage.MemoryLimit
	}
	if reading, ok := in.Readings[c.ID]; ok && c.Phase == engine.PhaseRunning {
		if reading.Role != "" {
			node.Role = reading.Role
		}
		node.Stats = a.figures(c.ID, reading)
	}
	return node
}

// health is the worse of what the readiness probes and the engine's own check say. Before a container was ready for the first time
// since it was started, it is starting, not failing.
func (a *Assembler) health(c engine.Container, in Inputs) telemetry.Health {
	switch c.Phase {
	case engine.PhaseRunning:
	case engine.PhasePaused:
		return telemetry.HealthFailing // it does not answer
	case engine.PhaseCreated, engine.PhaseRestarting:
		delete(a.wasReady, c.ID)
		return telemetry.HealthStarting
	default:
		delete(a.wasReady, c.ID)
		if c.Phase == engine.PhaseExited && c.ExitCode == 0 && a.about.Services[c.Service].Ends {
			return telemetry.HealthCompleted
		}
		return telemetry.HealthDown
	}
	ready, probed := in.Ready[c.ID]
	if c.Helper() == engine.HelperClient && in.Traffic != nil {
		ready, probed = true, true // it says what it does
	}
	switch {
	case !probed && c.Health == "":
		return telemetry.HealthUnknown
	case probed && !ready, c.Health == engine.HealthUnhealthy, c.Health == engine.HealthStarting:
		if a.wasReady[c.ID] || c.Health == engine.HealthUnhealthy {
			return telemetry.HealthFailing
		}
		return telemetry.HealthStarting
	}
	a.wasReady[c.ID] = true
	return telemetry.HealthReady
}

// maxFigures bounds what is told of one component: a page of metrics may have thousands.
const maxFigures = 200

// figures are a component's gauges, its counters as rates, and what follows from them.
func (a *Assembler) figures(id string, r Reading) map[string]float64 {
	figures := map[string]float64{}
	counters := a.stats[id]
	if counters == nil {
		counters = map[string]*counter{}
		a.stats[id] = counters
	}
	deleteKeys(counters, func(name string) bool { _, still := r.Counters[name]; return !still })
	for _, name := range bounded(r.Gauges) {
		if v := r.Gauges[name]; !math.IsNaN(v) && !math.IsInf(v, 0) {
			figures[name] = v
		}
	}
	for _, name := range bounded(r.Counters) {
		known := counters[name]
		if known == nil {
			known = &counter{}
			counters[name] = known
		}
		known.add(r.Time, r.Counters[name], a.window)
		if rate, ok := known.rate(); ok {
			figures[name+"_per_second"] = rate
		}
	}
	if _, has := r.Gauges["hit_rate"]; !has {
		if rate, ok := hitRate(counters["hits"], counters["misses"]); ok {
			figures["hit_rate"] = rate
		}
	}
	for _, name := range []string{"commands_per_second", "requests_per_second"} {
		if rate, ok := figures[name]; ok {
			if _, has := figures["ops_per_second"]; !has {
				figures["ops_per_second"] = rate
			}
		}
	}
	return figures
}

func bounded(m map[string]float64) []string {
	names := slices.Sorted(maps.Keys(m))
	return names[:min(len(names), maxFigures)]
}

// hitRate is hits over lookups in the window; false when nothing was looked up.
func hitRate(hits, misses *counter) (float64, bool) {
	if hits == nil || misses == nil {
		return 0, false
	}
	hit, _, ok := hits.span()
	missed, _, also := misses.span()
	if !ok || !also || hit+missed <= 0 {
		return 0, false
	}
	return hit / (hit + missed), true
}
