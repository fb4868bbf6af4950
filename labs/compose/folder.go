package compose

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// folder is the project's folder: where files are read from, and what they are confined to.
type folder struct {
	dir     string // absolute
	real    string // dir with symbolic links followed; "" where it is not on disk
	fsys    fs.FS
	trust   bool
	replace map[string]string // by the path inside the folder, with slashes
}

func newFolder(in Input, trust bool) (*folder, error) {
	f := &folder{dir: in.Dir, fsys: in.FS, trust: trust, replace: map[string]string{}}
	for from, to := range in.Replace {
		f.replace[path.Clean(filepath.ToSlash(from))] = to
	}
	if f.fsys != nil {
		f.dir = filepath.FromSlash("/" + strings.TrimPrefix(in.Dir, "/"))
		return f, nil
	}
	absolute, err := filepath.Abs(in.Dir)
	if err != nil {
		return nil, err
	}
	f.dir = absolute
	if f.real, err = filepath.EvalSymlinks(absolute); err != nil {
		return nil, fmt.Errorf("read the lab's folder: %w", err)
	}
	return f, nil
}

func (f *folder) absolute(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(f.dir, name)
}

// inside is the path within the folder, with slashes, as the name says it: symbolic links are not followed.
func (f *folder) inside(name string) (string, bool) {
	relative, err := filepath.Rel(f.dir, f.absolute(name))
	if err != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(relative), true
}

// contains says whether a path stays in the folder when its symbolic links are followed. What does not exist yet is judged by what
// there is of its path.
func (f *folder) contains(name string) bool {
	if _, ok := f.inside(name); !ok {
		return false
	}
	if f.fsys != nil {
		return true
	}
	target := f.absolute(name)
	for {
		real, err := filepath.EvalSymlinks(target)
		if err == nil {
			return real == f.real || strings.HasPrefix(real, strings.TrimSuffix(f.real, string(filepath.Separator))+string(filepath.Separator))
		}
		if !os.IsNotExist(err) {
			return false
		}
		if _, err := os.Lstat(target); err == nil {
			return false // a link to what is not there yet may lead anywhere
		}
		parent := filepath.Dir(target)
		if parent == target {
			return false
		}
		target = parent
	}
}

func (f *folder) exists(name string) bool {
	if f.fsys != nil {
		inside, ok := f.inside(name)
		if !ok {
			return false
		}
		_, err := fs.Stat(f.fsys, inside)
		return err == nil
	}
	info, err := os.Stat(f.absolute(name))
	return err == nil && !info.IsDir()
}

// plain refuses what is there and would block, or never end, when compose-go reads it: a pipe, a device.
func (f *folder) plain(name string) error {
	info, err := os.Stat(f.absolute(name))
	if err != nil || info.IsDir() {
		return nil //nolint:nilerr // what is missing is told by who needs it
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", name)
	}
	if info.Size() > maxBytes {
		return fmt.Errorf("%s is larger than %d MiB", name, maxBytes>>20)
	}
	return nil
}

// read reads a file of the folder.
func (f *folder) read(name string) ([]byte, error) {
	if !f.trust && f.exists(name) && !f.contains(name) {
		return nil, fmt.Errorf("%s is outside the lab's folder", name)
	}
	return f.readAny(name, maxBytes)
}

// readAny reads a file, wherever it is, or the one that stands in for it.
func (f *folder) readAny(name string, limit int64) ([]byte, error) {
	inside, within := f.inside(name)
	if other, ok := f.replace[inside]; ok && within {
		name = other
		inside, within = f.inside(name)
	}
	if f.fsys != nil {
		if !within {
			return nil, fmt.Errorf("%s is outside the lab's folder", name)
		}
		return readRegular(func() (fs.File, error) { return f.fsys.Open(inside) }, name, limit)
	}
	path := f.absolute(name)
	// A pipe would block the open itself, so that it is looked at first.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	return readRegular(func() (fs.File, error) { return os.Open(path) }, name, limit)
}

func readRegular(open func() (fs.File, error), name string, limit int64) ([]byte, error) {
	file, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s is larger than %d MiB", name, limit>>20)
	}
	return data, nil
}
