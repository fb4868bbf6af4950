package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/ddsctl/ddsctl/scenarios/play"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/script"
)

// timeline shows a scenario's run as it goes: what was done, a line each, and on a terminal a last line that moves: the phases, how
// far it is, and the traffic now.
type timeline struct {
	app    *app
	script *script.Scenario
	live   bool

	mu     sync.Mutex
	phase  string
	at     time.Duration
	faults int
	drawn  bool
	last   string
}

func newTimeline(a *app, s *script.Scenario) *timeline {
	_, live := terminalFile(a.stderr)
	return &timeline{app: a, script: s, live: live}
}

func (t *timeline) event(e play.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = e.At
	switch e.Kind {
	case play.EventSettle:
		t.line("waiting until the lab is at rest: %s", e.Text)
	case play.EventPhase:
		t.phase = e.Phase
		t.line("%s  phase %s, %s", stamp(e.At), t.bold(e.Phase), e.Text)
	case play.EventWait:
		t.line("%s    waiting for %s", stamp(e.At), e.Text)
	case play.EventStep:
		t.step(e)
	case play.EventSample:
		if e.Now == nil || t.phase == "" {
			return
		}
		t.faults = len(e.Now.Faults)
		var asked, achieved, failed, p99 float64
		for _, w := range e.Now.Traffic {
			asked, achieved, failed = asked+w.Asked, achieved+w.Achieved, failed+w.Achieved-w.Succeeded
			p99 = max(p99, w.Latency.P99)
		}
		share := 0.0
		if achieved > 0 {
			share = failed / achieved
		}
		t.draw(fmt.Sprintf("%s %s  %.0f of %.0f req/s  errors %.1f%%  p99 %s%s", t.bar(e), stamp(e.At), achieved, asked, 100*share,
			time.Duration(p99*float64(time.Second)).Round(100*time.Microsecond), map[bool]string{true: fmt.Sprintf("  %d faults", t.faults)}[t.faults > 0]))
	}
}

func (t *timeline) step(e play.Event) {
	words := e.Text
	if e.Step.State != record.Done {
		words += ": " + t.paint(e.Step.State+": "+e.Step.Error, lipgloss.NewStyle().Foreground(lipgloss.Red))
	}
	t.line("%s    %s", stamp(e.Step.At), words)
}

// bar is how far the run is, a piece for each phase.
func (t *timeline) bar(e play.Event) string {
	const width = 24
	full, empty, fault := "━", "─", "▬"
	if t.app.ascii() {
		full, empty, fault = "=", "-", "#"
	}
	done := int(float64(width) * float64(e.At) / float64(max(e.Total, 1)))
	done = min(max(done, 0), width)
	mark := full
	if t.faults > 0 {
		mark = fault
	}
	return strings.Repeat(full, max(0, done-1)) + strings.Repeat(mark, min(done, 1)) + strings.Repeat(empty, width-done)
}

func stamp(d time.Duration) string { return fmt.Sprintf("%5.1fs", d.Seconds()) }

func (t *timeline) bold(text string) string { return t.paint(text, lipgloss.NewStyle().Bold(true)) }

func (t *timeline) paint(text string, style lipgloss.Style) string {
	return t.app.paintErr(text, style)
}

// line prints a line for good, above the one that moves.
func (t *timeline) line(format string, args ...any) {
	t.clear()
	t.app.say(format, args...)
	if t.live && t.last != "" {
		t.draw(t.last)
	}
}

func (t *timeline) draw(text string) {
	if !t.live {
		return
	}
	t.clear()
	t.last = text
	_, _ = fmt.Fprint(t.app.stderr, ansi.Truncate(text, max(t.app.width(t.app.stderr)-1, 10), ""))
	t.drawn = true
}

func (t *timeline) clear() {
	if t.drawn {
		_, _ = fmt.Fprint(t.app.stderr, "\r\x1b[K")
		t.drawn = false
	}
}

// close takes the moving line away.
func (t *timeline) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	t.last = ""
}
