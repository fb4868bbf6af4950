package pane

import (
	"fmt"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/chart"
	"github.com/ddsctl/ddsctl/tui/figure"
	"github.com/ddsctl/ddsctl/tui/topology"
)

// FindNode gives a node of the Snapshot by name.
func (d Data) FindNode(name string) (telemetry.Node, bool) {
	i := slices.IndexFunc(d.Snapshot.Nodes, func(n telemetry.Node) bool { return n.Name == name })
	if i < 0 {
		return telemetry.Node{}, false
	}
	return d.Snapshot.Nodes[i], true
}

// Node draws one node: state, use of the machine, its component's figures, its links and faults.
func Node(r cell.Region, d Data, name string) {
	if name == "" {
		r.Text(1, 0, "no node selected: arrows or mouse", cell.In(cell.Dim), r.W-2)
		return
	}
	n, ok := d.FindNode(name)
	if !ok {
		r.Text(1, 0, "not there any more", cell.In(cell.Dim), r.W-2)
		return
	}
	mark := topology.Of(n)
	y := 0
	head := []piece{loud(mark.Ink, string(mark.Symbol)+" "+mark.Word)}
	if n.ExitCode != nil {
		head = append(head, say(mark.Ink, fmt.Sprintf(" (%d)", *n.ExitCode)))
	}
	if n.Role != "" {
		head = append(head, say(cell.Role, "  "+n.Role))
	}
	if n.Kind != "" && n.Kind != n.Role {
		head = append(head, say(cell.Dim, "  "+n.Kind))
	}
	if n.Address != "" {
		head = append(head, say(cell.Faint, "  "+n.Address))
	}
	words(r, 1, y, head...)
	y++
	for _, f := range d.Snapshot.Faults {
		if slices.Contains(f.Nodes, name) && y < r.H {
			words(r, 1, y, FaultWords(f, d.Now)...)
			y++
		}
	}
	y += use(r.Sub(0, y, r.W, r.H-y), d, n)
	y += stats(r.Sub(0, y, r.W, r.H-y), n)
	if left := r.H - y; left >= 3 {
		links(r.Sub(0, y, r.W, left), d, name)
	}
}

// FaultWords says a fault in a line.
func FaultWords(f telemetry.Fault, now time.Time) []piece {
	out := []piece{loud(cell.Bad, string(topology.FaultSymbol(f.Kind))+" "+f.Kind+" "), say(cell.Plain, f.Target)}
	if f.Detail != "" {
		out = append(out, say(cell.Warn, " "+f.Detail))
	}
	if f.Expires != nil {
		out = append(out, say(cell.Dim, " "+figure.Duration(max(f.Expires.Sub(now), 0))+" left"))
	} else {
		out = append(out, say(cell.Dim, " for "+figure.Duration(max(now.Sub(f.Start), 0))))
	}
	if f.Verified == "no" {
		out = append(out, say(cell.Warn, " does not bite"))
	}
	return out
}

func use(r cell.Region, d Data, n telemetry.Node) int {
	h := d.History.Nodes[n.Name]
	y := 0
	row := func(label, value string, share float64, series []float64, ink cell.Ink) {
		if y >= r.H {
			return
		}
		r.Text(1, y, label, cell.In(cell.Dim), 4)
		r.Text(6, y, value, cell.In(ink), 16)
		x := 6 + 11
		if share >= 0 && r.W-x >= 30 {
			chart.Bar(r, x+7, y, 10, share, cell.In(ink), d.ASCII)
			x += 18
		} else {
			x += 7
		}
		if room := r.W - x - 1; room >= 4 {
			chart.Spark(r, x, y, room, series, cell.In(ink))
		}
		y++
	}
	if h == nil {
		return 0
	}
	if n.CPU != nil {
		share := *n.CPU
		text := figure.Percent(*n.CPU)
		if n.CPULimit != nil && *n.CPULimit > 0 {
			share = *n.CPU / *n.CPULimit
			text += " of " + figure.Percent(*n.CPULimit)
		}
		row("cpu", text, share, h.CPU.Last(r.W), cell.First)
	}
	if n.Memory != nil {
		share := -1.0
		text := figure.Bytes(float64(*n.Memory))
		if n.MemoryLimit != nil && *n.MemoryLimit > 0 {
			share = float64(*n.Memory) / float64(*n.MemoryLimit)
			text += " of " + figure.Bytes(float64(*n.MemoryLimit))
		}
		row("mem", text, share, h.Memory.Last(r.W), cell.Third)
	}
	if n.Received != nil {
		row("in", figure.ByteRate(*n.Received), -1, h.Received.Last(r.W), cell.Info)
	}
	if n.Sent != nil {
		row("out", figure.ByteRate(*n.Sent), -1, h.Sent.Last(r.W), cell.Info)
	}
	return y
}

// stats draws the component's own figures, in two columns where there is room.
func stats(r cell.Region, n telemetry.Node) int {
	all := topology.Stats(n)
	if len(all) == 0 || r.H < 1 {
		return 0
	}
	columns := 1
	if r.W >= 44 {
		columns = 2
	}
	rows := min((len(all)+columns-1)/columns, r.H)
	w := (r.W - 1) / columns
	for i, s := range all {
		column, row := i/rows, i%rows
		if column >= columns {
			break
		}
		x := 1 + column*w
		value := s.Text()
		used := cell.Width(value)
		r.Text(x, row, s.Label(), cell.In(cell.Dim), w-2-used)
		r.Right(x+w-2, row, value, cell.In(cell.Plain), w-2)
	}
	return rows
}

func links(r cell.Region, d Data, name string) {
	y := 0
	for _, l := range d.Snapshot.Links {
		if l.From != name && l.To != name || y >= r.H {
			continue
		}
		arrow, other := "→ ", l.To
		if l.To == name {
			arrow, other = "← ", l.From
		}
		rate := l.Forward.BytesPerSecond + l.Backward.BytesPerSecond
		text, ink := figure.ByteRate(rate), cell.Info
		switch {
		case len(l.Faults) > 0:
			text, ink = "faulted "+text, cell.Bad
		case !l.Observed:
			text, ink = "silent", cell.Faint
		case rate == 0:
			text, ink = "idle", cell.Faint
		}
		if l.Port != 0 {
			other = fmt.Sprintf("%s:%d", other, l.Port)
			if l.To == name {
				other = fmt.Sprintf("%s on :%d", l.From, l.Port)
			}
		}
		r.Text(1, y, arrow, cell.In(ink), 2)
		r.Text(3, y, other, cell.In(cell.Plain), r.W-4-cell.Width(text)-1)
		r.Right(r.W-2, y, text, cell.In(ink), r.W-4)
		y++
	}
}
