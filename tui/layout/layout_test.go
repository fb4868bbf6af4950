package layout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/layout"
)

// graph reads "client > proxy > a b c": each name of a word list asks each of the next.
func graph(w, h int, lines ...string) (nodes []layout.Node, edges []layout.Edge) {
	known := map[string]bool{}
	for _, line := range lines {
		var before []string
		for part := range strings.SplitSeq(line, ">") {
			names := strings.Fields(part)
			for _, name := range names {
				if !known[name] {
					known[name] = true
					group, _, _ := strings.Cut(name, "-")
					nodes = append(nodes, layout.Node{ID: name, Group: group, W: w, H: h, Root: group == "client"})
				}
				for _, from := range before {
					edges = append(edges, layout.Edge{From: from, To: name})
				}
			}
			before = names
		}
	}
	return nodes, edges
}

func picture(plan layout.Plan) string {
	c := cell.New(plan.W, plan.H)
	r := c.All()
	for _, b := range plan.Boxes {
		r.Box(b.X, b.Y, b.W, b.H, cell.Light, cell.Style{})
		r.Text(b.X+1, b.Y, b.ID, cell.Style{}, b.W-2)
	}
	for _, route := range plan.Routes {
		for _, s := range route.Steps {
			r.Stroke(s.X, s.Y, s.Arms, cell.Style{}, false)
		}
	}
	for _, route := range plan.Routes {
		if len(route.Steps) > 0 {
			r.Set(route.Head.X, route.Head.Y, map[cell.Direction]rune{cell.East: '▶', cell.West: '◀'}[route.HeadDir], cell.Style{})
		}
		if route.LabelW > 0 {
			r.Text(route.LabelX, route.LabelY, strings.Repeat("·", route.LabelW), cell.Style{}, route.LabelW)
		}
	}
	return c.Encode(&cell.Palette{Plain: true})
}

func TestAShardedStoreIsATree(t *testing.T) {
	nodes, edges := graph(10, 3, "client > proxy > redis-1 redis-2 redis-3")
	want := `
                                        ╭redis-1─╮
                              ╭─······─▶│        │
                              │         ╰────────╯
                              │
╭client──╮         ╭proxy───╮ │         ╭redis-2─╮
│        ├──·····─▶│        ├─┼─······─▶│        │
╰────────╯         ╰────────╯ │         ╰────────╯
                              │
                              │         ╭redis-3─╮
                              ╰─······─▶│        │
                                        ╰────────╯`
	got := picture(layout.Arrange(nodes, edges, layout.Options{Label: 5, RowGap: 1}))
	require.Equal(t, strings.TrimPrefix(want, "\n"), got, "\n%s", got)
}

func TestShapes(t *testing.T) {
	for name, lines := range map[string][]string{
		"three tiers":     {"client > lb > web-1 web-2 web-3 > cache db", "cache > db"},
		"skipping lanes":  {"client > a > b > c", "client > c", "a > c"},
		"peers":           {"client > etcd-1 etcd-2 etcd-3", "etcd-1 > etcd-2", "etcd-2 > etcd-1", "etcd-1 > etcd-3"},
		"cycle":           {"client > queue > worker-1 worker-2", "worker-1 worker-2 > queue"},
		"exporter":        {"client > app > redis", "prometheus > exporter > redis"},
		"all with all":    {"a-1 a-2 a-3 > b-1 b-2 b-3"},
		"nobody speaks":   {"x", "y", "z"},
		"only themselves": {"a > a"},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, edges := graph(10, 4, lines...)
			plan := layout.Arrange(nodes, edges, layout.Options{Label: 5, RowGap: 1})
			check(t, nodes, edges, plan)
			if testing.Verbose() {
				fmt.Println(name + "\n" + picture(plan))
			}
		})
	}
}

// check holds a plan to what its reader relies on.
func check(t require.TestingT, nodes []layout.Node, edges []layout.Edge, plan layout.Plan) {
	boxes := map[string]layout.Box{}
	inside := map[[2]int]string{}
	for i, b := range plan.Boxes {
		require.Equal(t, nodes[i].ID, b.ID)
		boxes[b.ID] = b
		for y := b.Y; y < b.Y+b.H; y++ {
			for x := b.X; x < b.X+b.W; x++ {
				require.Empty(t, inside[[2]int{x, y}], "%s lies over another", b.ID)
				require.True(t, x >= 0 && y >= 0 && x < plan.W && y < plan.H, "%s lies outside", b.ID)
				inside[[2]int{x, y}] = b.ID
			}
		}
	}
	for i, r := range plan.Routes {
		from, to := boxes[edges[i].From], boxes[edges[i].To]
		if from.ID == "" || to.ID == "" || from.ID == to.ID {
			require.Empty(t, r.Steps)
			continue
		}
		require.NotEmpty(t, r.Steps, "%v", edges[i])
		for k, s := range r.Steps {
			if k > 0 {
				before := r.Steps[k-1]
				require.Equal(t, 1, abs(s.X-before.X)+abs(s.Y-before.Y), "%v jumps", edges[i])
			}
			if owner := inside[[2]int{s.X, s.Y}]; owner != "" {
				require.True(t, owner == from.ID && k == 0, "%v runs through %s", edges[i], owner)
			}
		}
		first, head := r.Steps[0], r.Head
		require.True(t, first.Y >= from.Y && first.Y < from.Y+from.H, "%v starts at its source", edges[i])
		require.True(t, head.Y >= to.Y && head.Y < to.Y+to.H, "%v ends at its target", edges[i])
		require.True(t, head.X == to.X-1 || head.X == to.X+to.W, "%v ends beside its target", edges[i])
	}
}

func abs(n int) int { return max(n, -n) }

func TestNoGraphHasOverlapsOrLinesThroughBoxes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 24).Draw(t, "nodes")
		var nodes []layout.Node
		h := rapid.IntRange(1, 5).Draw(t, "h")
		for i := range n {
			group := rapid.IntRange(0, 6).Draw(t, "group")
			nodes = append(nodes, layout.Node{ID: fmt.Sprint(i), Group: fmt.Sprint(group), W: rapid.IntRange(3, 20).Draw(t, "w"), H: h, Root: group == 0})
		}
		var edges []layout.Edge
		for range rapid.IntRange(0, 50).Draw(t, "edges") {
			edges = append(edges, layout.Edge{From: fmt.Sprint(rapid.IntRange(0, n+1).Draw(t, "from")), To: fmt.Sprint(rapid.IntRange(0, n+1).Draw(t, "to"))})
		}
		o := layout.Options{Width: rapid.IntRange(0, 200).Draw(t, "width"), Height: rapid.IntRange(0, 60).Draw(t, "height"),
			Label: rapid.IntRange(0, 9).Draw(t, "label"), RowGap: rapid.IntRange(0, 2).Draw(t, "gap"), Tight: rapid.Bool().Draw(t, "tight")}
		plan := layout.Arrange(nodes, edges, o)
		check(t, nodes, edges, plan)
		require.Equal(t, plan, layout.Arrange(nodes, edges, o), "the same graph gives the same plan")
		layers := layout.Layers(nodes, edges)
		for i, b := range plan.Boxes {
			require.Equal(t, b.Layer, layers[i])
		}
		leastW, leastH := layout.Least(nodes, layers, o)
		require.LessOrEqual(t, leastW, plan.W)
		require.LessOrEqual(t, leastH, plan.H)
	})
}

func TestReplicasStandTogetherInOrder(t *testing.T) {
	nodes, edges := graph(8, 3, "client > web-1 web-2 web-3 > db", "client > api-1 api-2 > db")
	plan := layout.Arrange(nodes, edges, layout.Options{RowGap: 1})
	y := map[string]int{}
	for _, b := range plan.Boxes {
		y[b.ID] = b.Y
	}
	require.Equal(t, y["web-1"]+4, y["web-2"])
	require.Equal(t, y["web-2"]+4, y["web-3"])
	require.Equal(t, y["api-1"]+4, y["api-2"])
}

func BenchmarkAHundredNodesFourHundredEdges(b *testing.B) {
	var nodes []layout.Node
	var edges []layout.Edge
	for i := range 100 {
		nodes = append(nodes, layout.Node{ID: fmt.Sprint(i), Group: fmt.Sprint(i / 10), W: 12, H: 1})
	}
	for i := range 400 {
		edges = append(edges, layout.Edge{From: fmt.Sprint(i % 90), To: fmt.Sprint((i%90)/10*10 + 10 + (i*7)%10)})
	}
	for b.Loop() {
		layout.Arrange(nodes, edges, layout.Options{Width: 200, Height: 60})
	}
}
