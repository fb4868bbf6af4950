// Package blueprint draws a lab as it is declared, whether it runs or not: an SVG of boxes and arrows, laid out as the dashboard lays it out.
//
//	err := blueprint.Draw(w, export.GraphOf(lab))
//
// The same graph gives the same picture. Its colours follow the reader's: dark on light, or light on dark.
package blueprint

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/ddsctl/ddsctl/labs/export"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/layout"
)

// Sizes in pixels, of a cell of the layout's grid and of what stands in it.
const (
	cellW, cellH = 8, 16
	margin       = 16
	titleH       = 28
	fontSize     = 13
	smallSize    = 11
	radius       = 6
	head         = 7 // length of an arrowhead
)

// Bounds in cells.
const (
	boxHeight   = 3
	leastWidth  = 12
	mostWidth   = 32
	rowGap      = 2
	textPadding = 4
	labelWidth  = 14
)

const style = `svg{color-scheme:light dark}
text{font-family:system-ui,sans-serif;fill:light-dark(#1f2328,#e6edf3)}
.about,.label{font-size:11px;fill:light-dark(#59636e,#9198a1)}
.box{fill:light-dark(#f6f8fa,#161b22);stroke:light-dark(#59636e,#9198a1);stroke-width:1.5}
.outside{stroke-dasharray:5 4}
.link{fill:none;stroke:light-dark(#0969da,#4493f8);stroke-width:1.5}
.head{fill:light-dark(#0969da,#4493f8)}`

// Draw writes the picture.
func Draw(w io.Writer, g export.Graph) error {
	nodes, edges, links := parts(g)
	plan := layout.Arrange(nodes, edges, layout.Options{Label: labelWidth, RowGap: rowGap})
	d := &drawing{plan: plan, graph: g}
	width, height := plan.W*cellW+2*margin, plan.H*cellH+2*margin+titleH
	fmt.Fprintf(&d.out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&d.out, "<title>%s</title>\n<style>%s</style>\n", escaped(g.Title), style)
	fmt.Fprintf(&d.out, `<text x="%d" y="%d" font-size="16" font-weight="600">%s</text>`+"\n", margin, margin+fontSize, escaped(g.Title))
	for i, route := range plan.Routes {
		d.link(route, links[i])
	}
	d.labels(links)
	for i, box := range plan.Boxes {
		d.box(box, g.Nodes[i])
	}
	d.out.WriteString("</svg>\n")
	_, err := io.WriteString(w, d.out.String())
	return err
}

// parts are the nodes and edges for the layout. Several links between two nodes are one edge.
func parts(g export.Graph) (nodes []layout.Node, edges []layout.Edge, links [][]export.Link) {
	for _, n := range g.Nodes {
		width := max(displaywidth.String(n.Heading()), displaywidth.String(n.About())) + textPadding
		nodes = append(nodes, layout.Node{ID: n.Name, Group: numbered.ReplaceAllString(n.Name, ""), W: min(max(width, leastWidth), mostWidth), H: boxHeight, Root: n.Outside})
	}
	index := map[layout.Edge]int{}
	for _, l := range g.Links {
		edge := layout.Edge{From: l.From, To: l.To}
		i, known := index[edge]
		if !known {
			i = len(edges)
			index[edge], edges, links = i, append(edges, edge), append(links, nil)
		}
		links[i] = append(links[i], l)
	}
	return nodes, edges, links
}

// numbered is the end of the names of services that are alike: redis-1, redis-2.
var numbered = regexp.MustCompile(`-[0-9]+$`)

type drawing struct {
	out   strings.Builder
	plan  layout.Plan
	graph export.Graph
}

// at is the place of a point in cells, as pixels.
func at(x, y float64) (int, int) { return margin + int(x*cellW), margin + titleH + int(y*cellH) }

const half = 0.5

func (d *drawing) box(b layout.Box, n export.Node) {
	x, y := at(float64(b.X), float64(b.Y))
	w, h := b.W*cellW, b.H*cellH
	class := "box"
	if n.Outside {
		class += " outside"
	}
	if n.Nodes > 1 { // one more behind it
		fmt.Fprintf(&d.out, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`+"\n", class, x+4, y-4, w, h, radius)
	}
	fmt.Fprintf(&d.out, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`+"\n", class, x, y, w, h, radius)
	middle, line := x+w/2, y+h/2+fontSize/3
	room := b.W - 2
	if about := n.About(); about != "" {
		fmt.Fprintf(&d.out, `<text class="about" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", middle, line+smallSize, escaped(cut(about, room)))
		line -= smallSize / 2
	}
	fmt.Fprintf(&d.out, `<text x="%d" y="%d" font-size="%d" font-weight="600" text-anchor="middle">%s</text>`+"\n", middle, line, fontSize, escaped(cut(n.Heading(), room)))
}

// cut shortens a text to a number of columns.
func cut(text string, columns int) string { return displaywidth.TruncateString(text, columns, "…") }

// link draws a route cell by cell: from the middle of each to the sides where it goes on.
func (d *drawing) link(r layout.Route, links []export.Link) {
	if len(r.Steps) == 0 {
		return
	}
	sides := map[cell.Direction][2]float64{cell.North: {0, -half}, cell.East: {half, 0}, cell.South: {0, half}, cell.West: {-half, 0}}
	var path strings.Builder
	for _, step := range append(r.Steps[:len(r.Steps):len(r.Steps)], r.Head) {
		x, y := float64(step.X)+half, float64(step.Y)+half
		for _, direction := range []cell.Direction{cell.North, cell.East, cell.South, cell.West} {
			if step.Arms.Of(direction) == cell.None {
				continue
			}
			fromX, fromY := at(x, y)
			toX, toY := at(x+sides[direction][0], y+sides[direction][1])
			fmt.Fprintf(&path, "M%d %dL%d %d", fromX, fromY, toX, toY)
		}
	}
	var words []string
	for _, l := range links {
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s to %s: %s", l.From, l.To, l.Label())))
	}
	fmt.Fprintf(&d.out, `<path class="link" d="%s"><title>%s</title></path>`+"\n", path.String(), escaped(strings.Join(words, "\n")))
	d.head(r)
}

// labels writes the ports of links over their lines. Lines that run together there have one text.
func (d *drawing) labels(links [][]export.Link) {
	type place struct{ x, y, w int }
	var order []place
	ports := map[place][]string{}
	for i, r := range d.plan.Routes {
		if r.LabelW == 0 {
			continue
		}
		p := place{r.LabelX, r.LabelY, r.LabelW}
		if _, known := ports[p]; !known {
			order = append(order, p)
		}
		for _, l := range links[i] {
			if l.Port != "" && !slices.Contains(ports[p], l.Port) {
				ports[p] = append(ports[p], l.Port)
			}
		}
	}
	for _, p := range order {
		if len(ports[p]) == 0 {
			continue
		}
		x, y := at(float64(p.x)+float64(p.w)*half, float64(p.y)+half)
		fmt.Fprintf(&d.out, `<text class="label" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", x, y-smallSize/2, escaped(cut(strings.Join(ports[p], " "), p.w)))
	}
}

// head draws the arrowhead, with its tip at the far side of its cell.
func (d *drawing) head(r layout.Route) {
	x, y := float64(r.Head.X)+half, float64(r.Head.Y)+half
	switch r.HeadDir {
	case cell.East:
		tipX, tipY := at(x+half, y)
		d.triangle(tipX, tipY, -head, 1)
	case cell.West:
		tipX, tipY := at(x-half, y)
		d.triangle(tipX, tipY, head, 1)
	case cell.South:
		tipX, tipY := at(x, y+half)
		d.triangle(tipX, tipY, -head, 0)
	case cell.North:
		tipX, tipY := at(x, y-half)
		d.triangle(tipX, tipY, head, 0)
	}
}

// triangle has its tip at a point and its base that far back, along x where across is 1, else along y.
func (d *drawing) triangle(x, y, back, across int) {
	const wide = 4
	if across == 1 {
		fmt.Fprintf(&d.out, `<path class="head" d="M%d %dL%d %dL%d %dZ"/>`+"\n", x, y, x+back, y-wide, x+back, y+wide)
		return
	}
	fmt.Fprintf(&d.out, `<path class="head" d="M%d %dL%d %dL%d %dZ"/>`+"\n", x, y, x-wide, y+back, x+wide, y+back)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder refuses nothing
	return b.String()
}
