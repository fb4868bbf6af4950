package tui

import (
	"fmt"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/pane"
	"github.com/ddsctl/ddsctl/tui/topology"
)

// drawOverview is the first page: the graph with what belongs beside it, by the room there is.
func (m *Model) drawOverview(r cell.Region) {
	switch m.tier() {
	case tierFull:
		m.drawFull(r)
	case tierGraph:
		m.drawHalf(r)
	default:
		m.drawNarrow(r)
	}
}

// drawFull: the graph with the events under it, and traffic, heat map and node at its side.
func (m *Model) drawFull(r cell.Region) {
	side := min(max(r.W*35/100, 44), 76)
	strip := min(max(r.H/4, 7), 14)
	left := r.Sub(0, 0, r.W-side, r.H)
	m.drawGraph(left.Sub(0, 0, left.W, left.H-strip))
	m.drawStrip(left.Sub(0, left.H-strip, left.W, strip))

	right := r.Sub(r.W-side, 0, side, r.H)
	d := m.data()
	node := min(max(right.H*3/10, 9), 18)
	heat := min(max((right.H-node)*35/100, 6), 16)
	traffic := right.H - node - heat
	title, more := m.trafficTitle()
	pane.Traffic(right.Sub(0, 0, right.W, traffic).Panel(title, more, false), d, m.workload)
	pane.Heat(right.Sub(0, traffic, right.W, heat).Panel("latency", "log scale", false), d, m.workload)
	m.drawNode(right.Sub(0, traffic+heat, right.W, node), d)
}

// drawHalf: the graph, and under it traffic beside the node or the events.
func (m *Model) drawHalf(r cell.Region) {
	strip := min(max(r.H*38/100, 7), 12)
	m.drawGraph(r.Sub(0, 0, r.W, r.H-strip))
	left := r.W / 2
	title, more := m.trafficTitle()
	d := m.data()
	pane.Traffic(r.Sub(0, r.H-strip, left, strip).Panel(title, more, false), d, m.workload)
	right := r.Sub(left, r.H-strip, r.W-left, strip)
	if m.view.Selected() != "" {
		m.drawNode(right, d)
		return
	}
	m.drawStrip(right)
}

// drawNarrow: the nodes as a list over a line of traffic, or the graph alone.
func (m *Model) drawNarrow(r cell.Region) {
	if m.table {
		m.drawGraph(r)
		return
	}
	d := m.data()
	if r.H < 8 {
		m.drawNodes(r, d)
		return
	}
	lines := 2
	if r.H >= 14 {
		lines = 5
	}
	m.drawNodes(r.Sub(0, 0, r.W, r.H-lines), d)
	pane.Traffic(r.Sub(0, r.H-lines, r.W, lines), d, m.workload)
}

func (m *Model) drawGraph(r cell.Region) {
	ready, trouble, rest, links := m.memory.Summary()
	right := fmt.Sprintf("%d nodes  %d links", ready+trouble+rest, links)
	if m.table != (m.tier() == tierTable) {
		m.drawNodes(r.Panel("nodes", right, true), m.data())
		return
	}
	box := r.Panel("topology", right, true)
	graph := box.Sub(0, 0, box.W, box.H-1)
	m.view.Draw(graph, topology.Picture{Phase: m.phase, Still: m.options.Still, Filter: m.filter, Spark: m.spark})
	pane.Faults(box.Sub(0, box.H-1, box.W, 1), m.data())
	m.hittable(graph, m.clickBox, func(by int) { m.view.Pan(0, 2*by) })
}

// spark is a node's past in its box: its component's main figure, else its use of the processor.
func (m *Model) spark(node string) []float64 {
	h := m.history.Nodes[node]
	if h == nil {
		return nil
	}
	if h.MainName != "" {
		return h.Main.Last(sparkLength)
	}
	return h.CPU.Last(sparkLength)
}

const sparkLength = 60

// drawNode draws the selected node, or all of them in short.
func (m *Model) drawNode(r cell.Region, d pane.Data) {
	if name := m.view.Selected(); name != "" {
		pane.Node(r.Panel(nodeTitle(d, name), "enter: more", false), d, name)
		return
	}
	m.drawNodes(r.Panel("nodes", "", false), d)
}

func (m *Model) drawStrip(r cell.Region) {
	if r.W >= 120 && m.watch != nil && m.watch.session.Logs != nil {
		left := r.W / 2
		pane.Logs(r.Sub(left, 0, r.W-left, r.H).Panel("logs", "", false), pane.FilterLogs(m.lines, "", ""), &m.side)
		r = r.Sub(0, 0, left, r.H)
	}
	box := r.Panel("events", "", false)
	pane.Events(box, pane.FilterEvents(m.events, m.filter), &m.strip)
	m.hittable(box, nil, scrolls(&m.strip, true))
}
