package traffic

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pacer waits for instants more finely than the runtime's timers, which an idle program rounds up to a millisecond. A timer of the
// kernel is waited for like a connection, so that no processor of the runtime is held meanwhile.
type pacer struct {
	file *os.File
	raw  syscall.RawConn

	mu    sync.Mutex
	woken bool
	spec  unix.ItimerSpec
	arm   func(fd uintptr) // sets the timer to spec
}

func newPacer() (*pacer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	p := &pacer{file: os.NewFile(uintptr(fd), "timer")}
	p.arm = func(fd uintptr) { _ = unix.TimerfdSettime(int(fd), 0, &p.spec, nil) }
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	return p, nil
}

// wait waits so long, or until wake is called. It is called by one goroutine.
func (p *pacer) wait(d time.Duration) {
	if p.set(d, false) {
		return
	}
	var expirations [8]byte
	_, _ = p.file.Read(expirations[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	p.woken = false
}

// wake ends a wait that runs, or else the next one.
func (p *pacer) wake() { p.set(0, true) }

// set sets the timer, unless a wake came before; then it says so and forgets it.
func (p *pacer) set(d time.Duration, wake bool) (woken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !wake && p.woken {
		p.woken = false
		return true
	}
	p.woken = wake
	p.spec = unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))}
	_ = p.raw.Control(p.arm)
	return false
}

func (p *pacer) close() { _ = p.file.Close() }
