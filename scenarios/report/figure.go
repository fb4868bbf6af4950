package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/figure"
	"github.com/ddsctl/ddsctl/scenarios/report/scene"
)

// unitOf writes values of a dimension.
func unitOf(d expect.Dimension) unit {
	switch d {
	case expect.Duration:
		return seconds
	case expect.Ratio:
		return func(v float64) string { return short(v*100) + " %" }
	case expect.Rate:
		return perSecond
	case expect.ByteRate:
		return perSecondBytes
	case expect.Bytes:
		return bytesOf
	case expect.Cores:
		return cores
	default:
		return plain
	}
}

// figureChart draws what was measured as dots with lines between them, and formulas as dashed lines, over the parameter.
func figureChart(f figure.Figure) *scene.Scene {
	write := unitOf(f.Dimension)
	low, high, most := math.Inf(1), math.Inf(-1), 0.0
	var measured []float64 // values of the parameter
	for _, l := range f.Lines {
		for _, p := range l.Points {
			low, high, most = min(low, p.X), max(high, p.X), max(most, p.Y)
			if l.Formula == "" {
				measured = append(measured, p.X)
			}
		}
	}
	if most <= 0 {
		most = 1
	}
	distance := step(most, 4)
	frame := &frame{scene: scene.New(chartWidth, chartHeight, f.Title), most: math.Ceil(most/distance) * distance}
	s := frame.scene
	s.Bold(scene.Point{X: 0, Y: 14}, f.Title, 13, scene.Ink, scene.Start)
	frame.values(write)
	if len(measured) == 0 {
		s.Text(scene.Point{X: chartWidth / 2, Y: chartHeight / 2}, "nothing was measured", 12, scene.Faint, scene.Middle)
		return s
	}
	x := across(f.Scale, low, high)
	slices.Sort(measured)
	last := math.Inf(-1)
	for _, v := range slices.Compact(measured) {
		at := x(v)
		s.Line([]scene.Point{{X: at, Y: topMargin}, {X: at, Y: chartHeight - lowerMargin}}, scene.Style{Stroke: scene.Grid, Width: 1})
		if at-last > 22 { // words do not stand on each other
			s.Text(scene.Point{X: at, Y: chartHeight - 8}, short(v), 10.5, scene.Faint, scene.Middle)
			last = at
		}
	}
	s.Text(scene.Point{X: leftMargin - 6, Y: chartHeight - 8}, f.Parameter, 10.5, scene.Faint, scene.End)
	var names []string
	var colors []scene.Color
	for i, l := range f.Lines {
		points := make([]scene.Point, len(l.Points))
		for j, p := range l.Points {
			points[j] = scene.Point{X: x(p.X), Y: frame.y(p.Y)}
		}
		s.Line(points, scene.Style{Stroke: scene.Series(i), Width: 1.6, Dashed: l.Formula != ""})
		if l.Formula == "" {
			for j, p := range points {
				const side = 7.0
				s.Box(p.X-side/2, p.Y-side/2, side, side, scene.Style{Fill: scene.Series(i), Round: side / 2},
					fmt.Sprintf("%s: %s at %s %s", l.Name, write(l.Points[j].Y), short(l.Points[j].X), f.Parameter))
			}
		}
		names, colors = append(names, cmp.Or(l.Name, l.Value, l.Formula)), append(colors, scene.Series(i))
	}
	frame.legend(names, colors)
	return s
}

// across places values of the parameter from the left to the right.
func across(scale string, low, high float64) func(float64) float64 {
	const inner = 12.0 // so that a dot at the edge is whole
	width := chartWidth - leftMargin - rightMargin - 2*inner
	return func(v float64) float64 {
		part := 0.5
		switch {
		case high <= low:
		case scale == figure.Log:
			part = math.Log(v/low) / math.Log(high/low)
		default:
			part = (v - low) / (high - low)
		}
		return leftMargin + inner + part*width
	}
}
