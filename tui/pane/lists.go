package pane

import (
	"fmt"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
)

// FilterEvents are the events of which a word contains the filter.
func FilterEvents(events []telemetry.Event, filter string) []telemetry.Event {
	if filter == "" {
		return events
	}
	var out []telemetry.Event
	for _, e := range events {
		if contains(filter, e.Text, e.Node, e.Kind, e.Severity) {
			out = append(out, e)
		}
	}
	return out
}

// Events draws what happened, the newest at the bottom.
func Events(r cell.Region, events []telemetry.Event, scroll *Scroll) {
	if len(events) == 0 {
		r.Text(1, 0, "nothing has happened yet", cell.In(cell.Dim), r.W-2)
		return
	}
	first := scroll.fromEnd(len(events), r.H)
	for y := 0; y < r.H && first+y < len(events); y++ {
		e := events[first+y]
		mark, ink := '·', cell.Info
		switch {
		case e.Severity == "error":
			mark, ink = '✗', cell.Bad
		case e.Severity == "warning":
			mark, ink = '▲', cell.Warn
		}
		x := 1 + r.Text(1, y, e.Time.Format("15:04:05"), cell.In(cell.Faint), r.W-2) + 1
		r.Set(x, y, mark, cell.In(ink).With(cell.Bold))
		x += 2
		if e.Node != "" && !strings.Contains(e.Text, e.Node) {
			x += r.Text(x, y, e.Node, cell.In(cell.Title).With(cell.Bold), r.W-x-1) + 1
		}
		text := cell.In(cell.Plain)
		if e.Severity == "error" || e.Severity == "warning" {
			text = cell.In(ink)
		}
		r.Text(x, y, e.Text, text, r.W-x-1)
	}
	bar(r, first, len(events))
}

// LogLine is one line that a node wrote.
type LogLine struct {
	Node string
	Time time.Time
	Text string
}

// FilterLogs are the lines that contain the filter, of one node or of all.
func FilterLogs(lines []LogLine, node, filter string) []LogLine {
	if node == "" && filter == "" {
		return lines
	}
	var out []LogLine
	for _, l := range lines {
		if (node == "" || l.Node == node) && contains(filter, l.Text, l.Node) {
			out = append(out, l)
		}
	}
	return out
}

var logInks = []cell.Ink{cell.Info, cell.Good, cell.Third, cell.Second, cell.First, cell.Role, cell.Warn}

// Logs draws lines, the newest at the bottom.
func Logs(r cell.Region, lines []LogLine, scroll *Scroll) {
	if len(lines) == 0 {
		r.Text(1, 0, "no lines", cell.In(cell.Dim), r.W-2)
		return
	}
	first := scroll.fromEnd(len(lines), r.H)
	wide := 0
	for y := 0; y < r.H && first+y < len(lines); y++ {
		wide = max(wide, cell.Width(lines[first+y].Node))
	}
	wide = min(wide, r.W/3)
	for y := 0; y < r.H && first+y < len(lines); y++ {
		l := lines[first+y]
		sum := 0
		for _, c := range l.Node {
			sum += int(c)
		}
		ink := cell.In(logInks[sum%len(logInks)])
		r.Text(1, y, l.Node, ink, wide)
		r.Set(1+wide, y, '│', cell.In(cell.Faint))
		r.Text(wide+3, y, l.Text, cell.In(severity(l.Text)), r.W-wide-4)
	}
	bar(r, first, len(lines))
}

func severity(text string) cell.Ink {
	upper := strings.ToUpper(text)
	switch {
	case strings.Contains(upper, "ERROR") || strings.Contains(upper, "FATAL") || strings.Contains(upper, "PANIC"):
		return cell.Bad
	case strings.Contains(upper, "WARN"):
		return cell.Warn
	}
	return cell.Plain
}

// Exercise is one exercise as the list shows it.
type Exercise struct {
	ID    string
	Title string
	// Question says that it is answered, not checked.
	Question bool
	State    string // open, locked, tried, passed
	Note     string // points, and what else there is to say
}

// Exercises draws a lab's exercises with one selected.
func Exercises(r cell.Region, exercises []Exercise, selected int, scroll *Scroll) {
	if len(exercises) == 0 {
		r.Text(1, 0, "this lab has no exercises", cell.In(cell.Dim), r.W-2)
		return
	}
	mark := func(i int) (rune, cell.Ink) {
		switch exercises[i].State {
		case "passed":
			return '✓', cell.Good
		case "tried":
			return '◐', cell.Warn
		case "locked":
			return '·', cell.Faint
		}
		return '○', cell.Dim
	}
	wide := 4
	for _, e := range exercises {
		wide = max(wide, cell.Width(e.ID))
	}
	columns := []column{
		textColumn("EXERCISE", min(wide, 24)+2, 0, false, func(i int) (string, cell.Style) {
			symbol, ink := mark(i)
			return string(symbol) + " " + exercises[i].ID, cell.In(ink).With(cell.Bold)
		}),
		textColumn("STATE", 8, 1, false, func(i int) (string, cell.Style) {
			_, ink := mark(i)
			return exercises[i].State, cell.In(ink)
		}),
		textColumn("", 20, 2, false, func(i int) (string, cell.Style) { return exercises[i].Title, cell.In(cell.Plain) }),
		textColumn("POINTS", 22, 3, false, func(i int) (string, cell.Style) { return exercises[i].Note, cell.In(cell.Dim) }),
	}
	columns[2].grow = true
	table(r, columns, len(exercises), selected, scroll)
}

// Faults draws the faults that are active in one line.
func Faults(r cell.Region, d Data) {
	if len(d.Snapshot.Faults) == 0 {
		r.Text(1, 0, "no faults", cell.In(cell.Faint), r.W-2)
		return
	}
	x := 1
	for i, f := range d.Snapshot.Faults {
		pieces := FaultWords(f, d.Now)
		w := 0
		for _, p := range pieces {
			w += cell.Width(p.text)
		}
		if x+w > r.W-8 && i > 0 {
			r.Text(x, 0, fmt.Sprintf("and %d more", len(d.Snapshot.Faults)-i), cell.In(cell.Dim), r.W-x)
			return
		}
		x += words(r, x, 0, pieces...) + 3
	}
}
