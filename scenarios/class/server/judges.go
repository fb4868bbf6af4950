package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

// Judge grades evidence anew. It follows from what it is given alone, so that nothing of it is stored: each server finds it for itself.
type Judge func(lab, exercise string, compressed []byte, digest string) class.Judgement

// piece is evidence that was named in a submission.
type piece struct{ student, lab, exercise, digest string }

// matter is what a piece is evidence of, whoever handed it in.
type matter struct{ lab, exercise, digest string }

// judges has evidence graded, one piece after another: a student's evidence may take long to judge, and nobody waits for it.
type judges struct {
	judge Judge
	more  chan struct{}

	mu    sync.Mutex
	todo  []piece
	seen  map[piece]bool // in todo, or judged
	found map[matter]class.Judgement
}

func newJudges(judge Judge) *judges {
	return &judges{judge: judge, more: make(chan struct{}, 1), seen: map[piece]bool{}, found: map[matter]class.Judgement{}}
}

// known is the judgement on evidence, and false as long as there is none.
func (j *judges) known(lab, exercise, digest string) (class.Judgement, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	found, known := j.found[matter{lab, exercise, digest}]
	return found, known
}

// take takes the evidence that a submission names.
func (j *judges) take(r class.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, e := range r.Exercises {
		p := piece{r.Student, r.Lab, id, e.Evidence}
		if e.Evidence == "" || j.seen[p] {
			continue
		}
		j.seen[p] = true
		j.todo = append(j.todo, p)
	}
	if len(j.todo) > 0 {
		select {
		case j.more <- struct{}{}:
		default:
		}
	}
}

func (j *judges) next() (piece, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.todo) == 0 {
		return piece{}, false
	}
	p := j.todo[0]
	j.todo = j.todo[1:]
	return p, true
}

// settle keeps a judgement. What is missing is looked for again when it is named again.
func (j *judges) settle(p piece, found class.Judgement) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := matter{p.lab, p.exercise, p.digest}
	if found.Verdict == class.Missing {
		delete(j.seen, p)
		if _, known := j.found[at]; known {
			return // another student has handed it in
		}
	}
	j.found[at] = found
}

// again gives a piece back that could not be read.
func (j *judges) again(p piece) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.todo = append(j.todo, p)
}

// judgeEvidence judges what comes, until ctx ends.
func (s *Server) judgeEvidence(ctx context.Context) {
	for ctx.Err() == nil {
		p, some := s.judges.next()
		if !some {
			s.live.told() // pages show what was found
			select {
			case <-s.judges.more:
			case <-ctx.Done():
			}
			continue
		}
		compressed, err := s.store.Evidence(ctx, p.student, p.lab, p.exercise, p.digest)
		switch {
		case errors.Is(err, store.ErrNoEvidence):
			s.judges.settle(p, class.Judgement{Verdict: class.Missing, Why: "it was named and not handed in"})
		case err != nil:
			s.judges.again(p)
			pause := time.NewTimer(followAgain)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
			}
		default:
			s.judges.settle(p, s.judges.judge(p.lab, p.exercise, compressed, p.digest))
		}
	}
}
