package topology

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/chart"
	"github.com/ddsctl/ddsctl/tui/figure"
)

// Picture is how a frame is to be drawn.
type Picture struct {
	// Phase counts the steps of motion; dots move by it.
	Phase int
	// Still leaves the dots out.
	Still bool
	// Filter dims the nodes whose name, service, kind or role does not contain it.
	Filter string
	// Spark gives a node's past, for boxes that have room for it; nil leaves it out.
	Spark func(node string) []float64
}

// Draw draws the topology into a region.
func (v *View) Draw(r cell.Region, p Picture) {
	v.last = r.Place()
	if r.W < 1 || r.H < 1 {
		return
	}
	if len(v.memory.order) == 0 {
		r.Center(0, r.H/2, r.W, "waiting for the first figures", cell.In(cell.Dim))
		return
	}
	v.arrange(r.W, r.H)
	v.frame(r.W, r.H)
	world := r.Shift(-v.ox, -v.oy, v.scene.plan.W, v.scene.plan.H)
	for i := range v.scene.items {
		v.drawBox(world, i, p)
	}
	v.drawLinks(world, p)
	v.drawEdges(r)
}

// drawEdges says where more is than the window shows.
func (v *View) drawEdges(r cell.Region) {
	s := cell.In(cell.Accent).With(cell.Bold)
	plan := v.scene.plan
	if v.panX > 0 {
		r.Set(0, r.H/2, '◀', s)
	}
	if v.panX < plan.W-r.W {
		r.Set(r.W-1, r.H/2, '▶', s)
	}
	if v.panY > 0 {
		r.Set(r.W/2, 0, '▲', s)
	}
	if v.panY < plan.H-r.H {
		r.Set(r.W/2, r.H-1, '▼', s)
	}
}

func (n *node) matches(filter string) bool {
	if filter == "" {
		return true
	}
	filter = strings.ToLower(filter)
	for _, word := range []string{n.Name, n.Service, n.Kind, n.Role, n.mark().Word} {
		if strings.Contains(strings.ToLower(word), filter) {
			return true
		}
	}
	return false
}

func (v *View) drawBox(r cell.Region, i int, p Picture) {
	it, box := v.scene.items[i], v.scene.plan.Boxes[i]
	n := it.worst()[0]
	mark := n.mark()
	chosen := it.id == v.selected
	dimmed := !slices.ContainsFunc(it.members, func(n *node) bool { return n.matches(p.Filter) })
	border, weight := cell.In(cell.Border), cell.Light
	switch {
	case chosen:
		border, weight = cell.In(cell.Focus).With(cell.Bold), cell.Heavy
	case mark == ghost:
		border, weight = cell.In(cell.Faint), cell.Dashed
	case mark.Ink == cell.Bad || mark.Ink == cell.Warn:
		border = cell.In(mark.Ink)
	case len(n.faults) > 0:
		border = cell.In(cell.Warn)
	}
	title := cell.In(cell.Title).With(cell.Bold)
	if mark == ghost || dimmed {
		title = cell.In(cell.Faint)
	}
	name := n.Name
	if it.folded() {
		name = n.Service
	}
	b := r.Sub(box.X, box.Y, box.W, box.H)
	if box.H < 3 {
		v.drawLine(b, it, n, mark, name, title, chosen)
		return
	}
	b.Box(0, 0, b.W, b.H, weight, border)
	x := 2
	b.Set(x-1, 0, ' ', title)
	b.Set(x, 0, mark.Symbol, cell.In(mark.Ink).With(cell.Bold))
	b.Set(x+1, 0, ' ', title)
	x += 2
	role, symbol := n.Role, RoleSymbol(n.Role)
	if role == n.Name {
		role = ""
	}
	if it.folded() {
		role, symbol = fmt.Sprintf("×%d", len(it.members)), 0
	}
	room := b.W - x - 2
	used := b.Text(x, 0, name, title, room)
	b.Set(x+used, 0, ' ', title)
	rest := room - used - 2
	ink := cell.In(cell.Role)
	if dimmed || mark == ghost {
		ink = cell.In(cell.Faint)
	}
	if role != "" {
		texts := []string{role}
		if symbol != 0 {
			texts = []string{string(symbol) + " " + role, role, string(symbol)}
		}
		for _, text := range texts {
			if rest >= cell.Width(text)+1 {
				b.Right(b.W-2, 0, " "+text+" ", ink, rest+2)
				break
			}
		}
	}
	if p.Spark != nil && b.H >= tallest && !it.folded() && mark != ghost && !n.outsider {
		chart.Spark(b, 2, b.H-2, b.W-4, p.Spark(n.Name), cell.In(cell.Under))
	}
	for k, line := range v.lines(it, n, mark, b.W-4, min(b.H, tallest-1)-2) {
		style := line.style
		if dimmed {
			style = cell.In(cell.Faint)
		}
		b.Text(2, 1+k, line.text, style, b.W-4)
	}
}

// drawLine draws a node without a box: a symbol, its name, and a figure where there is room.
func (v *View) drawLine(b cell.Region, it *item, n *node, mark Mark, name string, title cell.Style, chosen bool) {
	if chosen {
		b.Fill(0, 0, b.W, 1, cell.Chosen)
		title = title.On(cell.Chosen)
	}
	b.Set(1, 0, mark.Symbol, cell.In(mark.Ink).With(cell.Bold))
	if it.folded() {
		name = fmt.Sprintf("%s ×%d", name, len(it.members))
	}
	used := b.Text(3, 0, name, title, b.W-3) + 3
	lines := v.lines(it, n, mark, b.W-used-1, 1)
	if it.folded() && b.W-used-1 < 4 {
		return
	}
	if len(lines) > 0 && cell.Width(lines[0].text) <= b.W-used-1 {
		b.Right(b.W, 0, lines[0].text, lines[0].style, b.W-used-1)
	}
}

// usage writes cores as a share of one, and memory.
func usage(width int, cpu, memory float64) string {
	return fitting(width, fmt.Sprintf("cpu %s  %s", figure.Percent(cpu), figure.Bytes(memory)),
		fmt.Sprintf("%s  %s", figure.Percent(cpu), figure.Bytes(memory)), "cpu "+figure.Percent(cpu), figure.Percent(cpu))
}

// fitting is the first of the texts that fits, else the last.
func fitting(width int, texts ...string) string {
	for _, text := range texts[:len(texts)-1] {
		if cell.Width(text) <= width {
			return text
		}
	}
	return texts[len(texts)-1]
}

type line struct {
	text  string
	style cell.Style
}

// lines are what a box says, the most telling first, at most count of them.
func (v *View) lines(it *item, n *node, mark Mark, width, count int) []line {
	var out []line
	add := func(text string, ink cell.Ink) {
		if text != "" {
			out = append(out, line{text, cell.In(ink)})
		}
	}
	if it.folded() {
		return v.foldLines(it, width, count)
	}
	switch {
	case mark == ghost:
		add("gone", cell.Faint)
	case mark.Word == "down" && n.ExitCode != nil:
		add(fitting(width, fmt.Sprintf("down, exit code %d", *n.ExitCode), fmt.Sprintf("down (%d)", *n.ExitCode), "down"), cell.Bad)
	case mark.Word == "completed":
		add(mark.Word, mark.Ink)
	case mark.Ink == cell.Bad || mark.Ink == cell.Warn:
		add(mark.Word, mark.Ink)
	}
	for _, f := range n.faults {
		if len(out) == 0 || f.Kind != "kill" && f.Kind != "pause" && f.Kind != "stop" {
			add(fmt.Sprintf("%c %s %s", FaultMark, f.Kind, f.Detail), cell.Warn)
		}
	}
	if n.workloads > 0 && n.present {
		errs := ""
		ink := cell.Plain
		if n.errs > 0 {
			errs, ink = " "+figure.Percent(n.errs/max(n.achieved, 1))+" fail", cell.Bad
		}
		first := figure.Rate(n.achieved)
		if width >= 16 {
			first += errs
		} else if errs != "" {
			first = strings.TrimSpace(errs)
		}
		add(first, ink)
		add("p99 "+figure.Seconds(n.p99), cell.Dim)
	}
	if len(out) >= count {
		return out[:count]
	}
	if stats := Telling(n.Node, 2); len(stats) > 0 {
		text := stats[0].Short()
		if len(stats) > 1 && len(text)+2+len(stats[1].Short()) <= width {
			text += "  " + stats[1].Short()
		}
		add(text, cell.Plain)
	}
	if n.CPU != nil && n.Memory != nil && len(out) < count {
		add(usage(width, *n.CPU, float64(*n.Memory)), cell.Dim)
	}
	if n.Received != nil && n.Sent != nil && len(out) < count {
		add(fitting(width, fmt.Sprintf("↓%s ↑%s", figure.ByteRate(*n.Received), figure.ByteRate(*n.Sent)),
			fmt.Sprintf("↓%s ↑%s", figure.Count(*n.Received), figure.Count(*n.Sent))), cell.Dim)
	}
	if len(out) == 0 && !n.outsider {
		add(mark.Word, cell.Dim)
	}
	return out[:min(len(out), count)]
}

// foldLines says of a folded service how many of its replicas are in which state, and their sums.
func (v *View) foldLines(it *item, width, count int) []line {
	var states strings.Builder
	worst := cell.Good
	for i, n := range it.worst() {
		if i >= width-1 && len(it.members) > width {
			states.WriteRune('…')
			break
		}
		states.WriteRune(n.mark().Symbol)
		if i == 0 {
			worst = n.mark().Ink
		}
	}
	out := []line{{states.String(), cell.In(worst)}}
	cpu, memory, known := 0.0, 0.0, false
	for _, n := range it.members {
		if n.CPU != nil && n.Memory != nil {
			cpu, memory, known = cpu+*n.CPU, memory+float64(*n.Memory), true
		}
	}
	if known {
		out = append(out, line{usage(width, cpu, memory), cell.In(cell.Dim)})
	}
	return out[:min(len(out), count)]
}
