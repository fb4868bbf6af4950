//go:build unix

package main

import "golang.org/x/sys/unix"

// freeBytes is the space that an ordinary user may still fill on the file system of path.
func freeBytes(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil //nolint:unconvert // the fields' types differ between systems
}
