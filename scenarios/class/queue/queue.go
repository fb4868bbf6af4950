// Package queue holds submissions on the student's disk until the server has them.
//
// A submission is a file that is written whole or not at all, and synced, before Add returns. It goes when the server has acknowledged it.
// Whatever is interrupted in between, the file is sent again with the same key, and the server counts it once.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wholefile"
	"github.com/ddsctl/ddsctl/scenarios/class"
)

const (
	suffix     = ".json"
	refusedDir = "refused"
	sentFile   = "sent"
)

// Queue is a folder of submissions.
type Queue struct{ dir string }

// Open is the queue in a folder, which is made where it is not there.
func Open(dir string) (Queue, error) {
	if err := os.MkdirAll(filepath.Join(dir, refusedDir), 0o700); err != nil {
		return Queue{}, hint.Wrap(fmt.Errorf("open the queue of submissions: %w", err), "set XDG_STATE_HOME to a folder that can be written")
	}
	return Queue{dir: dir}, nil
}

// Add puts a submission into the queue. It is on disk when Add returns.
func (q Queue) Add(s class.Submission) error {
	if err := s.Check(); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	// By time, for people; the order does not matter to the server.
	name := s.Time.UTC().Format("20060102T150405.000000000") + "-" + s.Key + suffix
	if err := wholefile.Put(filepath.Join(q.dir, name), 0o600, text); err != nil {
		return fmt.Errorf("put the submission into the queue: %w", err)
	}
	return nil
}

// Len is how many submissions wait.
func (q Queue) Len() (int, error) {
	files, err := q.files()
	return len(files), err
}

func (q Queue) files() ([]string, error) {
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		return nil, fmt.Errorf("read the queue of submissions: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), suffix) && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Sent is what became of a submission that was sent.
type Sent struct {
	Receipt class.Receipt
	// Refused is why the server will never take it; it was put aside.
	Refused error
	File    string
}

// Sender hands a submission in. The error is Later where it should be kept and sent again.
type Sender func(context.Context, class.Submission) (class.Receipt, error)

// Send sends what waits, the oldest first, until the queue is empty or later says that the server takes no more now: that error is
// returned with what was sent until then. One process at a time sends.
func (q Queue) Send(ctx context.Context, send Sender, later func(error) bool) (sent []Sent, err error) {
	guard := flock.New(filepath.Join(q.dir, "lock"))
	if err := guard.Lock(); err != nil {
		return nil, fmt.Errorf("lock the queue of submissions: %w", err)
	}
	defer func() { _ = guard.Unlock() }()
	names, err := q.files()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s, err := q.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var one Sent
		if err == nil {
			one.Receipt, err = send(ctx, s)
			if err != nil && (later(err) || ctx.Err() != nil) {
				return sent, err
			}
		}
		if err != nil {
			one.Refused, one.File = err, filepath.Join(q.dir, refusedDir, name)
			err = os.Rename(filepath.Join(q.dir, name), one.File)
		} else {
			err = os.Remove(filepath.Join(q.dir, name))
		}
		if err == nil {
			err = wholefile.SyncFolder(q.dir)
		}
		sent = append(sent, one)
		if err != nil {
			return sent, fmt.Errorf("take a submission out of the queue: %w", err)
		}
	}
	return sent, nil
}

func (q Queue) read(name string) (s class.Submission, err error) {
	text, err := os.ReadFile(filepath.Join(q.dir, name))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", name, err)
	}
	return s, s.Check()
}

// Memory is what was put into the queue before, by lab: what has not changed since is not put there again.
type Memory map[string]Remembered

// Remembered is what was put into the queue for a lab.
type Remembered struct {
	// State is the digest of all exercises, Evidence the digests of the evidence that went along.
	State    string            `json:"state"`
	Evidence map[string]string `json:"evidence,omitempty"`
}

// Memory reads what was put into the queue before. What cannot be read is forgotten: then something is sent twice, which costs nothing.
func (q Queue) Memory() Memory {
	m := Memory{}
	if text, err := os.ReadFile(filepath.Join(q.dir, sentFile)); err == nil {
		_ = json.Unmarshal(text, &m)
	}
	if m == nil {
		m = Memory{}
	}
	return m
}

// Remember keeps what was put into the queue.
func (q Queue) Remember(m Memory) error {
	text, err := json.Marshal(m)
	if err == nil {
		err = wholefile.Put(filepath.Join(q.dir, sentFile), 0o600, text)
	}
	if err != nil {
		return fmt.Errorf("remember what was submitted: %w", err)
	}
	return nil
}
