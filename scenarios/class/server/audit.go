package server

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Entry is a line of the audit log: who did what, from where, and what became of it. It never holds a token or a secret.
type Entry struct {
	Time    time.Time `json:"time"`
	Action  string    `json:"action"`           // join, login, submit, read, evidence, export, remove, reset, backup, start, stop
	Actor   string    `json:"actor"`            // instructor, a student's ID, or nobody
	Address string    `json:"address"`          // without the port
	Outcome string    `json:"outcome"`          // done, again, refused, failed
	About   string    `json:"about,omitempty"`  // a student's ID
	Detail  string    `json:"detail,omitempty"` // a lab, a name, a reason
}

// The outcomes of an Entry.
const (
	done    = "done"
	again   = "again" // a submission that was there already
	refused = "refused"
	failed  = "failed"
)

// nobody is the actor of whoever did not say who they are, or could not prove it.
const (
	nobody     = "nobody"
	instructor = "instructor"
)

// audit writes entries as JSON, a line each.
type audit struct {
	mu  sync.Mutex
	out io.Writer
	now func() time.Time
	// broken is the first error: what cannot be written is said once, and the class goes on.
	broken func(error)
	once   sync.Once
}

func (a *audit) add(e Entry) {
	e.Time = a.now().UTC()
	line, err := json.Marshal(e)
	if err == nil {
		a.mu.Lock()
		_, err = a.out.Write(append(line, '\n'))
		a.mu.Unlock()
	}
	if err != nil {
		a.once.Do(func() { a.broken(err) })
	}
}
