package tui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/pane"
)

// Messages from the watched lab. Each carries the watch it comes from, so that what an old one still says is dropped.
type (
	snapshotMsg struct {
		watch    *watch
		snapshot telemetry.Snapshot
	}
	lostMsg struct {
		watch   *watch
		err     error
		attempt int
		again   time.Duration
	}
	endedMsg struct{ watch *watch }
	logsMsg  struct {
		watch *watch
		lines []pane.LogLine
	}
	studyMsg struct {
		watch     *watch
		exercises []pane.Exercise
		scenarios []string
		err       error
	}
)

// watch follows one lab in goroutines of its own. Close ends them and waits.
type watch struct {
	session *Session
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	out     chan tea.Msg
}

// Waiting times between attempts to reach a lab again.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 5 * time.Second
	logBatch   = 150 * time.Millisecond
)

func startWatch(ctx context.Context, s *Session) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{session: s, cancel: cancel, out: make(chan tea.Msg, 16)}
	w.wg.Go(func() { w.snapshots(ctx) })
	if s.Logs != nil {
		w.wg.Go(func() { w.logs(ctx) })
	}
	if s.Study != nil {
		w.wg.Go(func() { w.study(ctx) })
	}
	go func() { // ends with its watch: Close waits for the others, and this closes what they sent into
		w.wg.Wait()
		close(w.out)
	}()
	return w
}

// next is the command that waits for the watch's next message.
func (w *watch) next() tea.Cmd {
	return func() tea.Msg {
		msg, ok := <-w.out
		if !ok {
			return nil
		}
		return watched{w, msg}
	}
}

// watched wraps a message so that the model asks for the one after it.
type watched struct {
	watch *watch
	msg   tea.Msg
}

func (w *watch) send(ctx context.Context, msg tea.Msg) {
	select {
	case w.out <- msg:
	case <-ctx.Done():
	}
}

func (w *watch) close() {
	w.cancel()
	for range w.out { // until the last goroutine is over
	}
	if w.session.Close != nil {
		_ = w.session.Close()
	}
}

// snapshots follows the Source, and begins again whenever it is lost.
func (w *watch) snapshots(ctx context.Context) {
	wait, attempt := firstRetry, 0
	for ctx.Err() == nil {
		var lost error
		for s, err := range w.session.Source.Snapshots(ctx) {
			if err != nil {
				lost = err
				break
			}
			wait, attempt = firstRetry, 0
			w.send(ctx, snapshotMsg{w, s})
		}
		if ctx.Err() != nil {
			return
		}
		if lost == nil {
			w.send(ctx, endedMsg{w})
			return
		}
		attempt++
		w.send(ctx, lostMsg{w, lost, attempt, wait})
		if !pause(ctx, wait) {
			return
		}
		wait = min(wait*2, lastRetry)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// logs gathers lines for a moment, so that a talkative lab costs few drawings.
func (w *watch) logs(ctx context.Context) {
	var mu sync.Mutex
	var lines []pane.LogLine
	var follow sync.WaitGroup
	follow.Go(func() {
		for ctx.Err() == nil {
			_ = w.session.Logs.FollowLogs(ctx, func(l pane.LogLine) {
				mu.Lock()
				defer mu.Unlock()
				if len(lines) < keptLines {
					lines = append(lines, l)
				}
			})
			if !pause(ctx, lastRetry) {
				return
			}
		}
	})
	defer follow.Wait()
	ticker := time.NewTicker(logBatch)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			mu.Lock()
			batch := lines
			lines = nil
			mu.Unlock()
			if len(batch) > 0 {
				w.send(ctx, logsMsg{w, batch})
			}
		}
	}
}

func (w *watch) study(ctx context.Context) {
	exercises, err := w.session.Study.Exercises(ctx)
	scenarios, other := w.session.Study.Scenarios(ctx)
	if err == nil {
		err = other
	}
	w.send(ctx, studyMsg{w, exercises, scenarios, err})
}

// restudy asks for the exercises again, after a check.
func (w *watch) restudy(ctx context.Context) tea.Cmd {
	if w == nil || w.session.Study == nil {
		return nil
	}
	return func() tea.Msg {
		exercises, err := w.session.Study.Exercises(ctx)
		return studyMsg{watch: w, exercises: exercises, err: err}
	}
}
