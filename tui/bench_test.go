package tui

import (
	"testing"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/synth"
)

// BenchmarkFrame computes a whole frame of 100 nodes and 400 links at 200 by 60, escape sequences and all.
func BenchmarkFrame(b *testing.B) {
	lab := synth.New(synth.Hundred(), 1, start)
	m := shown(b, Options{Now: time.Now, Session: &Session{Project: "hundred", Source: none{}}}, 200, 60, []telemetry.Snapshot{lab.Next(), lab.Next(), lab.Next()})
	for b.Loop() {
		m.phase++
		m.dirty = true
		m.View()
	}
}

// BenchmarkSnapshot takes a Snapshot of that lab in and computes the frame.
func BenchmarkSnapshot(b *testing.B) {
	lab := synth.New(synth.Hundred(), 1, start)
	m := shown(b, Options{Now: time.Now, Session: &Session{Project: "hundred", Source: none{}}}, 200, 60, []telemetry.Snapshot{lab.Next(), lab.Next(), lab.Next()})
	next := lab.Next()
	for b.Loop() {
		m.take(snapshotMsg{m.watch, next})
		m.View()
	}
}

// BenchmarkFirstFrame lays that lab out anew and computes the frame.
func BenchmarkFirstFrame(b *testing.B) {
	lab := synth.New(synth.Hundred(), 1, start)
	next := lab.Next()
	for b.Loop() {
		m := shown(b, Options{Now: time.Now, Session: &Session{Project: "hundred", Source: none{}}}, 200, 60, []telemetry.Snapshot{next})
		m.View()
		m.Close()
	}
}
