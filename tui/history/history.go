// Package history keeps the last minutes of a lab's figures as series, for charts. All series of one History are in step:
// their last values belong to the last Snapshot, and a value that was not known is NaN.
package history

import (
	"math"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Keep is how many Snapshots a History holds: five minutes at two a second.
const Keep = 600

// Series is a figure over time, oldest first.
type Series struct{ values []float64 }

// Last gives the last n values, fewer where there are not so many.
func (s *Series) Last(n int) []float64 {
	if s == nil {
		return nil
	}
	return last(s.values, n)
}

func last[T any](values []T, n int) []T { return values[max(len(values)-max(n, 0), 0):] }

func (s *Series) push(v float64) {
	s.values = append(s.values, v)
	if len(s.values) > 2*Keep {
		s.values = append(s.values[:0], s.values[len(s.values)-Keep:]...)
	}
}

// Workload holds one workload's series.
type Workload struct {
	Asked, Achieved, Failed, Dropped Series // per second
	P50, P99, P999                   Series // seconds
	Histograms                       [][]telemetry.Bucket
	Last                             telemetry.Traffic
	fresh                            bool
}

// Node holds one node's series.
type Node struct {
	CPU, Memory, Received, Sent, Main Series
	// MainName is the component's figure that Main follows.
	MainName string
	fresh    bool
}

// Span is a fault's time; End is zero while it is active.
type Span struct {
	telemetry.Fault
	End time.Time
}

// History is a lab's past.
type History struct {
	Times     []time.Time
	Workloads map[string]*Workload
	Nodes     map[string]*Node
	Links     map[[2]string]*Series // bytes per second, both directions
	Faults    []Span
	// Main chooses the figure that tells most of a node; nil for none.
	Main func(telemetry.Node) (name string, value float64, ok bool)
}

// New gives an empty History.
func New() *History {
	return &History{Workloads: map[string]*Workload{}, Nodes: map[string]*Node{}, Links: map[[2]string]*Series{}}
}

// Add takes a Snapshot in.
func (h *History) Add(s telemetry.Snapshot) {
	h.Times = append(h.Times, s.Time)
	if len(h.Times) > 2*Keep {
		h.Times = append(h.Times[:0], h.Times[len(h.Times)-Keep:]...)
	}
	for _, t := range s.Traffic {
		h.workload(t)
	}
	for _, w := range h.Workloads {
		if !w.fresh {
			w.push(math.NaN(), math.NaN(), math.NaN(), math.NaN(), telemetry.Latency{}, nil)
		}
		w.fresh = false
	}
	for _, n := range s.Nodes {
		h.node(n)
	}
	for _, n := range h.Nodes {
		if !n.fresh {
			for _, s := range []*Series{&n.CPU, &n.Memory, &n.Received, &n.Sent, &n.Main} {
				s.push(math.NaN())
			}
		}
		n.fresh = false
	}
	h.links(s.Links)
	h.faults(s)
}

func (h *History) workload(t telemetry.Traffic) {
	w := h.Workloads[t.Workload]
	if w == nil {
		w = &Workload{}
		h.Workloads[t.Workload] = w
		h.fill(&w.Asked, &w.Achieved, &w.Failed, &w.Dropped, &w.P50, &w.P99, &w.P999)
		w.Histograms = make([][]telemetry.Bucket, len(w.Asked.values))
	}
	w.fresh, w.Last = true, t
	w.push(t.Asked, t.Achieved, t.Achieved-t.Succeeded, t.Dropped, t.Latency, t.Histogram)
}

func (w *Workload) push(asked, achieved, failed, dropped float64, l telemetry.Latency, histogram []telemetry.Bucket) {
	w.Asked.push(asked)
	w.Achieved.push(achieved)
	w.Failed.push(failed)
	w.Dropped.push(dropped)
	w.P50.push(positive(l.P50))
	w.P99.push(positive(l.P99))
	w.P999.push(positive(l.P999))
	w.Histograms = append(w.Histograms, histogram)
	if len(w.Histograms) > 2*Keep {
		w.Histograms = append(w.Histograms[:0], w.Histograms[len(w.Histograms)-Keep:]...)
	}
}

// positive makes of "nothing was measured" what a chart leaves out.
func positive(v float64) float64 {
	if v <= 0 {
		return math.NaN()
	}
	return v
}

func (h *History) node(seen telemetry.Node) {
	n := h.Nodes[seen.Name]
	if n == nil {
		n = &Node{}
		h.Nodes[seen.Name] = n
		h.fill(&n.CPU, &n.Memory, &n.Received, &n.Sent, &n.Main)
	}
	n.fresh = true
	n.CPU.push(known(seen.CPU))
	if seen.Memory != nil {
		n.Memory.push(float64(*seen.Memory))
	} else {
		n.Memory.push(math.NaN())
	}
	n.Received.push(known(seen.Received))
	n.Sent.push(known(seen.Sent))
	main := math.NaN()
	if h.Main != nil {
		if name, value, ok := h.Main(seen); ok {
			n.MainName, main = name, value
		}
	}
	n.Main.push(main)
}

func known(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func (h *History) links(links []telemetry.Link) {
	sums := make(map[[2]string]float64, len(links))
	for _, l := range links {
		sums[[2]string{l.From, l.To}] += l.Forward.BytesPerSecond + l.Backward.BytesPerSecond
	}
	for key := range sums {
		if h.Links[key] == nil {
			s := &Series{}
			h.fill(s)
			h.Links[key] = s
		}
	}
	for key, s := range h.Links {
		v, ok := sums[key]
		if !ok {
			v = math.NaN()
		}
		s.push(v)
	}
}

// fill brings series that begin now in step with the others.
func (h *History) fill(series ...*Series) {
	for _, s := range series {
		for range len(h.Times) - 1 {
			s.values = append(s.values, math.NaN())
		}
	}
}

func (h *History) faults(s telemetry.Snapshot) {
	for i := range h.Faults {
		span := &h.Faults[i]
		active := slices.ContainsFunc(s.Faults, func(f telemetry.Fault) bool { return f.ID == span.ID })
		if !active && span.End.IsZero() {
			span.End = s.Time
		}
	}
	for _, f := range s.Faults {
		known := slices.IndexFunc(h.Faults, func(o Span) bool { return o.ID == f.ID })
		if known < 0 {
			h.Faults = append(h.Faults, Span{Fault: f})
		} else {
			h.Faults[known].Fault = f
		}
	}
	if len(h.Times) > 0 && len(h.Faults) > 200 {
		oldest := h.Times[0]
		h.Faults = slices.DeleteFunc(h.Faults, func(f Span) bool { return !f.End.IsZero() && f.End.Before(oldest) })
	}
}

// Band is a fault's time as positions among the last n Snapshots: from From up to before To.
type Band struct {
	From, To int
	Fault    telemetry.Fault
	Active   bool
}

// Bands gives the faults among the last n Snapshots.
func (h *History) Bands(n int) []Band {
	times := last(h.Times, n)
	if len(times) == 0 {
		return nil
	}
	var out []Band
	for _, f := range h.Faults {
		from, _ := slices.BinarySearchFunc(times, f.Start, time.Time.Compare)
		to := len(times)
		if !f.End.IsZero() {
			to, _ = slices.BinarySearchFunc(times, f.End, time.Time.Compare)
		}
		if to > 0 && from < len(times) && from < to {
			out = append(out, Band{from, to, f.Fault, f.End.IsZero()})
		}
	}
	return out
}

// Span is the time that the last n Snapshots cover.
func (h *History) Span(n int) time.Duration {
	times := last(h.Times, n)
	if len(times) < 2 {
		return 0
	}
	return times[len(times)-1].Sub(times[0])
}
