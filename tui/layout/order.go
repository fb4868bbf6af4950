package layout

import (
	"cmp"
	"slices"
)

const sweeps = 12

// order arranges each layer so that few links cross: sweeps of barycentres, of which the best is kept.
func (g *graph) order() {
	g.number()
	best, crossings := g.snapshot(), g.crossings()
	for sweep := 0; sweep < sweeps && crossings > 0; sweep++ {
		if sweep%2 == 0 {
			for i := 1; i < len(g.layers); i++ {
				sortLayer(g.layers[i], func(u *unit) []*unit { return u.left })
			}
		} else {
			for i := len(g.layers) - 2; i >= 0; i-- {
				sortLayer(g.layers[i], func(u *unit) []*unit { return u.right })
			}
		}
		if now := g.crossings(); now < crossings {
			best, crossings = g.snapshot(), now
		}
	}
	g.layers = best
	g.number()
}

func (g *graph) snapshot() [][]*unit {
	out := make([][]*unit, len(g.layers))
	for i, layer := range g.layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

func (g *graph) number() {
	for _, layer := range g.layers {
		for i, u := range layer {
			u.order = i
		}
	}
}

func sortLayer(layer []*unit, neighbours func(*unit) []*unit) {
	weight := map[*unit]float64{}
	for _, u := range layer {
		near := neighbours(u)
		if len(near) == 0 {
			weight[u] = float64(u.order)
			continue
		}
		sum := 0.0
		for _, n := range near {
			sum += float64(n.order)
		}
		weight[u] = sum / float64(len(near))
	}
	slices.SortStableFunc(layer, func(a, b *unit) int { return cmp.Compare(weight[a], weight[b]) })
	for i, u := range layer {
		u.order = i
	}
}

func (g *graph) crossings() int {
	n := 0
	for i := 0; i+1 < len(g.layers); i++ {
		type segment struct{ a, b int }
		var segments []segment
		for _, u := range g.layers[i] {
			for _, v := range u.right {
				segments = append(segments, segment{u.order, v.order})
			}
		}
		for k, s := range segments {
			for _, t := range segments[:k] {
				if (s.a-t.a)*(s.b-t.b) < 0 {
					n++
				}
			}
		}
	}
	return n
}
