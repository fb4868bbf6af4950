package chart

import (
	"math"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
)

// Heat is a heat map of latencies: time to the right, latency upwards on a logarithmic scale, shade by the number of requests.
type Heat struct {
	// Columns are histograms, oldest first; nil where nothing was measured.
	Columns [][]telemetry.Bucket
	// Per is how many of them share a column of cells.
	Per     int
	Bands   []Band
	Samples int
	Format  func(float64) string
	// Fine draws two rows in each row of cells, by colours alone: the shades differ in lightness. Else there is one, by characters too.
	Fine bool
}

// Draw draws the map.
func (h Heat) Draw(r cell.Region) {
	field := r.Sub(axisWidth, 0, r.W-axisWidth, r.H)
	per := max(h.Per, 1)
	columns := h.Columns[max(len(h.Columns)-field.W*per, 0):]
	low, high, ok := bounds(columns)
	if !ok || field.W <= 0 || field.H <= 0 {
		r.Center(0, r.H/2, r.W, "no latencies yet", cell.In(cell.Faint))
		return
	}
	plot := Plot{Log: true, Format: h.Format, Bands: h.Bands, Samples: h.Samples, Braille: per == 2}
	plot.axis(r, low, high)
	plot.bands(field)
	rows := field.H
	if h.Fine {
		rows *= 2
	}
	counts := make([]float64, field.W*rows)
	top := 0.0
	for i, buckets := range columns {
		x := field.W - 1 - (len(columns)-1-i)/per
		spread(buckets, low, high, rows, func(row int, n float64) {
			counts[row*field.W+x] += n
		})
	}
	for _, n := range counts {
		top = max(top, n)
	}
	share := func(x, row int) float64 { return math.Sqrt(counts[row*field.W+x] / top) } // few are many enough to be seen
	for y := range field.H {
		for x := range field.W {
			if h.Fine {
				fine(field, x, field.H-1-y, share(x, 2*y+1), share(x, 2*y))
			} else if n := share(x, y); n > 0 {
				shade := min(int(n*float64(len(shades))), len(shades)-1)
				field.Set(x, field.H-1-y, shades[shade], cell.In(cell.Heat(n)))
			}
		}
	}
	plot.names(field)
}

// fine draws two shades in a cell.
func fine(field cell.Region, x, y int, upper, lower float64) {
	switch {
	case upper > 0 && lower > 0:
		field.Set(x, y, '▀', cell.In(cell.Heat(upper)).On(cell.Heat(lower)))
	case upper > 0:
		field.Set(x, y, '▀', cell.In(cell.Heat(upper)))
	case lower > 0:
		field.Set(x, y, '▄', cell.In(cell.Heat(lower)))
	}
}

var shades = []rune("░▒▓█")

// bounds are the least and greatest latency of the buckets that hold something.
func bounds(columns [][]telemetry.Bucket) (low, high float64, ok bool) {
	low, high = math.Inf(1), 0
	for _, buckets := range columns {
		for i, b := range buckets {
			if b.Count == 0 || b.UpTo <= 0 || math.IsInf(b.UpTo, 0) || math.IsNaN(b.UpTo) {
				continue
			}
			low, high = min(low, foot(buckets, i)), max(high, b.UpTo)
		}
	}
	return low, high, high > 0 && low < high && low > 0
}

// foot is where a bucket begins; the first one is taken to be as wide as the second, on a logarithmic scale.
func foot(buckets []telemetry.Bucket, i int) float64 {
	switch {
	case i > 0 && buckets[i-1].UpTo > 0:
		return buckets[i-1].UpTo
	case len(buckets) > 1 && buckets[1].UpTo > buckets[0].UpTo && buckets[0].UpTo > 0:
		return buckets[0].UpTo * buckets[0].UpTo / buckets[1].UpTo
	}
	return buckets[i].UpTo / 2
}

// spread shares each bucket out over the rows that it covers.
func spread(buckets []telemetry.Bucket, low, high float64, rows int, add func(row int, n float64)) {
	span := math.Log(high / low)
	for i, b := range buckets {
		if b.Count == 0 || b.UpTo <= 0 || math.IsInf(b.UpTo, 0) || math.IsNaN(b.UpTo) {
			continue
		}
		from := math.Log(foot(buckets, i)/low) / span * float64(rows)
		to := math.Log(b.UpTo/low) / span * float64(rows)
		from, to = min(max(from, 0), float64(rows)), min(max(to, 0), float64(rows))
		if !(to > from) {
			continue
		}
		for row := int(from); row < rows && float64(row) < to; row++ {
			part := min(to, float64(row+1)) - max(from, float64(row))
			if part > 0 {
				add(row, float64(b.Count)*part/(to-from))
			}
		}
	}
}
