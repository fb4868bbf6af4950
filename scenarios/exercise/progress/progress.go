// Package progress remembers what a learner has done: attempts, hints taken, answers revealed, points. One file a lab, below
// XDG_STATE_HOME, written whole or not at all, so that a crash loses nothing and an older ddsctl does not destroy what a newer one wrote.
package progress

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/gofrs/flock"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wholefile"
)

// Version is the version of the files that this package writes.
const Version = 1

// Attempt is one try at an exercise.
type Attempt struct {
	Time    time.Time `json:"time"`
	Answer  string    `json:"answer,omitempty"`
	Passed  bool      `json:"passed"`
	Points  float64   `json:"points"` // before hints are paid
	Verdict string    `json:"verdict"`
}

// Exercise is what a learner has done with one exercise.
type Exercise struct {
	Attempts []Attempt `json:"attempts,omitempty"`
	// Hints is how many were taken, Paid what they cost.
	Hints int `json:"hints,omitempty"`
	Paid  int `json:"paid,omitempty"`
	// Revealed is when the answer was asked for; what is passed later gives no points.
	Revealed *time.Time `json:"revealed,omitempty"`
	// Passed is when it was first passed.
	Passed *time.Time `json:"passed,omitempty"`
	// Best are the points of the best attempt, hints paid.
	Best float64 `json:"best"`
}

// Lab is what a learner has done with one lab.
type Lab struct {
	Version   int                  `json:"version"`
	Lab       string               `json:"lab"`
	Exercises map[string]*Exercise `json:"exercises"`
	// Rest is what a newer version wrote and this one does not know.
	Rest map[string]json.RawMessage `json:"-"`
}

// Of is an exercise's state; what was never touched is empty.
func (l Lab) Of(id string) Exercise {
	if e := l.Exercises[id]; e != nil {
		return *e
	}
	return Exercise{}
}

// Missing are the exercises that have to be passed before ex and are not.
func (l Lab) Missing(ex format.Exercise) []string {
	return slices.DeleteFunc(slices.Clone(ex.Needs), func(id string) bool { return l.Of(id).Passed != nil })
}

// Store is a folder of progress.
type Store struct {
	dir string
	now func() time.Time
}

// New returns the Store in dir; "" is the user's own. now is time.Now where nil.
func New(dir string, now func() time.Time) Store {
	if dir == "" {
		dir = filepath.Join(xdg.StateHome, "ddsctl", "progress")
	}
	if now == nil {
		now = time.Now
	}
	return Store{dir: dir, now: now}
}

func (s Store) path(lab string) string { return filepath.Join(s.dir, plain(lab)+".json") }

// plain is a name as it can be a file's.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' || r < ' ' {
			return '_'
		}
		return r
	}, name)
	if strings.Trim(name, ".") == "" {
		return "_"
	}
	return name
}

// Load reads what was done with a lab; nothing was done with one that has no file. A file that cannot be read is an error and is left as
// it is.
func (s Store) Load(lab string) (Lab, error) {
	fresh := Lab{Version: Version, Lab: lab, Exercises: map[string]*Exercise{}}
	text, err := os.ReadFile(s.path(lab))
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("read the progress: %w", err)
	}
	loaded := fresh
	if err := json.Unmarshal(text, &loaded); err != nil {
		return fresh, hint.Wrap(fmt.Errorf("read the progress: %s: %w", s.path(lab), err), "mend the file, or move it away to begin anew")
	}
	if loaded.Version > Version {
		return fresh, hint.Wrap(fmt.Errorf("read the progress: %s was written by a newer ddsctl (version %d)", s.path(lab), loaded.Version), "update ddsctl")
	}
	if err := json.Unmarshal(text, &loaded.Rest); err != nil {
		return fresh, err
	}
	if loaded.Exercises == nil {
		loaded.Exercises = map[string]*Exercise{}
	}
	return loaded, nil
}

// Labs are the labs with progress, sorted.
func (s Store) Labs() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for i := range files {
		files[i] = strings.TrimSuffix(filepath.Base(files[i]), ".json")
	}
	return files, nil
}

// update changes a lab's progress while no other process does.
func (s Store) update(lab string, change func(*Lab) error) (Lab, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return Lab{}, hint.Wrap(fmt.Errorf("keep the progress: %w", err), "set XDG_STATE_HOME to a folder that can be written")
	}
	guard := flock.New(s.path(lab) + ".lock")
	if err := guard.Lock(); err != nil {
		return Lab{}, fmt.Errorf("keep the progress: %w", err)
	}
	defer func() { _ = guard.Unlock() }()
	loaded, err := s.Load(lab)
	if err != nil {
		return loaded, err
	}
	if err := change(&loaded); err != nil {
		return loaded, err
	}
	return loaded, s.save(loaded)
}

func (s Store) save(l Lab) error {
	whole := map[string]any{}
	for key, value := range l.Rest {
		whole[key] = value
	}
	whole["version"], whole["lab"], whole["exercises"] = Version, l.Lab, l.Exercises
	text, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return err
	}
	if err := wholefile.Put(s.path(l.Lab), 0o600, append(text, '\n')); err != nil {
		return fmt.Errorf("keep the progress: %w", err)
	}
	return nil
}

func (l *Lab) exercise(id string) *Exercise {
	if l.Exercises[id] == nil {
		l.Exercises[id] = &Exercise{}
	}
	return l.Exercises[id]
}

// Attempt remembers a try. Its points count as far as hints were paid and the answer was not revealed before; the best attempt counts.
func (s Store) Attempt(lab, id string, a Attempt) (Exercise, error) {
	done, err := s.update(lab, func(l *Lab) error {
		e := l.exercise(id)
		a.Time = s.now().UTC()
		e.Attempts = append(e.Attempts, a)
		earned := math.Max(0, a.Points-float64(e.Paid))
		if e.Revealed != nil {
			earned = 0
		}
		e.Best = math.Max(e.Best, earned)
		if a.Passed && e.Passed == nil {
			e.Passed = &a.Time
		}
		return nil
	})
	return done.Of(id), err
}

// ErrNoHint says that there is no further hint.
var ErrNoHint = errors.New("there is no further hint")

// Hint takes the next hint of an exercise and gives its number, from 1. Hints taken after passing are free.
func (s Store) Hint(lab string, ex format.Exercise) (number int, e Exercise, err error) {
	done, err := s.update(lab, func(l *Lab) error {
		e := l.exercise(ex.ID)
		if e.Hints >= len(ex.Hints) {
			return ErrNoHint
		}
		if e.Passed == nil {
			e.Paid += ex.Hints[e.Hints].Cost
		}
		e.Hints++
		number = e.Hints
		return nil
	})
	return number, done.Of(ex.ID), err
}

// Reveal remembers that the answer was asked for. After passing it costs nothing.
func (s Store) Reveal(lab, id string) (Exercise, error) {
	done, err := s.update(lab, func(l *Lab) error {
		e := l.exercise(id)
		if e.Revealed == nil && e.Passed == nil {
			now := s.now().UTC()
			e.Revealed = &now
		}
		return nil
	})
	return done.Of(id), err
}

// Reset forgets what was done with an exercise, or with the whole lab where id is "".
func (s Store) Reset(lab, id string) error {
	_, err := s.update(lab, func(l *Lab) error {
		if id == "" {
			clear(l.Exercises)
		} else {
			delete(l.Exercises, id)
		}
		return s.forgetEvidence(lab, id)
	})
	return err
}
