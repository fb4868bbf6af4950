package supply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/supply/fetch"
)

// fetchList is the file of an image's folder that names what is fetched for it, and fetchedDir where its Dockerfile finds that.
const (
	fetchList  = "fetch.txt"
	fetchedDir = "fetched"
)

// withFetched is an own image's build context with what its list names. It is fetched here and not in the build: a container knows neither this
// machine's certificates nor, always, its proxies. The list, with its sums, is part of the folder's hash, so that the files need not be.
func (c *call) withFetched(ctx context.Context, ref string, folder fs.FS) (fs.FS, error) {
	list, err := fs.ReadFile(folder, fetchList)
	if errors.Is(err, fs.ErrNotExist) {
		return folder, nil
	}
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	files, err := fetch.Parse(list)
	if err != nil {
		return nil, fmt.Errorf("image %s: %s: %w", ref, fetchList, err)
	}
	paths, err := c.options.Fetched.Get(ctx, files, func(name string) {
		c.say(engine.ImageProgress{Image: ref, Stage: engine.StagePull, Text: "fetching " + name})
	})
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("image %s: %w", ref, err), "what the image is made of is fetched from the addresses in images/*/%s; can this machine reach them? HTTPS_PROXY names a proxy", fetchList)
	}
	return fetchedFiles{FS: folder, paths: paths}, nil
}

// fetchedFiles is a folder with one more folder in it, whose files lie elsewhere on this machine.
type fetchedFiles struct {
	fs.FS
	paths map[string]string // by name
}

// Open implements fs.FS.
func (f fetchedFiles) Open(name string) (fs.File, error) {
	if dir, base := path.Split(name); dir == fetchedDir+"/" {
		where, ok := f.paths[base]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return os.Open(where) //nolint:gosec // a file of the cache, held against its sum
	}
	return f.FS.Open(name)
}

// ReadDir implements fs.ReadDirFS.
func (f fetchedFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	switch name {
	case ".":
		entries, err := fs.ReadDir(f.FS, name)
		return append(entries, fetchedFolder{}), err
	case fetchedDir:
		var entries []fs.DirEntry
		for _, base := range slices.Sorted(maps.Keys(f.paths)) {
			info, err := os.Stat(f.paths[base])
			if err != nil {
				return nil, err
			}
			entries = append(entries, fs.FileInfoToDirEntry(fetchedInfo{FileInfo: info, name: base}))
		}
		return entries, nil
	}
	return fs.ReadDir(f.FS, name)
}

// fetchedInfo is a file of the cache under the name that it has in the build.
type fetchedInfo struct {
	fs.FileInfo
	name string
}

func (i fetchedInfo) Name() string { return i.name }

// fetchedFolder is the folder itself. It has the time 0, as all of a build context does.
type fetchedFolder struct{ extraFile }

func (fetchedFolder) Name() string                 { return fetchedDir }
func (fetchedFolder) IsDir() bool                  { return true }
func (fetchedFolder) Type() fs.FileMode            { return fs.ModeDir }
func (fetchedFolder) Mode() fs.FileMode            { return fs.ModeDir | 0o755 }
func (f fetchedFolder) Info() (fs.FileInfo, error) { return &f, nil }
