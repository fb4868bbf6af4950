package tui

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/runtime/engine"
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
	}
)

// watch follows one lab in goroutines of its own. Close ends them and waits.
type watch struct {
	session *Session
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	out     chan tea.Msg

	mu    sync.Mutex
	lines []pane.LogLine // gathered and not passed on yet
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
	w.begin(ctx, w.snapshots)
	if s.Logs != nil {
		w.begin(ctx, w.followLogs)
		w.begin(ctx, w.batchLogs)
	}
	if s.Study != nil {
		w.begin(ctx, w.study)
	}
	go func() { // ends with its watch: Close waits for the others, and this closes what they sent into
		w.wg.Wait()
		close(w.out)
	}()
	return w
}

// begin runs f in a goroutine. A panic there is carried to the program's own goroutine, which restores the terminal.
func (w *watch) begin(ctx context.Context, f func(context.Context)) {
	w.wg.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				w.send(ctx, panicMsg{r, debug.Stack()})
			}
		}()
		f(ctx)
	})
}

// panicMsg is a panic of another goroutine.
type panicMsg struct {
	value any
	stack []byte
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
		if lost == nil || errors.Is(lost, engine.ErrNotFound) {
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

// followLogs gathers lines, and begins again whenever they end.
func (w *watch) followLogs(ctx context.Context) {
	for ctx.Err() == nil {
		_ = w.session.Logs.FollowLogs(ctx, func(l pane.LogLine) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.lines) < keptLines {
				w.lines = append(w.lines, l)
			}
		})
		if !pause(ctx, lastRetry) {
			return
		}
	}
}

// batchLogs passes on what was gathered in a moment, so that a talkative lab costs few drawings.
func (w *watch) batchLogs(ctx context.Context) {
	ticker := time.NewTicker(logBatch)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.mu.Lock()
			batch := w.lines
			w.lines = nil
			w.mu.Unlock()
			if len(batch) > 0 {
				w.send(ctx, logsMsg{w, batch})
			}
		}
	}
}

// study asks what the lab gives a learner. A lab without exercises or scenarios is no failure: there is nothing to show then.
func (w *watch) study(ctx context.Context) {
	exercises, _ := w.session.Study.Exercises(ctx)
	scenarios, _ := w.session.Study.Scenarios(ctx)
	w.send(ctx, studyMsg{w, exercises, scenarios})
}

// restudy asks for the exercises again, after a check.
func (w *watch) restudy(ctx context.Context) tea.Cmd {
	if w == nil || w.session.Study == nil {
		return nil
	}
	return func() tea.Msg {
		exercises, _ := w.session.Study.Exercises(ctx)
		return studyMsg{watch: w, exercises: exercises}
	}
}
