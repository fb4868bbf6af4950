// Package fill fills a disk until nothing fits any more, in containers whose image has no shell to do it.
package fill

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Block is how many bytes are written at a time.
const Block = 64 << 10

// ErrFits says that the disk took everything, and is not full.
var ErrFits = errors.New("everything fitted")

// Fill writes at most blocks blocks of zeroes to the file at path, until the disk is full.
func Fill(path string, blocks int64) (err error) {
	f, err := os.Create(path) //nolint:gosec // the caller's own container
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zeroes := make([]byte, Block)
	for range blocks {
		_, err := f.Write(zeroes)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			return nil
		case err != nil:
			return fmt.Errorf("fill: %w", err)
		}
	}
	return ErrFits
}
