package report

import (
	"math"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/report/scene"
)

// Sizes of a chart, in pixels.
const (
	chartWidth  = 760.0
	chartHeight = 210.0
	leftMargin  = 66.0
	rightMargin = 14.0
	topMargin   = 44.0
	lowerMargin = 24.0
)

// frame is the plane that a chart over time is drawn on: time to the right, a figure upwards.
type frame struct {
	scene  *scene.Scene
	end    time.Duration
	lowest float64 // of a logarithmic axis
	most   float64
	log    bool
}

func newFrame(title string, run record.Record, lowest, most float64, log bool) *frame {
	f := &frame{scene: scene.New(chartWidth, chartHeight, title), end: max(run.Duration(), time.Second), lowest: lowest, most: most, log: log}
	f.scene.Bold(scene.Point{X: 0, Y: 14}, title, 13, scene.Ink, scene.Start)
	return f
}

func (f *frame) x(at time.Duration) float64 {
	part := min(max(float64(at)/float64(f.end), 0), 1)
	return leftMargin + part*(chartWidth-leftMargin-rightMargin)
}

func (f *frame) y(v float64) float64 {
	part := v / f.most
	if f.log {
		part = math.Log(max(v, f.lowest)/f.lowest) / math.Log(f.most/f.lowest)
	}
	return chartHeight - lowerMargin - min(max(part, 0), 1)*(chartHeight-topMargin-lowerMargin)
}

// values draws the axis that points upwards.
func (f *frame) values(write unit) {
	line := func(v float64) {
		y := f.y(v)
		f.scene.Line([]scene.Point{{X: leftMargin, Y: y}, {X: chartWidth - rightMargin, Y: y}}, scene.Style{Stroke: scene.Grid, Width: 1})
		f.scene.Text(scene.Point{X: leftMargin - 6, Y: y + 4}, write(v), 10.5, scene.Faint, scene.End)
	}
	if f.log {
		for v := f.lowest; v <= f.most*1.0001; v *= 10 {
			line(v)
		}
		return
	}
	distance := step(f.most, 4)
	for i := 0; float64(i)*distance <= f.most*1.0001; i++ {
		line(float64(i) * distance)
	}
}

// backdrop draws axes, the bands of faults and the beginnings of phases.
func (f *frame) backdrop(run record.Record, write unit) {
	floor, ceiling := chartHeight-lowerMargin, topMargin
	f.values(write)
	distance := time.Duration(step(f.end.Seconds(), 8) * float64(time.Second))
	for at := time.Duration(0); at <= f.end; at += max(distance, time.Millisecond) {
		f.scene.Text(scene.Point{X: f.x(at), Y: chartHeight - 8}, clock(at), 10.5, scene.Faint, scene.Middle)
	}
	for _, fault := range run.Faults {
		from, to := f.x(fault.Start), f.x(fault.End)
		f.scene.Box(from, ceiling, max(to-from, 1.5), floor-ceiling, scene.Style{Fill: scene.Fault, Opacity: 0.13}, fault.Label())
		f.scene.Line([]scene.Point{{X: from, Y: ceiling}, {X: from, Y: floor}}, scene.Style{Stroke: scene.Fault, Width: 1, Opacity: 0.6})
	}
	for _, phase := range run.Phases {
		x := f.x(phase.Start)
		if phase.Start > 0 {
			f.scene.Line([]scene.Point{{X: x, Y: ceiling}, {X: x, Y: floor}}, scene.Style{Stroke: scene.Faint, Width: 1, Dashed: true, Opacity: 0.6})
		}
		if width := f.x(phase.End) - x; width > float64(len(phase.Name))*5.2 {
			f.scene.Text(scene.Point{X: x + 3, Y: ceiling - 3}, phase.Name, 9.5, scene.Faint, scene.Start)
		}
	}
}

// legend names the lines at the upper right.
func (f *frame) legend(names []string, colors []scene.Color) {
	const letter = 6.1
	total := 0.0
	for _, name := range names {
		total += float64(len([]rune(name)))*letter + 26
	}
	x := max(chartWidth-rightMargin-total, float64(len([]rune(f.scene.Title)))*7.4+16)
	for i, name := range names {
		width := float64(len([]rune(name)))*letter + 26
		if x+width > chartWidth {
			f.scene.Text(scene.Point{X: x, Y: 14}, "…", 10.5, scene.Faint, scene.Start)
			return
		}
		f.scene.Box(x, 6, 12, 8, scene.Style{Fill: colors[i], Round: 2}, "")
		f.scene.Text(scene.Point{X: x + 16, Y: 14}, name, 10.5, scene.Ink, scene.Start)
		x += width
	}
}

// timeChart draws figures over the run. most is the top of the axis, so that two runs can be compared; 0 takes the run's own.
func timeChart(title string, run record.Record, lines []series, write unit, log bool, most float64) *scene.Scene {
	for _, s := range lines {
		most = max(most, s.largest())
	}
	lowest := 0.0
	if log {
		lowest, most = decades(lines, most)
	} else if most == 0 {
		most = 1
	} else {
		distance := step(most, 4)
		most = math.Ceil(most/distance) * distance
	}
	f := newFrame(title, run, lowest, most, log)
	f.backdrop(run, write)
	var names []string
	var colors []scene.Color
	for i, s := range lines {
		points := make([]scene.Point, len(s.values))
		for j, v := range s.values {
			points[j] = scene.Point{X: f.x(s.at[j]), Y: f.y(v)}
			if math.IsNaN(v) {
				points[j].Y = math.NaN()
			}
		}
		style := scene.Style{Stroke: scene.Series(i), Width: 1.6}
		style.Dashed = s.name == "asked" || i >= 6
		f.scene.Line(points, style)
		names, colors = append(names, s.name), append(colors, scene.Series(i))
	}
	if len(lines) == 0 {
		f.scene.Text(scene.Point{X: chartWidth / 2, Y: chartHeight / 2}, "nothing was measured", 12, scene.Faint, scene.Middle)
	}
	f.legend(names, colors)
	return f.scene
}

// decades are the powers of ten between which positive values lie.
func decades(lines []series, most float64) (lowest, highest float64) {
	least := math.Inf(1)
	for _, s := range lines {
		for _, v := range s.values {
			if v > 0 {
				least = min(least, v)
			}
		}
	}
	if math.IsInf(least, 1) {
		least = 1e-4
	}
	if most <= 0 {
		most = 1
	}
	lowest = math.Pow(10, math.Floor(math.Log10(least)))
	highest = math.Pow(10, math.Ceil(math.Log10(most)))
	if highest <= lowest {
		highest = lowest * 10
	}
	return lowest, highest
}
