package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// watchTable draws Snapshots for people.
type watchTable struct {
	width        int // columns; 0 where nobody counts
	ascii, color bool
	zone         *time.Location    // in which times are shown; nil is this machine's
	events       []telemetry.Event // the last ones
}

// lastEvents is how many events are shown.
const lastEvents = 6

func (t *watchTable) draw(s telemetry.Snapshot) string {
	t.events = append(t.events, s.Events...)
	t.events = slices.Clone(t.events[max(0, len(t.events)-lastEvents):])
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s   rates over %v\n", t.paint(s.Project, lipgloss.NewStyle().Bold(true)), t.clock(s.Time), s.Window)
	t.section(&b, []string{"NODE", "KIND", "ROLE", "HEALTH", "CPU", "MEMORY", "IN", "OUT", "FIGURES"}, t.nodes(s))
	t.section(&b, []string{"LINK", "FORWARD", "BACK", "PACKETS", "DROPPED", "FAULTS"}, t.links(s))
	t.section(&b, []string{"TRAFFIC", "ASKED", "DONE", "ERRORS", "P50", "P99", "MAX", "TARGET"}, t.traffic(s))
	t.section(&b, []string{"FAULT", "KIND", "TARGET", "STRENGTH", "ENDS", "BITES"}, t.faults(s))
	t.section(&b, []string{"EVENT", ""}, t.past())
	t.section(&b, []string{"SOURCE", "STATE", "WHY"}, t.sources(s))
	return b.String()
}

func (t *watchTable) section(b *strings.Builder, header []string, cells [][]string) {
	if len(cells) == 0 {
		return
	}
	b.WriteString("\n")
	_ = output.Print(b, output.Table, nil, output.Rows{Header: header, Cells: cells, Width: t.width, Color: t.color, ASCII: t.ascii})
}

func (t *watchTable) clock(at time.Time) string {
	if t.zone == nil {
		return clockTime(at)
	}
	return at.In(t.zone).Format("15:04:05")
}

func (t *watchTable) paint(text string, style lipgloss.Style) string {
	if !t.color {
		return text
	}
	return style.Render(text)
}

func (t *watchTable) health(n telemetry.Node) string {
	text := string(n.Health)
	if n.ExitCode != nil {
		text += fmt.Sprintf(" (%d)", *n.ExitCode)
	}
	switch n.Health {
	case telemetry.HealthReady:
		return t.paint(text, lipgloss.NewStyle().Foreground(lipgloss.Green))
	case telemetry.HealthFailing, telemetry.HealthDown:
		return t.paint(text, lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true))
	case telemetry.HealthStarting:
		return t.paint(text, lipgloss.NewStyle().Foreground(lipgloss.Yellow))
	}
	return text
}

// figuresFirst are the figures that say most, in this order.
var figuresFirst = []string{"ops_per_second", "hit_rate", "keys", "evictions_per_second", "connected_clients", "term", "lag",
	"function_processes", "function_cold_start_seconds", "event_pending", "ledger_records", "ledger_duplicates",
	"workqueue_backlog", "workqueue_done", "workqueue_dead", "worker_busy", "scaler_slots", "stage_busy", "source_items"}

// figuresShown is how many of a node's figures fit into a row.
const figuresShown = 3

func figures(stats map[string]float64) string {
	var words []string
	for _, name := range figuresFirst {
		if v, ok := stats[name]; ok && len(words) < figuresShown {
			words = append(words, strings.ReplaceAll(strings.TrimSuffix(name, "_per_second"), "_", " ")+" "+number(v))
		}
	}
	return strings.Join(words, "  ")
}

func (t *watchTable) nodes(s telemetry.Snapshot) [][]string {
	rows := make([][]string, 0, len(s.Nodes))
	for _, n := range s.Nodes {
		cpu, memory := "-", "-"
		if n.CPU != nil {
			cpu = strconv.FormatFloat(*n.CPU*100, 'f', 1, 64) + "%"
		}
		if n.CPULimit != nil {
			cpu += fmt.Sprintf(" of %.0f%%", *n.CPULimit*100)
		}
		if n.Memory != nil {
			memory = bytesWord(float64(*n.Memory))
		}
		rows = append(rows, []string{n.Name, n.Kind, n.Role, t.health(n), cpu, memory, rateWord(n.Received), rateWord(n.Sent), figures(n.Stats)})
	}
	return rows
}

func (t *watchTable) links(s telemetry.Snapshot) [][]string {
	arrow := " → "
	if t.ascii {
		arrow = " -> "
	}
	var rows [][]string
	for _, l := range s.Links {
		to := l.To
		if l.Port != 0 {
			to += ":" + strconv.Itoa(int(l.Port))
		}
		row := []string{l.From + arrow + to, "-", "-", "-", "-", strings.Join(l.Faults, " ")}
		if l.Observed {
			row[1], row[2] = bytesWord(l.Forward.BytesPerSecond)+"/s", bytesWord(l.Backward.BytesPerSecond)+"/s"
			row[3] = number(l.Forward.PacketsPerSecond+l.Backward.PacketsPerSecond) + "/s"
			row[4] = strconv.FormatUint(l.Forward.Dropped+l.Backward.Dropped, 10)
		}
		rows = append(rows, row)
	}
	return rows
}

func (t *watchTable) traffic(s telemetry.Snapshot) [][]string {
	var rows [][]string
	for _, x := range s.Traffic {
		errors := fmt.Sprintf("%.2f%%", x.ErrorRate()*100)
		if x.ErrorRate() > 0 {
			errors = t.paint(errors, lipgloss.NewStyle().Foreground(lipgloss.Red))
		}
		rows = append(rows, []string{x.Workload, number(x.Asked) + "/s", number(x.Achieved) + "/s", errors,
			latencyWord(x.Latency, x.Latency.P50), latencyWord(x.Latency, x.Latency.P99), latencyWord(x.Latency, x.Latency.Max), x.Target})
	}
	return rows
}

func (t *watchTable) faults(s telemetry.Snapshot) [][]string {
	var rows [][]string
	for _, f := range s.Faults {
		ends := "when healed"
		if f.Expires != nil {
			ends = "in " + output.Age(f.Expires.Sub(s.Time))
		}
		rows = append(rows, []string{f.ID, f.Kind, f.Target, f.Detail, ends, f.Verified})
	}
	return rows
}

func (t *watchTable) past() [][]string {
	var rows [][]string
	for _, e := range t.events {
		rows = append(rows, []string{t.clock(e.Time), ansi.Strip(e.Text)})
	}
	return rows
}

// sources tells only of those that are not as they should be.
func (t *watchTable) sources(s telemetry.Snapshot) [][]string {
	var rows [][]string
	for _, x := range s.Sources {
		if x.State != "ok" {
			rows = append(rows, []string{strings.TrimSpace(x.Name + " " + x.Node), x.State, ansi.Strip(x.Text)})
		}
	}
	return rows
}

// number is a figure in at most four digits.
func number(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'f', 1, 64) + "M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'f', 1, 64) + "k"
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// bytesWord is bytes in multiples of 1024.
func bytesWord(v float64) string {
	if v < 1024 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " B"
	}
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	v /= 1024
	for v >= 1024 && len(units) > 1 {
		v, units = v/1024, units[1:]
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + units[0]
}

func rateWord(v *float64) string {
	if v == nil {
		return "-"
	}
	return bytesWord(*v) + "/s"
}

func latencyWord(l telemetry.Latency, seconds float64) string {
	if l.Count == 0 {
		return "-"
	}
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
