package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// maxCopied bounds what Init copies, so that a folder named by mistake does not fill the disk.
const maxCopied = 64 << 20

// Init copies a lab's files into a folder, to be changed there. The folder is made where it is missing, and must be empty where it is
// not: nothing is ever written over. It returns the names of the files, relative to the folder. What fails half-way leaves nothing
// behind.
func Init(ctx context.Context, ref, dir string) ([]string, error) {
	place, err := locate(ref, nil)
	if err != nil {
		return nil, err
	}
	target, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if place.inside == nil && within(target, place.dir) {
		return nil, hint.Wrap(fmt.Errorf("copy the lab in %s: %s is inside it", place.dir, dir), "name a folder elsewhere")
	}
	c := &copying{ctx: ctx, dir: target}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	if err := fs.WalkDir(place.files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return c.copy(place.files, name, entry)
	}); err != nil {
		return nil, errors.Join(fmt.Errorf("copy the lab %s to %s: %w", ref, dir, err), c.undo())
	}
	return c.files, nil
}

func within(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}

type copying struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one call
	dir   string
	files []string
	made  []string // what was made, in order
	size  int64
}

func (c *copying) prepare() error {
	entries, err := os.ReadDir(c.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for missing := c.dir; ; missing = filepath.Dir(missing) {
			if _, err := os.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
				break
			}
			c.made = append([]string{missing}, c.made...)
		}
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return fmt.Errorf("make the folder %s: %w", c.dir, err)
		}
	case err != nil:
		return fmt.Errorf("copy a lab to %s: %w", c.dir, err)
	case len(entries) > 0:
		return hint.Wrap(fmt.Errorf("%s is not empty: it has %s", c.dir, entries[0].Name()), "name a folder that is not there yet; nothing was written")
	}
	return nil
}

func (c *copying) copy(from fs.FS, name string, entry fs.DirEntry) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	target := filepath.Join(c.dir, filepath.FromSlash(name))
	switch {
	case name == ".":
		return nil
	case entry.IsDir() && entry.Name() == ".git":
		return fs.SkipDir
	case entry.IsDir():
		c.made = append(c.made, target)
		return os.Mkdir(target, 0o755)
	case !entry.Type().IsRegular():
		return fmt.Errorf("%s is neither a file nor a folder", name)
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if c.size += info.Size(); c.size > maxCopied {
		return fmt.Errorf("the lab has more than %d MiB", maxCopied>>20)
	}
	content, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644) | info.Mode()&0o111
	file, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	c.made, c.files = append(c.made, target), append(c.files, name)
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// undo removes what was made, and only that.
func (c *copying) undo() error {
	var errs []error
	for i := len(c.made) - 1; i >= 0; i-- {
		if err := os.Remove(c.made[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
