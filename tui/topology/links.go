package topology

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/figure"
	"github.com/ddsctl/ddsctl/tui/layout"
)

// stroke is how one route is drawn.
type stroke struct {
	route    *layout.Route
	bytes    float64
	packets  float64
	requests float64
	p99      float64
	known    bool
	declared bool
	observed bool
	faults   []telemetry.Fault
	lit      bool // touches what is selected
	dim      bool // something else is selected, or filtered
	weight   cell.Weight
	style    cell.Style
}

func (v *View) strokes(p Picture) []*stroke {
	_, selecting := v.scene.byID[v.selected]
	out := make([]*stroke, 0, len(v.scene.routes))
	for i, b := range v.scene.routes {
		s := &stroke{route: &v.scene.plan.Routes[i]}
		if len(s.route.Steps) == 0 {
			continue
		}
		ghostly := true
		for _, l := range b.links {
			s.bytes += l.bytes
			s.packets += l.packets
			s.requests += l.requests
			s.p99 = max(s.p99, l.p99)
			s.known = s.known || l.known
			s.declared, s.observed = s.declared || l.declared, s.observed || l.observed
			ghostly = ghostly && !l.present
			for _, f := range l.faults {
				if !slices.ContainsFunc(s.faults, func(o telemetry.Fault) bool { return o.ID == f.ID }) {
					s.faults = append(s.faults, f)
				}
			}
		}
		from, to := v.scene.items[b.from], v.scene.items[b.to]
		s.lit = selecting && (from.id == v.selected || to.id == v.selected)
		s.dim = selecting && !s.lit
		if p.Filter != "" && !selecting {
			any := func(it *item) bool {
				return slices.ContainsFunc(it.members, func(n *node) bool { return n.matches(p.Filter) })
			}
			s.dim = !any(from) && !any(to)
		}
		s.look(v.memory.top, ghostly)
		out = append(out, s)
	}
	// What matters more is drawn over what matters less.
	slices.SortStableFunc(out, func(a, b *stroke) int { return cmp.Compare(a.rank(), b.rank()) })
	return out
}

func (s *stroke) rank() float64 {
	switch {
	case s.lit:
		return 4 + s.share()
	case s.dim:
		return -1
	case len(s.faults) > 0:
		return 3
	}
	return s.share()
}

func (s *stroke) share() float64 { return 1 - 1/(1+s.bytes) }

// look chooses weight and colour: by rate against the busiest link, dashed where a declared link has carried nothing.
func (s *stroke) look(top float64, ghostly bool) {
	s.weight = cell.Light
	switch {
	case !s.observed || ghostly:
		s.weight, s.style = cell.Dashed, cell.In(cell.Faint)
	case s.bytes == 0:
		s.style = cell.In(cell.Faint)
	case s.bytes >= top/3:
		s.weight, s.style = cell.Heavy, cell.In(cell.Info)
	case s.bytes >= top/30:
		s.style = cell.In(cell.Info)
	default:
		s.style = cell.In(cell.Dim)
	}
	if len(s.faults) > 0 {
		s.style = cell.In(cell.Bad)
	}
	if s.dim {
		s.style = cell.In(cell.Border)
		s.weight = min(s.weight, cell.Light)
	}
}

// Motion: dots stand every so many cells, and move on by one each step. They hang on the screen's columns and rows, so that
// those of links that share a line fall together; busier links have more of them.
const (
	denseDots  = 6
	sparseDots = 12
)

func (v *View) drawLinks(r cell.Region, p Picture) {
	strokes := v.strokes(p)
	for _, s := range strokes {
		for k, step := range s.route.Steps {
			first := k == 0 && s.route.Steps[0] != s.route.Head
			style := s.style
			r.Stroke(step.X, step.Y, weighted(step.Arms, s.weight), style, !first)
		}
	}
	for _, s := range strokes {
		s.drawDots(r, p, v.memory.top)
	}
	type place struct{ x, y int }
	labels := map[place]*stroke{}
	for _, s := range strokes {
		head := '▶'
		if s.route.HeadDir == cell.West {
			head = '◀'
		}
		r.Set(s.route.Head.X, s.route.Head.Y, head, s.style)
		if s.route.LabelW < 3 {
			continue
		}
		at := place{s.route.LabelX, s.route.LabelY}
		if before := labels[at]; before != nil {
			before.add(s)
			continue
		}
		labels[at] = s.copy()
	}
	for _, s := range labels {
		text, style := s.label(s.route.LabelW)
		if text == "" {
			continue
		}
		w := cell.Width(text)
		r.Text(s.route.LabelX+(s.route.LabelW-w)/2, s.route.LabelY, text, style, s.route.LabelW)
	}
}

func weighted(arms cell.Arms, w cell.Weight) cell.Arms {
	if w == cell.Light {
		return arms
	}
	return arms.Shape(w)
}

func (s *stroke) copy() *stroke {
	c := *s
	c.faults = slices.Clone(s.faults)
	return &c
}

// add sums up links whose lines end on the same row.
func (s *stroke) add(o *stroke) {
	s.bytes += o.bytes
	s.packets += o.packets
	s.requests += o.requests
	s.p99 = max(s.p99, o.p99)
	s.known = s.known || o.known
	s.declared = s.declared && o.declared
	s.observed = s.observed || o.observed
	s.dim = s.dim && o.dim
	s.lit = s.lit || o.lit
	for _, f := range o.faults {
		if !slices.ContainsFunc(s.faults, func(k telemetry.Fault) bool { return k.ID == f.ID }) {
			s.faults = append(s.faults, f)
		}
	}
}

// label is what stands over the line: a fault first, then requests and tail latency where a workload tells, else bytes.
func (s *stroke) label(width int) (string, cell.Style) {
	style := cell.In(cell.Plain)
	if s.dim {
		style = cell.In(cell.Faint)
	}
	fits := func(options ...string) string {
		for _, text := range options {
			if cell.Width(text) <= width {
				return text
			}
		}
		return ""
	}
	if len(s.faults) > 0 {
		f := s.faults[0]
		sign := string(FaultSymbol(f.Kind))
		style = cell.In(cell.Bad).With(cell.Bold)
		detail, _, _ := strings.Cut(f.Detail, " ±")
		return fits(sign+" "+f.Kind+" "+detail, sign+" "+strings.ReplaceAll(detail, " ", ""), sign+" "+f.Kind, sign), style
	}
	switch {
	case !s.observed:
		return fits("silent"), cell.In(cell.Faint)
	case s.known:
		rate := figure.Rate(s.requests)
		return fits(rate+" "+figure.Seconds(s.p99), rate, figure.Count(s.requests)), style
	case s.bytes == 0:
		return fits("idle"), cell.In(cell.Faint)
	}
	text := figure.ByteRate(s.bytes)
	if !s.declared { // traffic that nothing announced
		return fits("+"+text, text), cell.In(cell.Role)
	}
	return fits(text, strings.TrimSuffix(text, "/s"), figure.Count(s.bytes)), style
}

func (s *stroke) drawDots(r cell.Region, p Picture, top float64) {
	if p.Still || s.bytes <= 0 || s.dim || len(s.route.Steps) < 4 {
		return
	}
	spacing := sparseDots
	if s.bytes >= top/3 {
		spacing = denseDots
	}
	bright := cell.In(cell.Title).With(cell.Bold)
	if len(s.faults) > 0 {
		bright = cell.In(cell.Bad).With(cell.Bold)
	}
	steps := s.route.Steps
	for k := 1; k+1 < len(steps); k++ {
		step := steps[k]
		if !step.Straight() {
			continue
		}
		at := 0 // grows along the link's direction
		switch next := steps[k+1]; {
		case next.X > step.X:
			at = step.X
		case next.X < step.X:
			at = -step.X
		case next.Y > step.Y:
			at = step.Y
		default:
			at = -step.Y
		}
		if ((at-p.Phase)%spacing+spacing)%spacing == 0 {
			r.Set(step.X, step.Y, '•', bright)
		}
	}
}
