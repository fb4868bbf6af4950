package traffic

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Style is how a report is written for people.
type Style struct {
	ASCII bool // no other characters
	Width int  // columns; 0 for 80
	// Strong and Bad mark words, where there are colours; nil leaves them as they are.
	Strong, Bad func(string) string
}

func (s Style) withDefaults() Style {
	plain := func(text string) string { return text }
	if s.Width <= 0 {
		s.Width = 80
	}
	if s.Strong == nil {
		s.Strong = plain
	}
	if s.Bad == nil {
		s.Bad = plain
	}
	return s
}

// Write writes the report for people.
func (r Report) Write(to io.Writer, style Style) error {
	w := &writer{style: style.withDefaults()}
	w.head(r)
	w.requests(r)
	if r.Latency.Count > 0 {
		w.latencies(r)
		w.histogram(r.Histogram)
	}
	w.parts(r.Parts)
	w.errors(r)
	_, err := io.WriteString(to, w.text.String())
	return err
}

type writer struct {
	text  strings.Builder
	style Style
}

const labelWidth = 11

// line writes a label and the text behind it.
func (w *writer) line(label, format string, args ...any) {
	fmt.Fprintf(&w.text, "%s%s\n", w.label(label), fmt.Sprintf(format, args...))
}

func (w *writer) label(label string) string {
	if label == "" {
		return strings.Repeat(" ", labelWidth)
	}
	return w.style.Strong(label) + strings.Repeat(" ", max(1, labelWidth-utf8.RuneCountInString(label)))
}

func (w *writer) unit(text string) string {
	if w.style.ASCII {
		return strings.ReplaceAll(text, "µ", "u")
	}
	return text
}

func (w *writer) head(r Report) {
	w.line("target", "%s", strings.Join(r.Targets, " "))
	load := r.Loop + " loop"
	if r.Process != "" {
		load += ", " + r.Process + " arrivals"
	}
	w.line("load", "%s, %s%s, seed %d", load, plural(r.Connections, "connection"), each(r.Targets), r.Seed)
	took := Seconds(r.Elapsed.Seconds())
	if r.Drained > time.Millisecond {
		took += ", then " + Seconds(r.Drained.Seconds()) + " for the last answers"
	}
	w.line("time", "%s", w.unit(took))
}

func each(targets []string) string {
	if len(targets) > 1 {
		return " to each"
	}
	return ""
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (w *writer) requests(r Report) {
	rates := Rate(r.Achieved) + " achieved"
	if r.Loop == "open" {
		rates = Rate(r.Asked) + " asked, " + rates
	}
	if r.TotalFailed > 0 {
		rates += ", " + Rate(r.Succeeded) + " succeeded"
	}
	w.line("rate", "%s", rates)
	counts := fmt.Sprintf("%d sent, %d succeeded", r.Sent, r.TotalSucceeded)
	if r.TotalFailed > 0 {
		counts += ", " + w.style.Bad(fmt.Sprintf("%d failed (%s)", r.TotalFailed, Percent(r.ErrorRate())))
	}
	if r.Dropped > 0 {
		counts += ", " + w.style.Bad(fmt.Sprintf("%d dropped", r.Dropped))
	}
	if r.Canceled > 0 {
		counts += fmt.Sprintf(", %d cut off by the end", r.Canceled)
	}
	if r.InFlight > 0 {
		counts += fmt.Sprintf(", %d in flight", r.InFlight)
	}
	w.line("requests", "%s", counts)
	if r.Dropped > 0 {
		w.line("", "dropped: due while too many were in flight (max_in_flight)")
	}
	if rate, ok := r.HitRate(); ok {
		w.line("reads", "%s found their key", Percent(rate))
	}
}

func (w *writer) latencies(r Report) {
	const column = 10
	w.text.WriteByte('\n')
	head := strings.Repeat(" ", labelWidth)
	for _, name := range []string{"mean", "p50", "p90", "p99", "p99.9", "max"} {
		head += pad(name, column)
	}
	w.text.WriteString(strings.TrimRight(head, " ") + "\n")
	row := func(label string, l telemetry.Latency) {
		if l.Count == 0 {
			return
		}
		var cells string
		for _, v := range []float64{l.Mean, l.P50, l.P90, l.P99, l.P999, l.Max} {
			cells += pad(w.unit(Seconds(v)), column)
		}
		w.line(label, "%s", strings.TrimRight(cells, " "))
	}
	row("latency", r.Latency)
	row("service", r.Service)
	row("delay", r.Delay)
	if r.Loop == "open" {
		w.line("", "latency from when a request was due, service from when it was sent,")
		w.line("", "delay from due to sent")
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(1, width-utf8.RuneCountInString(text)))
}

// histogram draws the latencies in bars at 1, 2 and 5 of each power of ten.
func (w *writer) histogram(all []telemetry.Bucket) {
	bars := fold(all)
	if len(bars) == 0 {
		return
	}
	var total, most uint64
	for _, b := range bars {
		total += b.Count
		most = max(most, b.Count)
	}
	const figures = 32
	room := min(max(w.style.Width-labelWidth-figures, 10), 50)
	w.text.WriteByte('\n')
	for i, b := range bars {
		if emptyRun(bars, i) {
			if !emptyRun(bars, i-1) {
				fmt.Fprintf(&w.text, "%s\n", "...")
			}
			continue
		}
		bar := w.bar(float64(b.Count)/float64(most), room)
		fmt.Fprintf(&w.text, "%s%s %9d  %s\n", pad("<= "+w.unit(round(b.UpTo)), labelWidth), pad(bar, room), b.Count, Percent(share(b.Count, total)))
	}
}

// emptyRun says that bar i is one of three or more empty ones in a row.
func emptyRun(bars []telemetry.Bucket, i int) bool {
	if i < 0 || bars[i].Count > 0 {
		return false
	}
	run := 1
	for j := i - 1; j >= 0 && bars[j].Count == 0; j-- {
		run++
	}
	for j := i + 1; j < len(bars) && bars[j].Count == 0; j++ {
		run++
	}
	return run >= 3
}

// fold joins buckets to bars, the empty ones between the first and the last included.
func fold(all []telemetry.Bucket) []telemetry.Bucket {
	var bars []telemetry.Bucket
	for _, b := range all {
		for len(bars) == 0 || b.UpTo > bars[len(bars)-1].UpTo*1.01 { // 5.012 is the bucket of 5
			bound := barAbove(b.UpTo / 1.01)
			if len(bars) > 0 {
				bound = barAbove(bars[len(bars)-1].UpTo * 1.01)
			}
			bars = append(bars, telemetry.Bucket{UpTo: bound})
		}
		bars[len(bars)-1].Count += b.Count
	}
	return bars
}

// round writes one of the bars' bounds.
func round(s float64) string {
	switch {
	case s < 0.9e-3:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case s < 0.9:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.0f s", s)
}

// barAbove is the least of 1, 2 and 5 times a power of ten that is at least v.
func barAbove(v float64) float64 {
	power := math.Floor(math.Log10(v))
	for {
		for _, step := range []float64{1, 2, 5} {
			if bound := step * math.Pow(10, power); bound >= v {
				return bound
			}
		}
		power++
	}
}

// bar is a bar of a length from 0 to 1; what is not nothing is seen.
func (w *writer) bar(length float64, room int) string {
	if w.style.ASCII {
		n := int(math.Round(length * float64(room)))
		if n == 0 && length > 0 {
			return "."
		}
		return strings.Repeat("#", n)
	}
	eighths := int(math.Round(length * float64(room) * 8))
	if eighths == 0 && length > 0 {
		eighths = 1
	}
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}

func (w *writer) parts(parts []Part) {
	if len(parts) == 0 {
		return
	}
	width := 0
	for _, p := range parts {
		width = max(width, utf8.RuneCountInString(p.Name))
	}
	w.text.WriteByte('\n')
	for _, p := range parts {
		failed := ""
		if p.Failed > 0 {
			failed = "  " + w.style.Bad(fmt.Sprintf("%d failed (%s)", p.Failed, Percent(share(p.Failed, p.Count))))
		}
		latency := ""
		if p.Latency.Count > 0 {
			latency = w.unit("  p50 " + pad(Seconds(p.Latency.P50), 8) + " p99 " + Seconds(p.Latency.P99))
		}
		fmt.Fprintf(&w.text, "%s  %8d  %6s%s%s\n", pad(p.Name, width), p.Count, Percent(p.Share), latency, failed)
	}
}

func (w *writer) errors(r Report) {
	if len(r.Errors) == 0 {
		return
	}
	w.text.WriteByte('\n')
	for _, e := range r.Errors {
		example := strings.Join(strings.Fields(e.Example), " ")
		if room := w.style.Width - 40; utf8.RuneCountInString(example) > room && room > 10 {
			example = string([]rune(example)[:room-3]) + "..."
		}
		fmt.Fprintf(&w.text, "%s %9d  %6s  %s\n", pad(w.style.Bad(e.Kind), 14+len(w.style.Bad(e.Kind))-len(e.Kind)), e.Count,
			Percent(share(e.Count, r.TotalSucceeded+r.TotalFailed)), example)
	}
}

// Seconds writes a length of time, given in seconds, with three significant digits.
func Seconds(s float64) string {
	switch {
	case s == 0:
		return "0"
	case s < 999.5e-6:
		return three(s*1e6) + " µs"
	case s < 0.9995:
		return three(s*1e3) + " ms"
	case s < 999.5:
		return three(s) + " s"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// Rate writes requests per second.
func Rate(perSecond float64) string {
	if perSecond >= 1000 || perSecond == math.Trunc(perSecond) {
		return fmt.Sprintf("%.0f/s", perSecond)
	}
	return three(perSecond) + "/s"
}

// Percent writes a share, 0 to 1; what is not quite nothing or all is not written as such.
func Percent(share float64) string {
	switch {
	case share == 0 || share == 1:
		return fmt.Sprintf("%.0f %%", share*100)
	case share < 0.0001:
		return "<0.01 %"
	case share > 0.9999:
		return ">99.99 %"
	}
	return fmt.Sprintf("%.2f %%", share*100)
}

// three writes a number with three significant digits.
func three(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
