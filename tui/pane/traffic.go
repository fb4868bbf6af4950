package pane

import (
	"math"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/chart"
	"github.com/ddsctl/ddsctl/tui/figure"
	"github.com/ddsctl/ddsctl/tui/history"
	"github.com/ddsctl/ddsctl/tui/topology"
)

// Workloads are the names of the workloads that run, in order.
func (d Data) Workloads() []string {
	var names []string
	for _, t := range d.Snapshot.Traffic {
		names = append(names, t.Workload)
	}
	return names
}

func (d Data) workload(name string) (telemetry.Traffic, *history.Workload, bool) {
	for _, t := range d.Snapshot.Traffic {
		if t.Workload == name {
			w := d.History.Workloads[name]
			return t, w, w != nil
		}
	}
	return telemetry.Traffic{}, nil, false
}

// bands are the faults among the last n Snapshots.
func (d Data) bands(n int) []chart.Band {
	var out []chart.Band
	for _, b := range d.History.Bands(n) {
		out = append(out, chart.Band{From: b.From, To: b.To, Text: string(topology.FaultSymbol(b.Fault.Kind)) + " " + b.Fault.Kind + " " + b.Fault.Target})
	}
	return out
}

// Traffic draws one workload: its figures, and charts where there is room.
func Traffic(r cell.Region, d Data, name string) {
	t, w, ok := d.workload(name)
	if !ok {
		r.Text(1, 0, "no traffic", cell.In(cell.Dim), r.W-2)
		r.Text(1, 1, ": traffic start", cell.In(cell.Faint), r.W-2)
		return
	}
	y := 0
	y += rates(r.Sub(1, y, r.W-2, r.H-y), t)
	y += latencies(r.Sub(1, y, r.W-2, r.H-y), t)
	left := r.H - y
	if left < 2 {
		return
	}
	if left < 3 {
		chart.Spark(r, 1, y, r.W-2, w.Achieved.Last(r.W-2), cell.In(cell.First))
		chart.Spark(r, 1, y+1, r.W-2, w.P99.Last(r.W-2), cell.In(cell.Third))
		return
	}
	first := left
	if left >= 9 {
		first = (left + 1) / 2
	}
	ratePlot(r.Sub(0, y, r.W-1, first), d, w)
	if left >= 9 {
		latencyPlot(r.Sub(0, y+first, r.W-1, left-first), d, w)
	}
}

func rates(r cell.Region, t telemetry.Traffic) int {
	ink := cell.Good
	share := t.ErrorRate()
	switch {
	case share > 0.01:
		ink = cell.Bad
	case share > 0:
		ink = cell.Warn
	}
	pieces := []piece{loud(cell.First, figure.Rate(t.Achieved))}
	if t.Loop == "closed" {
		pieces = append(pieces, say(cell.Dim, " closed loop"))
	} else {
		pieces = append(pieces, say(cell.Dim, " of "+figure.Rate(t.Asked)))
	}
	pieces = append(pieces, say(cell.Dim, "  errors "), loud(ink, figure.Percent(share)))
	if t.Dropped > 0 {
		pieces = append(pieces, say(cell.Dim, "  dropped "), loud(cell.Bad, figure.Rate(t.Dropped)))
	}
	if kinds := errorKinds(t); kinds != "" {
		pieces = append(pieces, say(cell.Bad, "  "+kinds))
	}
	words(r, 0, 0, pieces...)
	return 1
}

func errorKinds(t telemetry.Traffic) string {
	var names []string
	for name, rate := range t.Errors {
		if rate > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if t.Errors[a] != t.Errors[b] {
			if t.Errors[a] > t.Errors[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = name + " " + figure.Rate(t.Errors[name])
	}
	return strings.Join(names, " ")
}

func latencies(r cell.Region, t telemetry.Traffic) int {
	l := t.Latency
	if l.Count == 0 && l.Max == 0 {
		words(r, 0, 0, say(cell.Dim, "no answers in this window"))
		return 1
	}
	words(r, 0, 0, say(cell.Dim, "p50 "), loud(cell.Good, figure.Seconds(l.P50)), say(cell.Dim, "  p99 "), loud(cell.Third, figure.Seconds(l.P99)),
		say(cell.Dim, "  p99.9 "), loud(cell.Second, figure.Seconds(l.P999)), say(cell.Dim, "  max "), say(cell.Plain, figure.Seconds(l.Max)))
	return 1
}

func ratePlot(r cell.Region, d Data, w *history.Workload) {
	p := chart.Plot{Braille: d.Braille, Format: figure.Count}
	n := p.Columns(r.W)
	p.Samples = min(n, len(d.History.Times))
	p.Bands = d.bands(n)
	p.Lines = []chart.Line{
		{Values: w.Asked.Last(n), Style: cell.In(cell.Dim), Mark: '-'},
		{Values: w.Achieved.Last(n), Style: cell.In(cell.First), Area: true, Mark: '#', Fill: cell.In(cell.Under)},
		{Values: w.Failed.Last(n), Style: cell.In(cell.Bad), Area: true, Fill: cell.In(cell.Wound), Mark: 'x'},
	}
	p.Draw(r)
}

func latencyPlot(r cell.Region, d Data, w *history.Workload) {
	p := chart.Plot{Braille: d.Braille, Format: figure.Seconds, Log: true}
	n := p.Columns(r.W)
	p.Samples = min(n, len(d.History.Times))
	p.Bands = unnamed(d.bands(n))
	p.Lines = []chart.Line{
		{Values: w.P999.Last(n), Style: cell.In(cell.Second), Mark: '+'},
		{Values: w.P99.Last(n), Style: cell.In(cell.Third), Mark: '*'},
		{Values: w.P50.Last(n), Style: cell.In(cell.Good), Mark: '.'},
	}
	p.Draw(r)
}

func unnamed(bands []chart.Band) []chart.Band {
	for i := range bands {
		bands[i].Text = ""
	}
	return bands
}

// Heat draws a workload's latencies as a heat map.
func Heat(r cell.Region, d Data, name string) {
	_, w, ok := d.workload(name)
	if !ok {
		r.Text(1, 0, "no traffic", cell.In(cell.Dim), r.W-2)
		return
	}
	per := 1
	if d.Braille {
		per = 2 // so that its time runs as that of the other charts
	}
	n := max(r.W-8, 0) * per
	columns := w.Histograms[max(len(w.Histograms)-n, 0):]
	chart.Heat{Columns: columns, Per: per, Fine: d.Color && !d.ASCII, Samples: min(n, len(d.History.Times)), Bands: unnamed(d.bands(n)), Format: figure.Seconds}.Draw(r.Sub(0, 0, r.W-1, r.H))
}

// Histogram draws a workload's latencies of the last window as bars.
func Histogram(r cell.Region, d Data, name string) {
	t, _, ok := d.workload(name)
	if !ok || len(t.Histogram) == 0 {
		r.Text(1, 0, "no latencies yet", cell.In(cell.Dim), r.W-2)
		return
	}
	buckets := t.Histogram
	total, top := uint64(0), uint64(0)
	for _, b := range buckets {
		total += b.Count
		top = max(top, b.Count)
	}
	per := (len(buckets) + r.H - 1) / max(r.H, 1)
	for y := 0; y*per < len(buckets) && y < r.H; y++ {
		part := buckets[y*per : min((y+1)*per, len(buckets))]
		count := uint64(0)
		for _, b := range part {
			count += b.Count
		}
		up := part[len(part)-1].UpTo
		r.Right(9, y, "≤ "+figure.Seconds(up), cell.In(cell.Dim), 9)
		width := r.W - 9 - 2 - 15
		if width > 0 {
			chart.Bar(r, 10, y, width, float64(count)/float64(max(top*uint64(per), 1)), cell.In(ink(up, t.Latency)), d.ASCII)
		}
		r.Right(r.W-7, y, figure.Count(float64(count)), cell.Style{}, 6)
		r.Right(r.W-1, y, figure.Percent(float64(count)/math.Max(float64(total), 1)), cell.In(cell.Dim), 6)
	}
}

// ink colours a bar by which percentile it holds, as the other charts do.
func ink(up float64, l telemetry.Latency) cell.Ink {
	switch {
	case up <= l.P50:
		return cell.Good
	case up <= l.P99:
		return cell.Third
	}
	return cell.Second
}

// TrafficView draws a workload on a whole screen.
func TrafficView(r cell.Region, d Data, name string) {
	if r.H < 12 || r.W < 60 {
		Traffic(r, d, name)
		return
	}
	upper := r.H * 11 / 20
	Traffic(r.Sub(0, 0, r.W, upper), d, name)
	lower := r.Sub(0, upper, r.W, r.H-upper)
	t, _, ok := d.workload(name)
	if !ok {
		return
	}
	left := lower.W
	if lower.W >= 90 {
		left = lower.W / 2
		side := lower.Sub(left, 0, lower.W-left, lower.H)
		rows := min(len(t.Histogram), side.H-2-min(len(t.Targets)+2, side.H/3))
		words(side, 1, 0, say(cell.Dim, "latencies of the last window"))
		Histogram(side.Sub(0, 1, side.W, max(rows, 1)), d, name)
		targets(side.Sub(0, rows+2, side.W, side.H-rows-2), t)
	}
	words(lower, 1, 0, say(cell.Dim, "latency over time: the more requests, the stronger"))
	Heat(lower.Sub(0, 1, left, lower.H-1), d, name)
}

func targets(r cell.Region, t telemetry.Traffic) {
	if r.H < 2 {
		return
	}
	words(r, 1, 0, say(cell.Dim, t.Target+", "+t.Loop+" loop, "+figure.Count(float64(t.InFlight))+" in flight, "+
		figure.Count(float64(t.TotalSent))+" sent, "+figure.Count(float64(t.TotalFailed))+" failed"))
	for i, target := range t.Targets {
		if i+1 >= r.H {
			break
		}
		words(r, 1, 1+i, say(cell.Plain, target.Target), say(cell.First, "  "+figure.Rate(target.Rate)), say(cell.Third, "  p99 "+figure.Seconds(target.P99)),
			say(cell.Bad, "  "+figure.Percent(target.ErrorRate)+" errors"))
	}
}
