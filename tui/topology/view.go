package topology

import (
	"maps"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
)

// View is a window onto the topology: what is selected, how far it is zoomed, and which part is seen. It is a value of
// the dashboard's, changed by its keys; the Memory is what it shows.
type View struct {
	memory   *Memory
	selected string // an item's ID
	zoom     int
	folds    map[string]bool // services that the user folded (true) or unfolded
	changes  int             // of folds
	panX     int
	panY     int
	follow   bool // bring the selected node into view at the next drawing

	key   sceneKey
	scene *scene
	last  cell.Rect // where the window stood on the screen
	ox    int       // where the plan's corner stands in the window
	oy    int
}

// NewView opens a window onto a memory.
func NewView(m *Memory) *View { return &View{memory: m, folds: map[string]bool{}} }

// Selected is the node that is selected; for a folded service its first node that needs eyes. "" without a selection.
func (v *View) Selected() string {
	if it := v.item(v.selected); it != nil {
		return it.worst()[0].Name
	}
	if n := v.memory.nodes[v.selected]; n != nil {
		return n.Name
	}
	return ""
}

// Folded says that the selection is a folded service.
func (v *View) Folded() bool { return strings.HasSuffix(v.selected, foldSuffix) }

func (v *View) item(id string) *item {
	if v.scene == nil {
		return nil
	}
	if i, ok := v.scene.byID[id]; ok {
		return v.scene.items[i]
	}
	return nil
}

// Select chooses a node by name; "" chooses none.
func (v *View) Select(name string) {
	v.selected = name
	if n := v.memory.nodes[name]; n != nil && v.item(name) == nil {
		if fold := n.Service + foldSuffix; v.item(fold) != nil {
			v.selected = fold
		}
	}
	v.follow = true
}

// Zoom shows more detail (1) or less (-1); 0 goes back to what fits.
func (v *View) Zoom(by int) {
	if by == 0 {
		v.zoom, v.panX, v.panY = 0, 0, 0
		return
	}
	v.zoom = min(max(v.zoom+by, -len(sizes)), len(sizes))
	if v.scene != nil { // not further than there are levels
		fit := v.scene.level + v.key.zoom
		v.zoom = min(max(v.zoom, fit-len(sizes)+1), fit)
	}
	v.follow = true
}

// Pan moves the window over a plan that is larger.
func (v *View) Pan(dx, dy int) { v.panX, v.panY = v.panX+dx, v.panY+dy }

// Fold folds the selected node's service, or unfolds it.
func (v *View) Fold() {
	name := v.Selected()
	n := v.memory.nodes[name]
	if n == nil {
		return
	}
	folded := v.scene != nil && v.scene.folds[n.Service]
	v.folds = maps.Clone(v.folds)
	v.folds[n.Service] = !folded
	v.changes++
	v.selected = name
	if !folded {
		v.selected = n.Service + foldSuffix
	}
	v.follow = true
}

// Move selects the nearest box in a direction.
func (v *View) Move(d cell.Direction) {
	if v.scene == nil || len(v.scene.plan.Boxes) == 0 {
		return
	}
	i, ok := v.scene.byID[v.selected]
	if !ok {
		v.selected, v.follow = v.scene.plan.Boxes[0].ID, true
		return
	}
	at := v.scene.plan.Boxes[i]
	best, distance := "", 0
	for _, b := range v.scene.plan.Boxes {
		dx, dy := center(b.X, b.W)-center(at.X, at.W), center(b.Y, b.H)-center(at.Y, at.H)
		along, across := 0, 0
		switch d {
		case cell.East:
			along, across = b.Layer-at.Layer, dy
			along *= 40
		case cell.West:
			along, across = at.Layer-b.Layer, dy
			along *= 40
		case cell.South:
			along, across = dy, dx
		case cell.North:
			along, across = -dy, dx
		}
		vertical := d == cell.North || d == cell.South
		if along <= 0 || b.ID == at.ID || vertical && b.Layer != at.Layer {
			continue
		}
		if score := along + 2*max(across, -across); best == "" || score < distance {
			best, distance = b.ID, score
		}
	}
	if best != "" {
		v.selected, v.follow = best, true
	}
}

func center(at, length int) int { return 2*at + length }

// Hit gives the box at a place of the window that was drawn into last, for the mouse.
func (v *View) Hit(x, y int) (id string, ok bool) {
	if v.scene == nil {
		return "", false
	}
	x, y = x-v.ox, y-v.oy
	for _, b := range v.scene.plan.Boxes {
		if b.Contains(x, y) {
			return b.ID, true
		}
	}
	return "", false
}

// Place is where a node's box stands in the plan; for tests of stability.
func (v *View) Place(name string) (cell.Rect, bool) {
	if v.scene == nil {
		return cell.Rect{}, false
	}
	i, ok := v.scene.byID[name]
	if !ok {
		return cell.Rect{}, false
	}
	return v.scene.plan.Boxes[i].Rect, true
}

// Larger says that the plan does not fit the window.
func (v *View) Larger() bool {
	return v.scene != nil && (v.scene.plan.W > v.last.W || v.scene.plan.H > v.last.H)
}

// Moving says that there is traffic to show as motion.
func (v *View) Moving() bool {
	return slices.ContainsFunc(v.memory.edges, func(l *link) bool { return l.active() })
}

func (v *View) arrange(w, h int) {
	key := sceneKey{v.memory.version, w, h, v.zoom, v.changes}
	if v.scene != nil && key == v.key {
		return
	}
	v.scene, v.key = v.memory.build(w, h, v.zoom, v.folds), key
	if v.selected != "" && v.item(v.selected) == nil {
		v.Select(v.Selected())
	}
}

// frame places the plan in a window: in its middle where it fits, else by panning.
func (v *View) frame(w, h int) {
	p := v.scene.plan
	if i, ok := v.scene.byID[v.selected]; ok && v.follow {
		b := p.Boxes[i]
		v.panX = min(max(v.panX, b.X+b.W+2-w), b.X-2)
		v.panY = min(max(v.panY, b.Y+b.H+1-h), b.Y-1)
	}
	v.follow = false
	v.ox, v.panX = offset(w, p.W, v.panX)
	v.oy, v.panY = offset(h, p.H, v.panY)
}

func offset(window, plan, pan int) (at, bounded int) {
	if plan <= window {
		return (window - plan) / 2, 0
	}
	bounded = min(max(pan, 0), plan-window)
	return -bounded, bounded
}

// Summary counts the nodes by state and the links, for a title.
func (m *Memory) Summary() (ready, trouble, other, links int) {
	for _, n := range m.order {
		if n.outsider || !n.present {
			continue
		}
		switch n.mark().Ink {
		case cell.Good, cell.Info:
			ready++
		case cell.Bad:
			trouble++
		default:
			other++
		}
	}
	return ready, trouble, other, len(m.edges)
}

// Nodes gives the nodes of the lab that are there, in the order of the drawing.
func (m *Memory) Nodes() []telemetry.Node {
	var out []telemetry.Node
	for _, n := range m.order {
		if n.present && !n.outsider {
			out = append(out, n.Node)
		}
	}
	return out
}
