package dictionary

import (
	"sync"
	"time"
)

// sessions are what this replica remembers of its readers, in its memory and nowhere else.
type sessions struct {
	mu      sync.Mutex
	most    int
	idle    time.Duration
	visits  map[string]visit
	swept   time.Time
	started uint64
}

type visit struct {
	lookups int
	last    time.Time
}

func newSessions(most int, idle time.Duration) *sessions {
	return &sessions{most: most, idle: idle, visits: map[string]visit{}}
}

// look counts a lookup of the reader's session. fresh says that this replica knew of no such session; kept, that it remembers it from
// now on: when its memory is full it does not.
func (s *sessions) look(id string, now time.Time) (lookups int, fresh, kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	v, known := s.visits[id]
	if !known {
		s.started++
		if len(s.visits) >= s.most {
			return 1, true, false
		}
	}
	v.lookups, v.last = v.lookups+1, now
	s.visits[id] = v
	return v.lookups, !known, true
}

// sweep forgets sessions that nobody used for long. It looks at all of them, so it does it a few times in that while only.
func (s *sessions) sweep(now time.Time) {
	if s.idle <= 0 || now.Sub(s.swept) < s.idle/4 {
		return
	}
	s.swept = now
	for id, v := range s.visits {
		if now.Sub(v.last) >= s.idle {
			delete(s.visits, id)
		}
	}
}

// forget empties the memory, as a restart would.
func (s *sessions) forget() (sessions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions = len(s.visits)
	clear(s.visits)
	return sessions
}

func (s *sessions) size() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(len(s.visits))
}

func (s *sessions) begun() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(s.started)
}
