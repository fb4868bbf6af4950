package server

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

const (
	followAgain = time.Second
	liveAtMost  = time.Second // a page is told of changes that often at most
	heartbeat   = 15 * time.Second
)

// live is the class as the store's watch tells it.
type live struct {
	course board.Course
	ready  chan struct{} // closed when the class is known
	ended  chan struct{} // closed when the server ends
	known  sync.Once
	// submitted gets each submission that is told of. Nil for nobody.
	submitted func(class.Record)

	mu      sync.RWMutex
	board   *board.Board
	next    *board.Board // being read anew; the old one is shown meanwhile
	class   store.Class
	stale   bool
	version uint64
	changed chan struct{} // closed at the next change
}

func newLive(course board.Course) *live {
	return &live{course: course, ready: make(chan struct{}), ended: make(chan struct{}), board: board.New(course), changed: make(chan struct{})}
}

// follow keeps the live class up to date until ctx ends. Where the store is lost, it tries again and says on the page that what is
// shown is old.
func (s *Server) follow(ctx context.Context) {
	for {
		err := s.store.Follow(ctx, s.live.apply, s.live.publish)
		if ctx.Err() != nil {
			return
		}
		s.errors.Printf("the store is lost, trying again: %v", err)
		s.live.lost()
		pause := time.NewTimer(followAgain)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

func (l *live) apply(c store.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	target := l.board
	if l.next != nil {
		target = l.next
	}
	switch {
	case c.Reset:
		l.next = board.New(l.course)
	case c.Joined != nil:
		target.Join(*c.Joined)
	case c.Left != "":
		target.Leave(c.Left)
	case c.Submitted != nil:
		target.Submit(*c.Submitted)
		if l.submitted != nil {
			l.submitted(*c.Submitted)
		}
	case c.Class != nil:
		l.class = *c.Class
	}
}

func (l *live) publish() {
	l.mu.Lock()
	if l.next != nil {
		l.board, l.next = l.next, nil
	}
	l.stale = false
	l.wake()
	l.mu.Unlock()
	l.known.Do(func() { close(l.ready) })
}

// told has pages drawn anew.
func (l *live) told() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake()
}

func (l *live) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stale = true
	l.wake()
}

func (l *live) wake() {
	l.version++
	close(l.changed)
	l.changed = make(chan struct{})
}

// end lets go of whoever watches.
func (l *live) end() { close(l.ended) }

// wait waits until the class has been read for the first time.
func (l *live) wait(ctx context.Context) error {
	select {
	case <-l.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// state is what can change, and a channel that is closed when it does.
func (l *live) state() (version uint64, changed <-chan struct{}) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.version, l.changed
}

func (l *live) view() (view board.View, version uint64, stale bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.board.View(), l.version, l.stale
}

func (l *live) row(id string) (board.Row, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.board.Row(id)
}

func (l *live) size(id string) board.Size {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.board.Size(id)
}

func (l *live) student(id string) (class.Student, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.board.Student(id)
}

func (l *live) kept() store.Class {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.class
}

// watch tells a page when the board has changed: server-sent events with the board's version.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	select {
	case s.watchers <- struct{}{}:
		defer func() { <-s.watchers }()
	default:
		s.fail(w, http.StatusServiceUnavailable, "too many pages are watching")
		return
	}
	flow := http.NewResponseController(w)
	_ = flow.SetReadDeadline(time.Time{}) // the request is read; its limit must not end the answer
	w.Header().Set("Content-Type", "text/event-stream")
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	told := uint64(0)
	for {
		version, changed := s.live.state()
		text := ": still here\n\n"
		if version != told {
			text, told = fmt.Sprintf("event: board\ndata: %d\n\n", version), version
		}
		_ = flow.SetWriteDeadline(time.Now().Add(answerMost)) // of the connection, on the real clock
		if _, err := fmt.Fprint(w, text); err != nil || flow.Flush() != nil {
			return
		}
		if !s.pause(r.Context(), liveAtMost) {
			return
		}
		select {
		case <-changed:
		case <-beat.C:
		case <-r.Context().Done():
			return
		case <-s.live.ended:
			return
		}
		if !s.instructor(r) { // the ticket's time is over, or the tokens are new
			return
		}
	}
}

func (s *Server) pause(ctx context.Context, long time.Duration) bool {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.live.ended:
	}
	return false
}
