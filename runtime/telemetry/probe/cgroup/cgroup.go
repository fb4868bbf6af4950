// Package cgroup reads what containers use straight from the kernel's control groups, version 2 or 1: a few small files for each
// container, where the engine's own statistics cost it milliseconds.
package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// ErrNotFound says that the container has no control group that can be seen from here.
var ErrNotFound = errors.New("no control group of the container in sight")

// Reader reads control groups. It is not safe for use by several goroutines.
type Reader struct {
	root  fs.FS
	now   func() time.Time
	v2    bool
	known map[string]string    // container ID to its folder
	tried map[string]time.Time // when a folder was last looked for in vain
}

// tryAgain is how long a container that was not found is not looked for again: looking walks the whole tree.
const tryAgain = 2 * time.Second

// New returns a Reader of the hierarchy at root, usually os.DirFS("/sys/fs/cgroup"). It fails where there is none.
func New(root fs.FS, now func() time.Time) (*Reader, error) {
	r := &Reader{root: root, now: now, known: map[string]string{}, tried: map[string]time.Time{}}
	if _, err := fs.Stat(root, "cgroup.controllers"); err == nil {
		r.v2 = true
		return r, nil
	}
	if _, err := fs.Stat(root, "cpuacct"); err == nil {
		return r, nil
	}
	return nil, errors.New("no control groups are mounted")
}

// Version is "2" or "1".
func (r *Reader) Version() string {
	if r.v2 {
		return "2"
	}
	return "1"
}

// Read gives what a container uses. It is ErrNotFound where the container does not run, or its group cannot be seen from here.
func (r *Reader) Read(id string) (engine.Usage, error) {
	folder, err := r.find(id)
	if err != nil {
		return engine.Usage{}, err
	}
	usage := engine.Usage{Time: r.now()}
	if r.v2 {
		err = r.readV2(folder, &usage)
	} else {
		err = r.readV1(folder, &usage)
	}
	if errors.Is(err, fs.ErrNotExist) {
		delete(r.known, id) // it ended; a restart may give it another folder
		return engine.Usage{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return usage, err
}

func (r *Reader) readV2(folder string, usage *engine.Usage) error {
	used, err := r.key(path.Join(folder, "cpu.stat"), "usage_usec")
	if err != nil {
		return err
	}
	usage.CPU = time.Duration(used) * time.Microsecond
	memory, err := r.number(path.Join(folder, "memory.current"))
	if err == nil { // the memory controller may be switched off
		inactive, _ := r.key(path.Join(folder, "memory.stat"), "inactive_file")
		usage.Memory = max(memory-inactive, 0)
	}
	if limit, err := r.number(path.Join(folder, "memory.max")); err == nil { // "max" is no number
		usage.MemoryLimit = &limit
	}
	if text, err := fs.ReadFile(r.root, path.Join(folder, "cpu.max")); err == nil {
		var quota, period float64
		if n, _ := fmt.Sscan(string(text), &quota, &period); n == 2 && period > 0 {
			cores := quota / period
			usage.CPULimit = &cores
		}
	}
	return nil
}

// noLimit is from where on a limit of version 1 means none: it shows the largest number of pages.
const noLimit = math.MaxInt64 / 2

func (r *Reader) readV1(folder string, usage *engine.Usage) error {
	used, err := r.number(path.Join("cpuacct", folder, "cpuacct.usage"))
	if err != nil {
		return err
	}
	usage.CPU = time.Duration(used)
	if memory, err := r.number(path.Join("memory", folder, "memory.usage_in_bytes")); err == nil {
		inactive, _ := r.key(path.Join("memory", folder, "memory.stat"), "total_inactive_file")
		usage.Memory = max(memory-inactive, 0)
	}
	if limit, err := r.number(path.Join("memory", folder, "memory.limit_in_bytes")); err == nil && limit < noLimit {
		usage.MemoryLimit = &limit
	}
	quota, err := r.number(path.Join("cpu", folder, "cpu.cfs_quota_us"))
	period, other := r.number(path.Join("cpu", folder, "cpu.cfs_period_us"))
	if err == nil && other == nil && quota > 0 && period > 0 {
		cores := float64(quota) / float64(period)
		usage.CPULimit = &cores
	}
	return nil
}

// number reads a file that holds one number. The kernel's counters fit into 63 bits in practice; larger ones are cut off.
func (r *Reader) number(name string) (int64, error) {
	text, err := fs.ReadFile(r.root, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return int64(min(n, math.MaxInt64)), nil
}

// key reads the number behind a key in a file of lines "KEY NUMBER".
func (r *Reader) key(name, key string) (int64, error) {
	text, err := fs.ReadFile(r.root, name)
	if err != nil {
		return 0, err
	}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		if value, ok := strings.CutPrefix(scanner.Text(), key+" "); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", name, key)
}

// base is the folder that the hierarchy that is searched starts in.
func (r *Reader) base() string {
	if r.v2 {
		return "."
	}
	return "cpuacct"
}

// usual are the folders where engines put a container: Docker with cgroupfs and with systemd, Podman with systemd.
var usual = []string{"docker/%s", "system.slice/docker-%s.scope", "machine.slice/libpod-%s.scope", "machine.slice/libpod-%s.scope/container"}

// deepest bounds the search: user slices of rootless engines are the deepest that are seen in practice.
const deepest = 8

func (r *Reader) find(id string) (string, error) {
	if len(id) < 12 || strings.ContainsAny(id, "/.*?[\\") {
		return "", fmt.Errorf("container %q: %w", id, ErrNotFound)
	}
	if folder, ok := r.known[id]; ok {
		return folder, nil
	}
	if at, ok := r.tried[id]; ok && r.now().Sub(at) < tryAgain {
		return "", ErrNotFound
	}
	for _, pattern := range usual {
		folder := fmt.Sprintf(pattern, id)
		if info, err := fs.Stat(r.root, path.Join(r.base(), folder)); err == nil && info.IsDir() {
			r.known[id] = folder
			return folder, nil
		}
	}
	found := ""
	_ = fs.WalkDir(r.root, r.base(), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // groups come and go while they are walked
		}
		if !entry.IsDir() {
			return nil
		}
		if strings.Contains(entry.Name(), id) {
			found = strings.TrimPrefix(strings.TrimPrefix(name, r.base()), "/")
			return fs.SkipAll
		}
		if strings.Count(name, "/") >= deepest {
			return fs.SkipDir
		}
		return nil
	})
	if found == "" {
		r.tried[id] = r.now()
		return "", fmt.Errorf("container %.12s: %w", id, ErrNotFound)
	}
	delete(r.tried, id)
	r.known[id] = found
	return found, nil
}
