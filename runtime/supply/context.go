package supply

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// buildContext is a folder as a build sees it: without what is left out, and with at most one file more.
type buildContext struct {
	fs.FS
	keep  func(path string, dir bool) bool // which entries are listed; nil lists all
	extra *extraFile                       // at the root
}

type extraFile struct {
	name    string
	content []byte
}

// Open implements fs.FS.
func (b buildContext) Open(name string) (fs.File, error) {
	if b.extra != nil && name == b.extra.name {
		return &openExtra{Reader: bytes.NewReader(b.extra.content), extra: b.extra}, nil
	}
	return b.FS.Open(name)
}

// ReadDir implements fs.ReadDirFS.
func (b buildContext) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(b.FS, name)
	if err != nil {
		return nil, err
	}
	if b.keep != nil {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !b.keep(path.Join(name, e.Name()), e.IsDir()) })
	}
	if b.extra != nil && name == "." {
		entries = append(entries, fs.FileInfoToDirEntry(b.extra))
		slices.SortFunc(entries, func(a, c fs.DirEntry) int { return strings.Compare(a.Name(), c.Name()) })
	}
	return entries, nil
}

// ReadLink and Lstat implement fs.ReadLinkFS.
func (b buildContext) ReadLink(name string) (string, error) { return fs.ReadLink(b.FS, name) }

// Lstat implements fs.ReadLinkFS.
func (b buildContext) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(b.FS, name) }

func (e *extraFile) Name() string       { return e.name }
func (e *extraFile) Size() int64        { return int64(len(e.content)) }
func (e *extraFile) Mode() fs.FileMode  { return 0o644 }
func (e *extraFile) ModTime() time.Time { return time.Time{} }
func (e *extraFile) IsDir() bool        { return false }
func (e *extraFile) Sys() any           { return nil }

type openExtra struct {
	*bytes.Reader
	extra *extraFile
}

func (o *openExtra) Stat() (fs.FileInfo, error) { return o.extra, nil }
func (o *openExtra) Close() error               { return nil }

// ignoring leaves out what the folder's .dockerignore names. The Dockerfile and that file itself are always sent, as Docker does.
func ignoring(folder fs.FS, dockerfile string) (keep func(string, bool) bool, err error) {
	text, err := fs.ReadFile(folder, dockerfile+".dockerignore")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = fs.ReadFile(folder, ".dockerignore")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	return func(name string, dir bool) bool {
		if name == dockerfile || name == ".dockerignore" || strings.HasPrefix(dockerfile, name+"/") {
			return true
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		// Below an ignored folder something may be wanted again.
		return err != nil || !ignored || dir && matcher.Exclusions()
	}, nil
}
