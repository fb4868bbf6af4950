package layout

import "math"

const relaxations = 16

// place gives each unit its rows: as near to the middle of its neighbours as order and distance allow.
func (g *graph) place(o Options) {
	g.rows = o.Height
	totals := make([]int, len(g.layers))
	for i, layer := range g.layers {
		for k, u := range layer {
			if !u.lane {
				u.height = -o.RowGap
				for _, n := range u.nodes {
					u.height += g.nodes[n].H + o.RowGap
				}
			}
			if k > 0 {
				totals[i] += distance(layer[k-1], u, o.RowGap)
			}
			totals[i] += u.height
		}
		g.rows = max(g.rows, totals[i])
	}
	for i, layer := range g.layers {
		y := float64(g.rows-totals[i]) / 2
		for k, u := range layer {
			if k > 0 {
				y += float64(distance(layer[k-1], u, o.RowGap))
			}
			u.y = y
			y += float64(u.height)
		}
	}
	for round := range relaxations {
		for k := range g.layers {
			i := k
			if round%2 == 1 {
				i = len(g.layers) - 1 - k
			}
			relax(g.layers[i], float64(g.rows-totals[i]), o.RowGap)
		}
	}
	g.settle(o)
}

func distance(above, below *unit, rowGap int) int {
	if above.lane || below.lane {
		return max(rowGap, 1)
	}
	return rowGap
}

// relax moves a layer's units towards the mean of their neighbours: the least squares under fixed order and distances
// (pool adjacent violators).
func relax(layer []*unit, slack float64, rowGap int) {
	type block struct {
		sum float64
		n   int
	}
	var blocks []block
	offsets := make([]float64, len(layer))
	offset := 0.0
	for i, u := range layer {
		if i > 0 {
			offset += float64(layer[i-1].height + distance(layer[i-1], u, rowGap))
		}
		offsets[i] = offset
		wanted, n := 0.0, 0
		for _, near := range [][]*unit{u.left, u.right} {
			for _, v := range near {
				wanted += v.center()
				n++
			}
		}
		if n == 0 {
			wanted, n = u.center(), 1
		}
		blocks = append(blocks, block{wanted/float64(n) - float64(u.height)/2 - offset, 1})
		for len(blocks) > 1 && blocks[len(blocks)-2].sum/float64(blocks[len(blocks)-2].n) > blocks[len(blocks)-1].sum/float64(blocks[len(blocks)-1].n) {
			last := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			blocks[len(blocks)-1].sum += last.sum
			blocks[len(blocks)-1].n += last.n
		}
	}
	i := 0
	for _, b := range blocks {
		base := min(max(b.sum/float64(b.n), 0), slack)
		for range b.n {
			layer[i].y = base + offsets[i]
			i++
		}
	}
}

// settle rounds to whole rows, keeps distances, and gives each node its row.
func (g *graph) settle(o Options) {
	g.sizes = make([]int, len(g.layers))
	for i, layer := range g.layers {
		floor := 0
		for k, u := range layer {
			u.top = max(int(math.Floor(u.y+0.5)), floor)
			if k+1 < len(layer) {
				floor = u.top + u.height + distance(u, layer[k+1], o.RowGap)
			}
			y := u.top
			for _, n := range u.nodes {
				g.top[n] = y
				y += g.nodes[n].H + o.RowGap
				g.sizes[i] = max(g.sizes[i], g.nodes[n].W)
			}
			g.rows = max(g.rows, u.top+u.height)
		}
	}
}
