// Package store keeps the records of runs in folders, a run a folder, with what belongs to it: the record, the report, histories.
//
//	~/.local/state/ddsctl/runs/
//	  shard-loss/
//	    20260102-030405/
//	      record.json  report.html  register.jsonl  register.html
//	    latest -> 20260102-030405
package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wholefile"
	"github.com/ddsctl/ddsctl/scenarios/record"
)

// Files of a run's folder.
const (
	RecordFile = "record.json"
	ReportFile = "report.html"
	latest     = "latest"
)

// Store is a folder of runs.
type Store struct{ dir string }

// New returns the Store in dir; "" is the user's own, below XDG_STATE_HOME.
func New(dir string) Store {
	if dir == "" {
		dir = filepath.Join(xdg.StateHome, "ddsctl", "runs")
	}
	return Store{dir: dir}
}

// Folder is the folder of one run.
type Folder struct {
	Scenario string
	Name     string
	Path     string
}

// Create makes a folder for a run that begins at a time. It is the only one of its name, although two runs begin in one second.
func (s Store) Create(scenario string, at time.Time) (Folder, error) {
	parent := filepath.Join(s.dir, safe(scenario))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return Folder{}, hint.Wrap(fmt.Errorf("make a folder for the run: %w", err), "choose another place with --out DIR")
	}
	base := at.Format("20060102-150405")
	for n := 1; n < 1000; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		path := filepath.Join(parent, name)
		err := os.Mkdir(path, 0o755)
		if err == nil {
			return Folder{Scenario: scenario, Name: name, Path: path}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return Folder{}, hint.Wrap(fmt.Errorf("make a folder for the run: %w", err), "choose another place with --out DIR")
		}
	}
	return Folder{}, fmt.Errorf("make a folder for the run: there are a thousand of this second")
}

// safe keeps a name within its folder.
func safe(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:`, r) || r < ' ' {
			return '_'
		}
		return r
	}, name)
	if strings.Trim(name, ".") == "" {
		return "_"
	}
	return name
}

// File opens a new file in the folder.
func (f Folder) File(name string) (io.WriteCloser, error) {
	return os.Create(filepath.Join(f.Path, safe(name)))
}

// Write writes a file of the folder whole or not at all: a crash leaves the one before, or none.
func (f Folder) Write(name string, write func(io.Writer) error) error {
	path := filepath.Join(f.Path, safe(name))
	if err := wholefile.Write(path, 0o644, write); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Save writes the record, and makes the folder the latest of its scenario.
func (f Folder) Save(r record.Record) error {
	if err := f.Write(RecordFile, r.Encode); err != nil {
		return err
	}
	link := filepath.Join(filepath.Dir(f.Path), latest)
	fresh := link + ".new"
	_ = os.Remove(fresh)
	if err := os.Symlink(f.Name, fresh); err != nil {
		return nil //nolint:nilerr // a convenience that not every file system has
	}
	if err := os.Rename(fresh, link); err != nil {
		_ = os.Remove(fresh)
	}
	return nil
}

// Load reads a run's record: a folder or a file, SCENARIO for its latest run, or SCENARIO/RUN.
func (s Store) Load(ref string) (record.Record, Folder, error) {
	for _, candidate := range []string{ref, filepath.Join(s.dir, filepath.FromSlash(ref))} {
		info, err := os.Stat(candidate)
		if err != nil {
			continue
		}
		folder := Folder{Path: candidate}
		file := candidate
		if info.IsDir() {
			file = filepath.Join(candidate, RecordFile)
			if _, err := os.Stat(file); err != nil {
				newest, err := s.newest(candidate)
				if err != nil {
					continue
				}
				folder.Path, file = newest, filepath.Join(newest, RecordFile)
			}
		} else {
			folder.Path = filepath.Dir(candidate)
		}
		folder.Name, folder.Scenario = filepath.Base(folder.Path), filepath.Base(filepath.Dir(folder.Path))
		r, err := read(file)
		return r, folder, err
	}
	return record.Record{}, Folder{}, hint.Wrap(fmt.Errorf("no run %q: %w", ref, fs.ErrNotExist),
		"`ddsctl scenario report` lists the runs there are; `ddsctl scenario run %s` makes one", strings.Split(ref, "/")[0])
}

func read(file string) (record.Record, error) {
	f, err := os.Open(file)
	if err != nil {
		return record.Record{}, fmt.Errorf("read a run: %w", err)
	}
	defer func() { _ = f.Close() }()
	r, err := record.Decode(f)
	if err != nil {
		return r, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// newest is the newest run below a scenario's folder.
func (s Store) newest(parent string) (string, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return "", err
	}
	for _, e := range slices.Backward(entries) {
		path := filepath.Join(parent, e.Name())
		if e.IsDir() {
			if _, err := os.Stat(filepath.Join(path, RecordFile)); err == nil {
				return path, nil
			}
		}
	}
	return "", fs.ErrNotExist
}

// List gives the runs of a scenario ("" for all), newest first.
func (s Store) List(scenario string) ([]Folder, error) {
	pattern := filepath.Join(s.dir, "*", "*", RecordFile)
	if scenario != "" {
		pattern = filepath.Join(s.dir, safe(scenario), "*", RecordFile)
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	var all []Folder
	for _, file := range files {
		path := filepath.Dir(file)
		if filepath.Base(path) == latest {
			continue
		}
		all = append(all, Folder{Scenario: filepath.Base(filepath.Dir(path)), Name: filepath.Base(path), Path: path})
	}
	slices.SortFunc(all, func(a, b Folder) int {
		return cmp.Or(-cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scenario, b.Scenario))
	})
	return all, nil
}
