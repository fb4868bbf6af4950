// Package chart draws series on cells: sparklines, lines and areas of braille dots, bars, histograms and heat maps.
package chart

import (
	"math"

	"github.com/ddsctl/ddsctl/tui/cell"
)

var blocks = []rune("▁▂▃▄▅▆▇█")

// Spark draws the last values as one row of blocks; a value that is not known leaves a gap.
func Spark(r cell.Region, x, y, width int, values []float64, s cell.Style) {
	width = max(width, 0)
	values = values[max(len(values)-width, 0):]
	top := highest(values)
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		level := 0
		if top > 0 {
			level = min(max(int(v/top*float64(len(blocks)-1)+0.5), 0), len(blocks)-1)
		}
		r.Set(x+width-len(values)+i, y, blocks[level], s)
	}
}

func highest(values []float64) float64 {
	top := 0.0
	for _, v := range values {
		if v > top && !math.IsInf(v, 0) {
			top = v
		}
	}
	return top
}

var eighths = []rune(" ▏▎▍▌▋▊▉█")

// Bar draws a share from 0 to 1 as a bar over a shadow.
func Bar(r cell.Region, x, y, width int, share float64, s cell.Style, ascii bool) {
	if math.IsNaN(share) {
		return
	}
	share = min(max(share, 0), 1)
	units := int(share*float64(width)*8 + 0.5)
	if share > 0 {
		units = max(units, 1)
	}
	for i := range width {
		n := min(max(units-i*8, 0), 8)
		c := eighths[n]
		if ascii {
			c = '.'
			if n >= 4 {
				c = '#'
			}
		} else if n == 0 {
			c = '·'
			r.Set(x+i, y, c, cell.In(cell.Faint))
			continue
		}
		r.Set(x+i, y, c, s)
	}
}

// Nice rounds a top of a scale up to 1, 1.5, 2, 3, 5 or 7.5 times a power of ten.
func Nice(v float64) float64 {
	if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 1.5, 2, 3, 5, 7.5, 10} {
		if v <= step*unit*1.0001 {
			return step * unit
		}
	}
	return 10 * unit
}
