// Package install puts the program that runs into a folder, such as a volume that a container of another image sees: the way of an init container.
//
//	err := install.To("/data")
package install

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// To copies the running program into the folder, under its own name. One that is there already is replaced in one step: whoever runs it goes on with the
// old one.
func To(folder string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return Copy(program, filepath.Join(folder, filepath.Base(program)))
}

// Copy copies a program to the path, executable by everyone.
func Copy(program, path string) (err error) {
	from, err := os.Open(program) //nolint:gosec // the caller's own container
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.CreateTemp(filepath.Dir(path), ".install-*")
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(to.Name())
			err = fmt.Errorf("install: %w", err)
		}
	}()
	_, err = io.Copy(to, from)
	err = errors.Join(err, to.Chmod(0o755), to.Close())
	if err != nil {
		return err
	}
	return os.Rename(to.Name(), path)
}
