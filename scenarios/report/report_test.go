package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/figure"
	"github.com/ddsctl/ddsctl/scenarios/history"
	"github.com/ddsctl/ddsctl/scenarios/record"
)

// shardLoss is a made-up run: a shard dies after ten seconds and is back ten seconds later.
func shardLoss(variant string, lost float64) record.Record {
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	r := record.Record{Scenario: "shard-loss", Title: "A shard is lost", Summary: "What a dead shard costs.", Lab: "sharded-redis", Project: "sharded-redis",
		Variant: variant, Seed: 7, Start: start, End: start.Add(30 * time.Second),
		Environment: record.Environment{Ddsctl: "v0.1.0", Engine: "docker 28.2.2", Kernel: "6.12", OS: "linux", Arch: "amd64", CPUs: 2},
		Phases: []record.Phase{{Name: "steady", End: 10 * time.Second}, {Name: "loss", Start: 10 * time.Second, End: 20 * time.Second},
			{Name: "recovery", Start: 20 * time.Second, End: 30 * time.Second}},
		Steps: []record.Step{
			{Name: "kill", Phase: "loss", Kind: "fault", Text: "kill redis-2", State: record.Done, At: 10 * time.Second, Took: 40 * time.Millisecond, Fault: "f1"},
			{Name: "heal", Phase: "recovery", Kind: "heal", Text: "heal kill", State: record.Done, At: 20 * time.Second, Took: 300 * time.Millisecond},
		},
		Histories: []record.History{{Name: "keys", Result: history.Result{Model: history.Set, Verdict: expect.Holds, Counts: map[string]int{"ok": 10}}}},
	}
	for i := range 60 {
		at := start.Add(time.Duration(i+1) * 500 * time.Millisecond)
		down := i >= 20 && i < 40
		p99, failing, phase := 0.004+0.001*math.Sin(float64(i)), 0.0, engine.PhaseRunning
		var faults []telemetry.Fault
		if down {
			p99, failing, phase = 0.4, lost, engine.PhaseExited
			faults = []telemetry.Fault{{ID: "f1", Kind: "kill", Target: "redis-2", Start: start.Add(10 * time.Second), Verified: "yes"}}
		}
		busy, memory := 0.1+0.05*math.Sin(float64(i)/5), int64(9_000_000+i*10_000)
		s := telemetry.Snapshot{Time: at, Window: 500 * time.Millisecond, Faults: faults, Traffic: []telemetry.Traffic{{
			Workload: "redis", Asked: 500, Achieved: 500, Succeeded: 500 * (1 - failing),
			Latency:   telemetry.Latency{Count: 250, P50: 0.001, P90: 0.002, P99: p99, P999: 2 * p99, Max: 3 * p99},
			Histogram: []telemetry.Bucket{{UpTo: 0.001, Count: 120}, {UpTo: 0.002, Count: 100}, {UpTo: p99, Count: 30}},
		}}}
		if down {
			s.Traffic[0].Errors = map[string]float64{"server": 500 * lost}
		}
		for n := range 3 {
			name := fmt.Sprintf("redis-%d", n+1)
			node := telemetry.Node{Name: name, Service: name, Kind: "redis", Role: "shard", Phase: engine.PhaseRunning, CPU: &busy, Memory: &memory,
				Stats: map[string]float64{"keys": float64(1000 + i*n)}}
			if n == 1 {
				node.Phase = phase
			}
			s.Nodes = append(s.Nodes, node)
			s.Links = append(s.Links, telemetry.Link{From: "twemproxy", To: name, Port: 6379, Observed: true,
				Forward: telemetry.LinkFlow{BytesPerSecond: 20_000 + float64(1000*n)}, Backward: telemetry.LinkFlow{BytesPerSecond: 30_000}})
		}
		s.Nodes = append(s.Nodes, telemetry.Node{Name: "twemproxy", Kind: "twemproxy", Role: "ambassador", Phase: engine.PhaseRunning},
			telemetry.Node{Name: "client", Kind: "client", Role: "client", Phase: engine.PhaseRunning})
		s.Links = append(s.Links, telemetry.Link{From: "client", To: "twemproxy", Forward: telemetry.LinkFlow{BytesPerSecond: 60_000}})
		r.Snapshots = append(r.Snapshots, s)
	}
	r.Faults = record.FaultSpans(r.Start, r.End, r.Snapshots)
	var expectations []expect.Expectation
	for _, text := range []string{"p99 < 50ms during steady", "errors > 20% between kill and heal", "errors < 0.1% after heal within 5s", "cpu{node=nobody} < 1"} {
		e, err := expect.Compile(text)
		if err != nil {
			panic(err)
		}
		expectations = append(expectations, e)
	}
	r.Judge(expectations)
	return r
}

func TestAPageNeedsNothingBesideItAndTellsEverything(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, HTML(&out, shardLoss("", 0.33)))
	text := out.String()
	for _, want := range []string{"A shard is lost", "p99 &lt; 50ms during steady", "kill redis-2", "Latency heat map", "twemproxy", "docker 28.2.2", "seed 7", "unknown"} {
		require.Contains(t, text, want)
	}
	for _, never := range []string{"http://", "https://", "<script", "@import"} {
		require.NotContains(t, strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""), never)
	}
}

func TestAFigureShowsWhatWasMeasuredAndItsFormula(t *testing.T) {
	r := shardLoss("", 0.33)
	require.NoError(t, r.Draw([]figure.Spec{
		{Title: "Errors, by what is dead", Parameter: "shards", Lines: []figure.Line{
			{Name: "seen", Value: "errors", At: map[string]float64{"steady": 0, "loss": 1}}, {Name: "a third each", Formula: "x/3"}}},
		{Title: "Nothing", Parameter: "x", Scale: figure.Log, Lines: []figure.Line{{Name: "nobody", Value: "cpu{node=nobody}", At: map[string]float64{"steady": 1}}, {Name: "one", Formula: "1"}}},
	}))
	pictures := Pieces(r)
	require.Equal(t, "figure-1", pictures[0].Name)
	require.Equal(t, "figure-2", pictures[1].Name)
	var first, second bytes.Buffer
	require.NoError(t, pictures[0].Scene.SVG(&first))
	for _, want := range []string{"Errors, by what is dead", "shards", "seen: 33 % at 1 shards", "seen: 0 % at 0 shards", "a third each"} {
		require.Contains(t, first.String(), want)
	}
	require.NoError(t, pictures[1].Scene.SVG(&second))
	require.Contains(t, second.String(), "nothing was measured")
	var page bytes.Buffer
	require.NoError(t, HTML(&page, r))
	require.Contains(t, page.String(), "seen: 33 % at 1 shards")
}

func TestWordsOfALabCannotBecomeMarkup(t *testing.T) {
	r := shardLoss("", 0.33)
	evil := `<img src=x onerror=alert(1)>"&`
	r.Title, r.Lab, r.Steps[0].Text, r.Faults[0].Target = evil, evil, evil, evil
	r.Snapshots[0].Nodes[0].Name = evil
	var out bytes.Buffer
	require.NoError(t, HTML(&out, r))
	require.NotContains(t, out.String(), "<img")
}

func TestRunsAreComparedOnTheSameScales(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, HTML(&out, shardLoss("", 0.33), shardLoss("eject", 0.02)))
	require.Contains(t, out.String(), "1 · sharded-redis")
	require.Contains(t, out.String(), "2 · sharded-redis (eject)")
	s := shared([]record.Record{shardLoss("", 0.33), shardLoss("eject", 0.02)})
	require.InDelta(t, 165, s.errors, 0.001)
}

func TestEachPieceIsAPictureInBothForms(t *testing.T) {
	for _, p := range Pieces(shardLoss("", 0.33)) {
		t.Run(p.Name, func(t *testing.T) {
			var svg, raster bytes.Buffer
			require.NoError(t, p.Scene.SVG(&svg))
			decoder := xml.NewDecoder(&svg)
			for {
				if _, err := decoder.Token(); err != nil {
					require.ErrorIs(t, err, io.EOF)
					break
				}
			}
			require.NoError(t, p.Scene.PNG(&raster, 1))
			image, err := png.Decode(&raster)
			require.NoError(t, err)
			require.Equal(t, int(p.Scene.Width), image.Bounds().Dx())
			colors := map[any]bool{}
			for x := 0; x < image.Bounds().Dx(); x += 2 {
				for y := 0; y < image.Bounds().Dy(); y += 2 {
					colors[image.At(x, y)] = true
				}
			}
			require.Greater(t, len(colors), 3, "something is drawn")
		})
	}
}

func TestARunWithoutAnythingIsStillDrawn(t *testing.T) {
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	require.NoError(t, HTML(&out, record.Record{Scenario: "empty", Start: start, End: start}))
	require.Contains(t, out.String(), "nothing was measured")
	require.Error(t, HTML(&out))
}

func TestAFullDiskIsAnError(t *testing.T) {
	require.Error(t, HTML(fullDisk{}, shardLoss("", 0.33)))
	for _, p := range Pieces(shardLoss("", 0.33))[:1] {
		require.Error(t, p.Scene.SVG(fullDisk{}))
		require.Error(t, p.Scene.PNG(fullDisk{}, 1))
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestWriteSample writes the pages and pictures to the folder REPORT_SAMPLE, to be looked at.
func TestWriteSample(t *testing.T) {
	dir := os.Getenv("REPORT_SAMPLE")
	if dir == "" {
		t.Skip("set REPORT_SAMPLE to a folder")
	}
	for name, runs := range map[string][]record.Record{"one": {shardLoss("", 0.33)}, "two": {shardLoss("", 0.33), shardLoss("eject", 0.02)}} {
		file, err := os.Create(filepath.Join(dir, name+".html"))
		require.NoError(t, err)
		require.NoError(t, HTML(file, runs...))
		require.NoError(t, file.Close())
	}
	for _, p := range Pieces(shardLoss("", 0.33)) {
		file, err := os.Create(filepath.Join(dir, p.Name+".png"))
		require.NoError(t, err)
		require.NoError(t, p.Scene.PNG(file, 2))
		require.NoError(t, file.Close())
	}
}
