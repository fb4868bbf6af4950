package pane

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/chart"
	"github.com/ddsctl/ddsctl/tui/figure"
	"github.com/ddsctl/ddsctl/tui/topology"
)

// FilterNodes are the nodes of which a word contains the filter.
func FilterNodes(nodes []telemetry.Node, filter string) []telemetry.Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n telemetry.Node) bool {
		return !contains(filter, n.Name, n.Service, n.Kind, n.Role, topology.Of(n).Word)
	})
}

func contains(filter string, texts ...string) bool {
	filter = strings.ToLower(filter)
	for _, text := range texts {
		if strings.Contains(strings.ToLower(text), filter) {
			return true
		}
	}
	return false
}

// Nodes draws nodes as a table; selected is a name. It gives the first row shown.
func Nodes(r cell.Region, d Data, nodes []telemetry.Node, selected string, scroll *Scroll) int {
	faulted := map[string]telemetry.Fault{}
	for _, f := range d.Snapshot.Faults {
		for _, n := range f.Nodes {
			faulted[n] = f
		}
	}
	wide := 4
	for _, n := range nodes {
		wide = max(wide, cell.Width(n.Name))
	}
	optional := func(v *float64, write func(float64) string) (string, cell.Style) {
		if v == nil {
			return "-", cell.In(cell.Faint)
		}
		return write(*v), cell.In(cell.Plain)
	}
	columns := []column{
		textColumn("NODE", min(wide, 24)+2, 0, false, func(i int) (string, cell.Style) {
			return string(topology.Of(nodes[i]).Symbol) + " " + nodes[i].Name, cell.In(topology.Of(nodes[i]).Ink).With(cell.Bold)
		}),
		textColumn("STATE", 9, 1, false, func(i int) (string, cell.Style) {
			mark := topology.Of(nodes[i])
			return mark.Word, cell.In(mark.Ink)
		}),
		textColumn("ROLE", 11, 5, false, func(i int) (string, cell.Style) {
			if s := topology.RoleSymbol(nodes[i].Role); s != 0 {
				return string(s) + " " + nodes[i].Role, cell.In(cell.Role)
			}
			return nodes[i].Role, cell.In(cell.Role)
		}),
		textColumn("KIND", 10, 8, false, func(i int) (string, cell.Style) { return nodes[i].Kind, cell.In(cell.Dim) }),
		textColumn("CPU", 7, 2, true, func(i int) (string, cell.Style) { return optional(nodes[i].CPU, figure.Percent) }),
		textColumn("MEMORY", 7, 4, true, func(i int) (string, cell.Style) {
			if nodes[i].Memory == nil {
				return "-", cell.In(cell.Faint)
			}
			return figure.Bytes(float64(*nodes[i].Memory)), cell.In(cell.Plain)
		}),
		textColumn("IN", 8, 6, true, func(i int) (string, cell.Style) { return optional(nodes[i].Received, figure.ByteRate) }),
		textColumn("OUT", 8, 7, true, func(i int) (string, cell.Style) { return optional(nodes[i].Sent, figure.ByteRate) }),
		{title: "", width: 12, rank: 9, draw: func(r cell.Region, x, y, w, row int, base cell.Style) {
			if h := d.History.Nodes[nodes[row].Name]; h != nil {
				chart.Spark(r, x, y, w, h.CPU.Last(w), cell.In(cell.First).On(base.BG))
			}
		}},
		{title: "TELLS", width: 8, rank: 3, grow: true, draw: func(r cell.Region, x, y, w, row int, base cell.Style) {
			text, style := tells(nodes[row], faulted, w)
			style.BG = base.BG
			r.Text(x, y, text, style, w)
		}},
	}
	row := slices.IndexFunc(nodes, func(n telemetry.Node) bool { return n.Name == selected })
	return table(r, columns, len(nodes), row, scroll)
}

func tells(n telemetry.Node, faulted map[string]telemetry.Fault, width int) (string, cell.Style) {
	if f, ok := faulted[n.Name]; ok {
		return strings.TrimSpace(string(topology.FaultSymbol(f.Kind)) + " " + f.Kind + " " + f.Detail), cell.In(cell.Bad)
	}
	if n.ExitCode != nil {
		return fmt.Sprintf("exit code %d", *n.ExitCode), cell.In(cell.Bad)
	}
	text := ""
	for _, s := range topology.Telling(n, 6) {
		next := text
		if next != "" {
			next += "  "
		}
		next += s.Short()
		if cell.Width(next) > width {
			break
		}
		text = next
	}
	return text, cell.In(cell.Plain)
}

// FilterLinks are the links of which an end contains the filter.
func FilterLinks(links []telemetry.Link, filter string) []telemetry.Link {
	return slices.DeleteFunc(slices.Clone(links), func(l telemetry.Link) bool { return !contains(filter, l.From, l.To, l.Protocol) })
}

// Links draws links as a table; selected is a row.
func Links(r cell.Region, d Data, links []telemetry.Link, selected int, scroll *Scroll) int {
	from, to := 4, 4
	for _, l := range links {
		from, to = max(from, cell.Width(l.From)), max(to, cell.Width(l.To)+6)
	}
	flow := func(pick func(telemetry.Link) telemetry.LinkFlow, value func(telemetry.LinkFlow) string) func(int) (string, cell.Style) {
		return func(i int) (string, cell.Style) {
			ink := cell.Plain
			if pick(links[i]).BytesPerSecond == 0 {
				ink = cell.Faint
			}
			return value(pick(links[i])), cell.In(ink)
		}
	}
	forward := func(l telemetry.Link) telemetry.LinkFlow { return l.Forward }
	backward := func(l telemetry.Link) telemetry.LinkFlow { return l.Backward }
	columns := []column{
		textColumn("FROM", min(from, 20), 0, false, func(i int) (string, cell.Style) { return links[i].From, cell.In(cell.Title) }),
		textColumn("TO", min(to, 26), 1, false, func(i int) (string, cell.Style) {
			if links[i].Port == 0 {
				return links[i].To, cell.In(cell.Title)
			}
			return fmt.Sprintf("%s:%d", links[i].To, links[i].Port), cell.In(cell.Title)
		}),
		textColumn("→", 8, 2, true, flow(forward, func(f telemetry.LinkFlow) string { return figure.ByteRate(f.BytesPerSecond) })),
		textColumn("←", 8, 3, true, flow(backward, func(f telemetry.LinkFlow) string { return figure.ByteRate(f.BytesPerSecond) })),
		textColumn("PACKETS", 8, 5, true, flow(forward, func(f telemetry.LinkFlow) string { return figure.Rate(f.PacketsPerSecond) })),
		textColumn("DROPPED", 7, 6, true, func(i int) (string, cell.Style) {
			n := links[i].Forward.Dropped + links[i].Backward.Dropped
			if n == 0 {
				return "0", cell.In(cell.Faint)
			}
			return figure.Count(float64(n)), cell.In(cell.Bad)
		}),
		textColumn("STATE", 10, 4, false, func(i int) (string, cell.Style) { return linkState(links[i], d) }),
		{title: "", width: 6, rank: 7, grow: true, draw: func(r cell.Region, x, y, w, row int, base cell.Style) {
			w = min(w, 40)
			chart.Spark(r, x, y, w, d.History.Links[[2]string{links[row].From, links[row].To}].Last(w), cell.In(cell.Info).On(base.BG))
		}},
	}
	return table(r, columns, len(links), selected, scroll)
}

func linkState(l telemetry.Link, d Data) (string, cell.Style) {
	for _, f := range d.Snapshot.Faults {
		if slices.Contains(l.Faults, f.ID) {
			return string(topology.FaultSymbol(f.Kind)) + " " + f.Kind, cell.In(cell.Bad)
		}
	}
	switch {
	case !l.Observed:
		return "silent", cell.In(cell.Faint)
	case l.Forward.BytesPerSecond+l.Backward.BytesPerSecond == 0:
		return "idle", cell.In(cell.Dim)
	case !l.Declared:
		return "undeclared", cell.In(cell.Role)
	}
	return "active", cell.In(cell.Good)
}
