package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/record"
)

// series is one figure over the run; a value that is not known is NaN.
type series struct {
	name   string
	at     []time.Duration
	values []float64
}

func (s series) largest() float64 {
	most := 0.0
	for _, v := range s.values {
		if !math.IsNaN(v) {
			most = max(most, v)
		}
	}
	return most
}

func (s series) mean() float64 {
	sum, n := 0.0, 0
	for _, v := range s.values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// trace reads a figure out of each Snapshot.
func trace(r record.Record, name string, read func(telemetry.Snapshot) (float64, bool)) series {
	s := series{name: name}
	for _, snapshot := range r.Snapshots {
		v, ok := read(snapshot)
		if !ok {
			v = math.NaN()
		}
		s.at = append(s.at, snapshot.Time.Sub(r.Start))
		s.values = append(s.values, v)
	}
	return s
}

// requests is a figure of the traffic, summed over workloads.
func requests(r record.Record, name string, read func(telemetry.Traffic) float64) series {
	return trace(r, name, func(s telemetry.Snapshot) (float64, bool) {
		sum := 0.0
		for _, t := range s.Traffic {
			sum += read(t)
		}
		return sum, len(s.Traffic) > 0
	})
}

func throughput(r record.Record) []series {
	all := []series{
		requests(r, "asked", func(t telemetry.Traffic) float64 { return t.Asked }),
		requests(r, "achieved", func(t telemetry.Traffic) float64 { return t.Achieved }),
		requests(r, "succeeded", func(t telemetry.Traffic) float64 { return t.Succeeded }),
		requests(r, "dropped", func(t telemetry.Traffic) float64 { return t.Dropped }),
	}
	return slices.DeleteFunc(all, func(s series) bool { return s.name == "dropped" && s.largest() == 0 })
}

// percentiles are those of the worst workload at each instant.
func percentiles(r record.Record) []series {
	var all []series
	for _, p := range []struct {
		name string
		read func(telemetry.Latency) float64
	}{
		{"p50", func(l telemetry.Latency) float64 { return l.P50 }},
		{"p90", func(l telemetry.Latency) float64 { return l.P90 }},
		{"p99", func(l telemetry.Latency) float64 { return l.P99 }},
		{"p99.9", func(l telemetry.Latency) float64 { return l.P999 }},
	} {
		all = append(all, trace(r, p.name, func(s telemetry.Snapshot) (float64, bool) {
			worst, found := 0.0, false
			for _, t := range s.Traffic {
				if t.Latency.Count > 0 {
					worst, found = max(worst, p.read(t.Latency)), true
				}
			}
			return worst, found
		}))
	}
	return all
}

func errorsByKind(r record.Record) []series {
	kinds := map[string]bool{}
	for _, s := range r.Snapshots {
		for _, t := range s.Traffic {
			for kind := range t.Errors {
				kinds[kind] = true
			}
		}
	}
	var all []series
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all, requests(r, kind, func(t telemetry.Traffic) float64 { return t.Errors[kind] }))
	}
	return all
}

// shown bounds how many links and nodes are drawn one by one.
const shown = 12

// linkRates are the busiest links' bytes per second, both directions together.
func linkRates(r record.Record) []series {
	type pair struct{ from, to string }
	busy := map[pair]float64{}
	for _, s := range r.Snapshots {
		for _, l := range s.Links {
			busy[pair{l.From, l.To}] += l.Forward.BytesPerSecond + l.Backward.BytesPerSecond
		}
	}
	order := slices.SortedFunc(maps.Keys(busy), func(a, b pair) int {
		return cmp.Or(-cmp.Compare(busy[a], busy[b]), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	var all []series
	for _, p := range order[:min(shown, len(order))] {
		if busy[p] == 0 {
			break
		}
		all = append(all, trace(r, p.from+" → "+p.to, func(s telemetry.Snapshot) (float64, bool) {
			sum, found := 0.0, false
			for _, l := range s.Links {
				if l.From == p.from && l.To == p.to {
					sum, found = sum+l.Forward.BytesPerSecond+l.Backward.BytesPerSecond, true
				}
			}
			return sum, found
		}))
	}
	return all
}

// nodeFigures are a figure of each node that knows it, those with the largest first.
func nodeFigures(r record.Record, read func(telemetry.Node) (float64, bool)) []series {
	names := map[string]bool{}
	for _, s := range r.Snapshots {
		for _, n := range s.Nodes {
			if _, ok := read(n); ok {
				names[n.Name] = true
			}
		}
	}
	var all []series
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, trace(r, name, func(s telemetry.Snapshot) (float64, bool) {
			for _, n := range s.Nodes {
				if n.Name == name {
					return read(n)
				}
			}
			return 0, false
		}))
	}
	slices.SortStableFunc(all, func(a, b series) int { return -cmp.Compare(a.largest(), b.largest()) })
	return all[:min(shown, len(all))]
}

// statNames are the components' figures that changed during the run, sorted; those that tell the most first.
func statNames(r record.Record) []string {
	changed := map[string]bool{}
	first := map[string]float64{}
	for _, s := range r.Snapshots {
		for _, n := range s.Nodes {
			for stat, v := range n.Stats {
				key := n.Name + " " + stat
				if was, ok := first[key]; !ok {
					first[key] = v
				} else if was != v {
					changed[stat] = true
				}
			}
		}
	}
	telling := []string{"hit_rate", "keys", "ops_per_second", "lag", "queue_depth", "term", "connected_clients", "evictions_per_second"}
	rank := func(stat string) int {
		if i := slices.Index(telling, stat); i >= 0 {
			return i
		}
		return len(telling)
	}
	names := slices.SortedFunc(maps.Keys(changed), func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return names[:min(4, len(names))]
}
