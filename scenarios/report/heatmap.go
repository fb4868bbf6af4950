package report

import (
	"fmt"
	"math"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/report/scene"
)

// rowsPerDecade is how fine a heat map tells latencies apart.
const rowsPerDecade = 8

// heatMap draws how many requests took how long when: time to the right, latency upwards, the darker the more requests. Its
// columns are those of the Snapshots, at most columnsMost of them.
func heatMap(run record.Record) *scene.Scene {
	const columnsMost = 160
	type cell struct{ column, row int }
	counts := map[cell]uint64{}
	least, most := math.Inf(1), 0.0
	for _, s := range run.Snapshots {
		for _, t := range s.Traffic {
			for _, b := range t.Histogram {
				if b.Count > 0 && b.UpTo > 0 {
					least, most = min(least, b.UpTo), max(most, b.UpTo)
				}
			}
		}
	}
	if math.IsInf(least, 1) {
		return timeChart("Latency heat map", run, nil, seconds, true, 1)
	}
	lowest := math.Pow(10, math.Floor(math.Log10(least)))
	highest := math.Pow(10, math.Ceil(math.Log10(most)))
	if highest <= lowest {
		highest = lowest * 10
	}
	f := newFrame("Latency heat map (requests by how long they took)", run, lowest, highest, true)
	columns := min(columnsMost, max(1, len(run.Snapshots)))
	width := float64(f.end) / float64(columns)
	var fullest uint64
	for _, s := range run.Snapshots {
		column := min(columns-1, max(0, int(float64(s.Time.Sub(run.Start)-s.Window/2)/width)))
		for _, t := range s.Traffic {
			for _, b := range t.Histogram {
				if b.Count == 0 || b.UpTo <= 0 {
					continue
				}
				at := cell{column, int(math.Log10(b.UpTo/lowest) * rowsPerDecade)}
				counts[at] += b.Count
				fullest = max(fullest, counts[at])
			}
		}
	}
	f.backdrop(run, seconds)
	for row := range rowsPerDecade*int(math.Round(math.Log10(highest/lowest))) + 1 {
		for column := range columns {
			n := counts[cell{column, row}]
			if n == 0 {
				continue
			}
			low, high := lowest*math.Pow(10, float64(row)/rowsPerDecade), lowest*math.Pow(10, float64(row+1)/rowsPerDecade)
			from, to := time.Duration(float64(column)*width), time.Duration(float64(column+1)*width)
			// By the logarithm, so that the few slow ones, which matter most, are seen.
			shade := 0.12 + 0.88*math.Log(float64(n)+1)/math.Log(float64(fullest)+1)
			f.scene.Box(f.x(from), f.y(high), max(f.x(to)-f.x(from)-0.4, 0.6), f.y(low)-f.y(high), scene.Style{Fill: scene.Series1, Opacity: shade},
				fmt.Sprintf("%d requests, %s to %s, at %s", n, seconds(low), seconds(high), clock(from)))
		}
	}
	return f.scene
}
