// Package lock lets one process at a time change a project.
//
// It is a lock of the operating system on a file, so that it goes when its holder dies, however it dies:
//
//	held, err := lock.Acquire(ctx, lock.Dir(), "unix:///var/run/docker.sock sharded-redis", func(h lock.Holder) {
//		fmt.Fprintf(os.Stderr, "waiting for process %d\n", h.PID)
//	})
//	defer held.Release()
package lock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
)

// Holder is who holds a lock, as far as it could write that down. PID 0 means that it is not known.
type Holder struct {
	PID   int       `json:"pid"`
	Key   string    `json:"key"`
	Since time.Time `json:"since"`
}

// Lock is a lock that is held, alone or together with others.
type Lock struct {
	file      *flock.Flock
	inherited bool
}

// Inherited says that the holder before did not release the lock: it was killed, or abandoned it. What it had asked for
// may still be under way.
func (l *Lock) Inherited() bool { return l.inherited }

// Dir is the user's own folder for locks: below XDG_RUNTIME_DIR, else below the folder for temporary files.
func Dir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, "ddsctl")
		}
	}
	return filepath.Join(os.TempDir(), "ddsctl-"+strconv.Itoa(os.Getuid()))
}

// Try takes the lock named key below dir, which it creates. It returns nil and no error where somebody holds the lock or shares it.
func Try(dir, key string) (*Lock, error) {
	path, err := place(dir, key)
	if err != nil {
		return nil, err
	}
	return try(path, key)
}

// Share takes the lock named key below dir together with any number of others who share it, and keeps out those who want it for themselves. It
// waits until the lock is free of these or ctx ends. Nothing is written down of who shares a lock.
func Share(ctx context.Context, dir, key string) (*Lock, error) {
	path, err := place(dir, key)
	if err != nil {
		return nil, err
	}
	for {
		file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
		locked, err := file.TryRLock()
		if err != nil {
			return nil, fmt.Errorf("share lock %s: %w", path, err)
		}
		if locked {
			if _, named, err := bearsName(file, path); named || err != nil {
				return &Lock{file: file}, err
			}
			if err := file.Close(); err != nil {
				return nil, fmt.Errorf("share lock %s: %w", path, err)
			}
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("waiting for process %d: %w", readHolder(path).PID, err)
		}
	}
}

// place is the file of a lock, whose folder it creates.
func place(dir, key string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("folder for locks: %w", err)
	}
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".lock"), nil
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(retry)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retry is how often a lock that somebody holds is tried again.
const retry = 50 * time.Millisecond

// Acquire takes the lock named key below dir, which it creates. Where somebody holds it, onWait (may be nil) is told once
// who does, and Acquire waits until the lock is free or ctx ends.
func Acquire(ctx context.Context, dir, key string, onWait func(Holder)) (*Lock, error) {
	path, err := place(dir, key)
	if err != nil {
		return nil, err
	}
	told := false
	for {
		held, err := try(path, key)
		if held != nil || err != nil {
			return held, err
		}
		if !told && onWait != nil {
			onWait(readHolder(path))
		}
		told = true
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("waiting for process %d, which works on the same lab: %w", readHolder(path).PID, err)
		}
	}
}

// try returns nil, nil when somebody else holds the lock.
func try(path, key string) (*Lock, error) {
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	locked, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !locked {
		return nil, nil
	}
	mine, named, err := bearsName(file, path)
	if err != nil {
		return nil, err
	}
	if !named {
		return nil, file.Close()
	}
	inherited := mine.Size() > 0
	text, err := json.Marshal(Holder{PID: os.Getpid(), Key: key, Since: time.Now().UTC()})
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return &Lock{file: file, inherited: inherited}, nil
}

// bearsName says whether a locked file is still the one of that path; on an error the file is closed. The holder before may have removed the file after this process opened
// it: then the lock is on a file that has no name, and the next one would lock another. Only a lock on the file that bears the name counts.
func bearsName(file *flock.Flock, path string) (mine fs.FileInfo, named bool, err error) {
	mine, err = file.Stat()
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(mine, there) {
		return mine, false, nil
	}
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return mine, true, nil
}

func readHolder(path string) Holder {
	var h Holder
	if text, err := os.ReadFile(path); err == nil {
		if json.Unmarshal(text, &h) != nil {
			return Holder{} // it is being written just now
		}
	}
	return h
}

// Release removes the lock's file while the lock is held by nobody else, then gives it free. It is safe to call on nil and twice.
func (l *Lock) Release() error {
	if l == nil || !l.file.Locked() && !l.file.RLocked() {
		return nil
	}
	if l.file.RLocked() {
		// Only the last of those who share a lock may remove its file, and the last is who can have it alone.
		if alone, err := l.file.TryLock(); !alone || err != nil {
			if err := l.file.Close(); err != nil {
				return fmt.Errorf("release %s: %w", l.file.Path(), err)
			}
			return nil
		}
	}
	// Windows does not remove an open file; a file left there does no harm.
	removed := os.Remove(l.file.Path())
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release %s: %w", l.file.Path(), err)
	}
	if removed != nil && !errors.Is(removed, fs.ErrNotExist) && !errors.Is(removed, fs.ErrPermission) {
		return fmt.Errorf("release %s: %w", l.file.Path(), removed)
	}
	return nil
}

// Abandon gives the lock free and leaves its file, so that the next holder knows that work may still be under way.
func (l *Lock) Abandon() error {
	if l == nil || !l.file.Locked() {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("abandon %s: %w", l.file.Path(), err)
	}
	return nil
}
