package traffic

import (
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Report is what came of a run. Counts are of requests; what fell due is either sent, dropped, failed without being sent, canceled, or
// still in flight. Latencies are in seconds.
type Report struct {
	Workload    string   `json:"workload"`
	State       State    `json:"state"`
	Targets     []string `json:"targets"` // without passwords
	Protocol    string   `json:"protocol"`
	Loop        string   `json:"loop"`
	Process     string   `json:"process,omitempty"` // of arrivals, in an open loop
	Connections int      `json:"connections"`       // to each target
	Seed        uint64   `json:"seed"`
	// Started is when the first request could fall due; zero before that.
	Started time.Time `json:"started"`
	// Elapsed is how long requests fell due, and Drained how long the answers to the last ones were waited for.
	Elapsed time.Duration `json:"elapsed_ns"`
	Drained time.Duration `json:"drained_ns"`
	// Asked, Achieved and Succeeded are requests per second: that fell due (0 in a closed loop), that were over, that were over well.
	Asked     float64 `json:"asked"`
	Achieved  float64 `json:"achieved"`
	Succeeded float64 `json:"succeeded"`

	Scheduled      uint64 `json:"total_scheduled"`
	Dropped        uint64 `json:"total_dropped"` // were due and not sent, as too many were in flight
	Sent           uint64 `json:"total_sent"`
	TotalSucceeded uint64 `json:"total_succeeded"`
	TotalFailed    uint64 `json:"total_failed"`
	Canceled       uint64 `json:"total_canceled"` // by the end of the run
	InFlight       int    `json:"in_flight"`

	// Latency runs from the instant at which a request fell due, Service from its sending.
	Latency telemetry.Latency `json:"latency"`
	Service telemetry.Latency `json:"service"`
	// Delay is how much later than due requests were sent: the wait for a free connection, and Lateness, the client's own part in it. Where
	// Lateness is not small against Latency, the client's machine was too busy to measure.
	Delay     telemetry.Latency  `json:"delay"`
	Lateness  telemetry.Latency  `json:"lateness"`
	Histogram []telemetry.Bucket `json:"histogram,omitempty"` // of Latency
	Errors    []ErrorCount       `json:"errors,omitempty"`    // most frequent first
	Parts     []Part             `json:"parts,omitempty"`     // by answering server or by target, where there are several
	Hits      uint64             `json:"hits,omitempty"`      // reads that found their key
	Misses    uint64             `json:"misses,omitempty"`
	Series    []Point            `json:"series,omitempty"` // a point a second
}

// ErrorCount is one kind of error.
type ErrorCount struct {
	Kind    string `json:"kind"`
	Count   uint64 `json:"count"`
	Example string `json:"example,omitempty"` // the text of one of them
}

// Part is what one target or answering server got.
type Part struct {
	Name    string            `json:"name"`
	Count   uint64            `json:"count"`
	Failed  uint64            `json:"failed"`
	Share   float64           `json:"share"` // of all requests that are over, 0 to 1
	Latency telemetry.Latency `json:"latency"`
}

// Point is about a second of a run.
type Point struct {
	At        time.Duration     `json:"at_ns"` // its start, since the run's
	Seconds   float64           `json:"seconds"`
	Scheduled uint64            `json:"scheduled"`
	Dropped   uint64            `json:"dropped"`
	Sent      uint64            `json:"sent"`
	Succeeded uint64            `json:"succeeded"`
	Failed    uint64            `json:"failed"`
	InFlight  int               `json:"in_flight"`
	Latency   telemetry.Latency `json:"latency"`
	Errors    map[string]uint64 `json:"errors,omitempty"`
}

// ErrorRate is the share of the requests that are over and failed, 0 to 1.
func (r Report) ErrorRate() float64 { return share(r.TotalFailed, r.TotalSucceeded+r.TotalFailed) }

// HitRate is the share of reads that found their key, and false where nothing was read.
func (r Report) HitRate() (float64, bool) { return share(r.Hits, r.Hits+r.Misses), r.Hits+r.Misses > 0 }

// report puts together what is known up to the last window.
func (e *engine) report() Report {
	e.mu.Lock()
	spec, is, began := e.spec, e.is, e.began
	e.mu.Unlock()
	c := e.collector
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.whole
	known := c.latest
	r := Report{
		Workload: spec.Name, State: is, Protocol: known.Protocol, Loop: string(spec.Loop), Connections: spec.Connections, Seed: spec.Seed, Started: began,
		Scheduled: c.seen.scheduled, Dropped: c.seen.dropped, Sent: t.sent, TotalSucceeded: t.succeeded, TotalFailed: t.failed, Canceled: t.canceled,
		InFlight: int(e.inFlight.Load()),
		Latency:  latencyOf(t.latency), Service: latencyOf(t.service), Delay: latencyOf(t.delay), Lateness: latencyOf(t.lateness), Histogram: buckets(t.latency),
		Hits: t.hits, Misses: t.misses, Series: slices.Clone(c.series),
	}
	if e.open {
		r.Process = string(spec.Arrival.Process)
	}
	for _, target := range e.targets {
		r.Targets = append(r.Targets, target.name)
	}
	r.Elapsed = c.until
	if ended := time.Duration(e.arrivalsEnded.Load()); ended > 0 && ended < c.until {
		r.Elapsed, r.Drained = ended, c.until-ended
	}
	if seconds := r.Elapsed.Seconds(); seconds > 0 {
		if e.open {
			r.Asked = float64(r.Scheduled) / seconds
		}
		// Answers that came after the last request fell due take as long as they took.
		whole := (r.Elapsed + r.Drained).Seconds()
		r.Achieved, r.Succeeded = float64(t.succeeded+t.failed)/whole, float64(t.succeeded)/whole
	}
	for kind, f := range t.errors {
		if f.count > 0 {
			r.Errors = append(r.Errors, ErrorCount{Kind: kind, Count: f.count, Example: f.example})
		}
	}
	slices.SortFunc(r.Errors, func(a, b ErrorCount) int {
		if a.Count != b.Count {
			return int(int64(b.Count) - int64(a.Count))
		}
		if a.Kind < b.Kind {
			return -1
		}
		return 1
	})
	for _, part := range t.splits(e.targets) {
		r.Parts = append(r.Parts, Part{Name: part.name, Count: part.count, Failed: part.failed, Share: share(part.count, t.succeeded+t.failed),
			Latency: latencyOf(part.latency)})
	}
	return r
}

func kindCounts(errors map[string]*failures) map[string]uint64 {
	counts := map[string]uint64{}
	for kind, f := range errors {
		if f.count > 0 {
			counts[kind] = f.count
		}
	}
	if len(counts) == 0 {
		return nil
	}
	return counts
}
