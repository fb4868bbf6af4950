// Package journal keeps a lab's faults on its volume: each is written before it is applied and stays until it is undone, so that
// whoever comes after a crash knows what stands and until when (docs/adr/0002).
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wholefile"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Clock tells the time in two ways. Faults expire by Uptime, which nobody can set, and which goes on while the machine sleeps; Now is
// for people, and for what is left of a fault after the machine has been restarted.
type Clock interface {
	Now() time.Time
	// Uptime is the time since the machine was started.
	Uptime() time.Duration
	// Boot names this start of the machine.
	Boot() string
}

// limit bounds the journal's records, far above what anybody means.
const limit = 1000

// Journal is the records in one file. Its methods may be used from many goroutines; what they return is on the disk.
type Journal struct {
	path  string
	clock Clock

	mu  sync.Mutex
	now content
}

// content is what the file holds.
type content struct {
	Boot    string  `json:"boot"`
	Last    int     `json:"last"` // of the numbers in IDs
	Entries []entry `json:"entries"`
}

type entry struct {
	wire.Record
	// Deadline is the uptime at which the fault ends, in this boot; nil: when it is healed.
	Deadline *time.Duration `json:"deadline_ns,omitempty"`
}

// ErrDamaged says that there was a journal that could not be read. It has been put aside, and the journal is empty.
var ErrDamaged = errors.New("the journal was damaged")

// Open reads the journal at path, or begins one. With ErrDamaged the journal is usable.
func Open(path string, clock Clock) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the journal's folder: %w", err)
	}
	j := &Journal{path: path, clock: clock, now: content{Boot: clock.Boot()}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	var was content
	if err := json.Unmarshal(raw, &was); err != nil {
		aside := path + ".damaged"
		if moved := os.Rename(path, aside); moved != nil {
			return nil, fmt.Errorf("put the damaged journal aside: %w", moved)
		}
		return j, fmt.Errorf("%w, and was put aside as %s: %w", ErrDamaged, aside, err)
	}
	if was.Boot != j.now.Boot {
		for i, e := range was.Entries {
			if e.Expires != nil {
				left := clock.Uptime() + e.Expires.Sub(clock.Now())
				was.Entries[i].Deadline = &left
			}
		}
		was.Boot = j.now.Boot
	}
	j.now = was
	return j, nil
}

// Put writes a record, new or in the place of the one with its ID, and gives it as it stands there.
func (j *Journal) Put(r wire.Record) (wire.Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	next := j.copy()
	if r.ID == "" {
		for r.ID == "" || slices.ContainsFunc(next.Entries, named(r.ID)) {
			next.Last++
			r.ID = fmt.Sprintf("%s-%d", r.Kind, next.Last)
		}
	}
	e := entry{Record: r}
	e.Overdue = false
	if e.Start.IsZero() {
		e.Start = j.clock.Now()
	}
	at := slices.IndexFunc(next.Entries, named(r.ID))
	switch {
	case at >= 0 && next.Entries[at].For == e.For: // written anew, it ends when it would have
		e.Deadline, e.Expires = next.Entries[at].Deadline, next.Entries[at].Expires
	case e.For > 0:
		deadline, expires := j.clock.Uptime()+e.For, e.Start.Add(e.For)
		e.Deadline, e.Expires = &deadline, &expires
	}
	if at >= 0 {
		next.Entries[at] = e
	} else if len(next.Entries) >= limit {
		return r, hint.Wrap(fmt.Errorf("the journal holds %d faults already", limit), "heal some: ddsctl fault heal --all")
	} else {
		next.Entries = append(next.Entries, e)
	}
	if err := j.write(next); err != nil {
		return r, err
	}
	return e.Record, nil
}

// Delete removes records. One that is not there is no error.
func (j *Journal) Delete(ids ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	next := j.copy()
	next.Entries = slices.DeleteFunc(next.Entries, func(e entry) bool { return slices.Contains(ids, e.ID) })
	if len(next.Entries) == len(j.now.Entries) {
		return nil
	}
	return j.write(next)
}

// Records gives all records, oldest first.
func (j *Journal) Records() []wire.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	records := make([]wire.Record, len(j.now.Entries))
	for i, e := range j.now.Entries {
		records[i] = e.Record
		records[i].Overdue = e.overdue(j.clock.Uptime())
	}
	slices.SortStableFunc(records, func(a, b wire.Record) int { return a.Start.Compare(b.Start) })
	return records
}

// Left gives how long the record has until it ends, 0 when it is overdue; forever is true where it ends with its healing, or is not there.
func (j *Journal) Left(id string) (left time.Duration, forever bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := slices.IndexFunc(j.now.Entries, named(id))
	if at < 0 || j.now.Entries[at].Deadline == nil {
		return 0, true
	}
	return max(0, *j.now.Entries[at].Deadline-j.clock.Uptime()), false
}

func (e entry) overdue(uptime time.Duration) bool { return e.Deadline != nil && *e.Deadline <= uptime }

func named(id string) func(entry) bool { return func(e entry) bool { return e.ID == id } }

func (j *Journal) copy() content {
	next := j.now
	next.Entries = slices.Clone(next.Entries)
	return next
}

// write makes next the journal, on the disk first.
func (j *Journal) write(next content) error {
	raw, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	if err := wholefile.Put(j.path, 0o600, raw); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	j.now = next
	return nil
}
