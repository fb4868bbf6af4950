// Package report draws the records of runs: as one HTML page that needs nothing beside it (no network, no script), as single
// pictures in SVG and PNG, and two or more runs side by side on the same scales.
//
//	err := report.HTML(file, run)
//	err = report.HTML(file, without, with) // compared
//	for _, piece := range report.Pieces(run) { err = piece.Scene.PNG(file, 2) }
package report

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/report/scene"
)

//go:embed page.html
var page string

// Piece is one picture of a report. Name is fit for a file.
type Piece struct {
	Name  string
	Scene *scene.Scene
}

// scales are the tops of axes that runs side by side share; zero is each run's own.
type scales struct{ rate, latency, errors, links, cpu, memory float64 }

// Pieces are the pictures of a run, in the order of the report.
func Pieces(run record.Record) []Piece { return pieces(run, scales{}) }

func pieces(run record.Record, s scales) []Piece {
	var all []Piece
	for i, f := range run.Figures {
		all = append(all, Piece{fmt.Sprintf("figure-%d", i+1), figureChart(f)})
	}
	all = append(all, []Piece{
		{"throughput", timeChart("Throughput", run, throughput(run), perSecond, false, s.rate)},
		{"latency", timeChart("Latency from the intended send time", run, percentiles(run), seconds, true, s.latency)},
		{"heatmap", heatMap(run)},
		{"errors", timeChart("Errors by kind", run, errorsByKind(run), perSecond, false, s.errors)},
		{"links", timeChart("Links (both directions)", run, linkRates(run), perSecondBytes, false, s.links)},
		{"topology", topology(run)},
		{"cpu", timeChart("Processor use (cores)", run, nodeFigures(run, cpu), cores, false, s.cpu)},
		{"memory", timeChart("Memory", run, nodeFigures(run, memory), bytesOf, false, s.memory)},
	}...)
	for _, stat := range statNames(run) {
		lines := nodeFigures(run, func(n telemetry.Node) (float64, bool) { v, ok := n.Stats[stat]; return v, ok })
		all = append(all, Piece{"stat-" + strings.ReplaceAll(stat, "_", "-"), timeChart(strings.ReplaceAll(stat, "_", " "), run, lines, plain, false, 0)})
	}
	return all
}

func cpu(n telemetry.Node) (float64, bool) {
	if n.CPU == nil {
		return 0, false
	}
	return *n.CPU, true
}

func memory(n telemetry.Node) (float64, bool) {
	if n.Memory == nil {
		return 0, false
	}
	return float64(*n.Memory), true
}

func shared(runs []record.Record) scales {
	var s scales
	if len(runs) < 2 {
		return s
	}
	most := func(to *float64, lines []series) {
		for _, l := range lines {
			*to = max(*to, l.largest())
		}
	}
	for _, r := range runs {
		most(&s.rate, throughput(r))
		most(&s.latency, percentiles(r))
		most(&s.errors, errorsByKind(r))
		most(&s.links, linkRates(r))
		most(&s.cpu, nodeFigures(r, cpu))
		most(&s.memory, nodeFigures(r, memory))
	}
	return s
}

// HTML writes a page about one run, or about several side by side.
func HTML(w io.Writer, runs ...record.Record) error {
	if len(runs) == 0 {
		return errors.New("a report needs a run")
	}
	t, err := template.New("page").Parse(page)
	if err != nil {
		return fmt.Errorf("read the report's page: %w", err)
	}
	view := pageView{Title: runs[0].Title, Generated: runs[0].End.UTC().Format(time.RFC1123)}
	if view.Title == "" {
		view.Title = runs[0].Scenario
	}
	s := shared(runs)
	for i, r := range runs {
		column, err := viewOf(r, s)
		if err != nil {
			return err
		}
		if len(runs) > 1 {
			column.Name = fmt.Sprintf("%d · %s", i+1, column.Name)
		}
		view.Runs = append(view.Runs, column)
	}
	view.Rows = rows(view.Runs)
	return t.Execute(w, view)
}

// pageView and runView are what the page is filled from.
type pageView struct {
	Title, Generated string
	Runs             []runView
	Rows             []pictureRow
}

// pictureRow is one kind of picture of each run; what a run has not is empty.
type pictureRow struct {
	Name     string
	Pictures []template.HTML
}

type runView struct {
	record.Record
	Name, Took, Began string
	Symbol            string
	Figures           []number
	Judged            []judged
	pictures          map[string]template.HTML
	order             []string
}

// number is one figure at the top of the page.
type number struct{ Name, Value string }

// judged is an expectation with words for people.
type judged struct {
	expect.Result
	Symbol, Window string
}

var symbols = map[expect.Verdict]string{expect.Holds: "✓", expect.Fails: "✗", expect.Unknown: "?"}

func viewOf(r record.Record, s scales) (runView, error) {
	name := r.Lab
	if r.Variant != "" {
		name += " (" + r.Variant + ")"
	}
	v := runView{Record: r, Name: name, Took: clock(r.Duration()), Began: r.Start.UTC().Format(time.RFC1123), Symbol: symbols[r.Verdict],
		Figures: headline(r), pictures: map[string]template.HTML{}}
	for _, e := range r.Expectations {
		v.Judged = append(v.Judged, judged{e, symbols[e.Verdict], clock(e.From) + " – " + clock(e.To)})
	}
	for _, p := range pieces(r, s) {
		var b strings.Builder
		if err := p.Scene.SVG(&b); err != nil {
			return v, fmt.Errorf("draw %s: %w", p.Name, err)
		}
		v.pictures[p.Name] = template.HTML(b.String()) //nolint:gosec // made by scene, which escapes every word
		v.order = append(v.order, p.Name)
	}
	return v, nil
}

func rows(runs []runView) []pictureRow {
	var all []pictureRow
	seen := map[string]bool{}
	for _, r := range runs {
		for _, name := range r.order {
			if seen[name] {
				continue
			}
			seen[name] = true
			row := pictureRow{Name: name}
			for _, other := range runs {
				row.Pictures = append(row.Pictures, other.pictures[name])
			}
			all = append(all, row)
		}
	}
	return all
}

// headline are the run's figures as a whole.
func headline(r record.Record) []number {
	figures := []number{}
	mean := func(name string, lines []series, line string, write unit) {
		for _, s := range lines {
			if s.name == line {
				figures = append(figures, number{name, write(s.mean())})
			}
		}
	}
	mean("asked", throughput(r), "asked", perSecond)
	mean("achieved", throughput(r), "achieved", perSecond)
	for _, m := range []struct{ name, text string }{{"p50", "p50 < 1h"}, {"p99", "p99 < 1h"}, {"p99.9", "p999 < 1h"}, {"max", "max(max_latency) < 1h"}} {
		figures = append(figures, number{m.name, measured(r, m.text)})
	}
	return append(figures, number{"errors", measured(r, "errors <= 100%")})
}

// measured is what an expectation measures over the whole run.
func measured(r record.Record, text string) string {
	e, err := expect.Compile(text)
	if err != nil {
		return "–"
	}
	if result := e.Judge(r.Run()); result.Measured != "" {
		return result.Measured
	}
	return "–"
}

// Clock writes a time since the start for the page.
func (runView) Clock(d time.Duration) string { return clock(d) }
