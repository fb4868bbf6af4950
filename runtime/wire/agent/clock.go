//go:build linux

package agent

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// SystemClock is the machine's.
type SystemClock struct{}

// Now is the wall clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Uptime goes on while the machine sleeps, and cannot be set.
func (SystemClock) Uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0 // not since Linux 2.6.39
	}
	return time.Duration(t.Nano())
}

// Boot is the kernel's name for this boot, "" where it tells none.
func (SystemClock) Boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
