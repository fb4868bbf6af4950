// Package wholefile writes files that are there whole or not at all: whoever reads one at any instant, also after the machine has stopped, finds what was
// there before or all of what was written.
//
//	err := wholefile.Put("progress.json", 0o600, text)
package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Put puts content into the place of what was at path. Its folder must be there.
func Put(path string, perm fs.FileMode, content []byte) error {
	return Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Write puts what write writes into the place of what was at path, and returns when it is on the disk. When write fails nothing has changed. Until it is whole
// it stands beside path in a file whose name begins with a dot.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) error {
	folder, name := filepath.Split(path)
	if folder == "" {
		folder = "."
	}
	file, err := os.CreateTemp(folder, "."+name+"-*")
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Chmod(file.Name(), perm)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return SyncFolder(folder)
}

// SyncFolder returns when the names in a folder are on the disk, where the system can tell.
func SyncFolder(folder string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
