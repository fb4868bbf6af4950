//go:build linux

// Package queue holds packets back in user space: what a kernel without netem cannot do itself. The rules of wire/nft hand packets
// over through one of the kernel's queues; each directed link is a virtual queue here, with its rate, delays and reordering; and
// when a packet's time has come, the kernel is told to let it go on.
//
// One goroutine on a thread of its own waits for packets and for the next one's time in a single call, to some tens of
// microseconds, and allocates nothing for a packet. A queue stands only while a fault needs it.
package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Stat is what one directed link has done since it began to wait.
type Stat struct {
	Packets   uint64        // that left
	Bytes     uint64        // of IP packets that left
	Waited    time.Duration // of all of them together
	Dropped   uint64        // packets that found no room
	Overtaken uint64        // packets that left after one that had come later
	Busy      time.Duration // during which a packet waited for the one before to be sent, and
	BusyBytes uint64        // what was sent then: the rate that was kept
}

// Minus is what was done since an earlier one.
func (s Stat) Minus(t Stat) Stat {
	return Stat{
		Packets: s.Packets - t.Packets, Bytes: s.Bytes - t.Bytes, Waited: s.Waited - t.Waited, Dropped: s.Dropped - t.Dropped,
		Overtaken: s.Overtaken - t.Overtaken, Busy: s.Busy - t.Busy, BusyBytes: s.BusyBytes - t.BusyBytes,
	}
}

// Plus is both together.
func (s Stat) Plus(t Stat) Stat {
	return Stat{
		Packets: s.Packets + t.Packets, Bytes: s.Bytes + t.Bytes, Waited: s.Waited + t.Waited, Dropped: s.Dropped + t.Dropped,
		Overtaken: s.Overtaken + t.Overtaken, Busy: s.Busy + t.Busy, BusyBytes: s.BusyBytes + t.BusyBytes,
	}
}

// Queue is bound to one of the kernel's queues until it is closed. Its methods may be used from many goroutines.
type Queue struct {
	socket *socket
	wake   int // an eventfd
	random *rand.Rand
	begin  time.Time

	// Of the loop's goroutine.
	lines   map[wire.Pair]*line
	subnets []netip.Prefix
	held    heap
	came    uint64
	err     error

	mu     sync.Mutex
	calls  []func()
	closed bool
	done   chan struct{}
}

// Open takes the first queue of these numbers that nobody listens at. Packets come once rules hand them over, and pass at
// once until Set says otherwise. It is the queue of the network namespace that the calling thread is in.
func Open(numbers []uint16, seed uint64) (*Queue, error) {
	var bound *socket
	err := errors.New("no queue to choose from")
	for _, number := range numbers {
		if bound, err = bind(number); err == nil || !errors.Is(err, errTaken) {
			break
		}
	}
	if errors.Is(err, errTaken) {
		err = hint.Wrap(err, "another lab on this host holds packets back: heal its faults first")
	}
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make an event: %w", err), bound.close())
	}
	q := &Queue{
		socket: bound, wake: wake, random: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), begin: time.Now(),
		lines: map[wire.Pair]*line{}, held: make(heap, 0, 1024), done: make(chan struct{}),
	}
	go q.loop()
	return q, nil
}

// Number is the queue's number.
func (q *Queue) Number() uint16 { return q.socket.number }

// Set says what stands on each pair from now on. What is held on a pair that is cut now is dropped; where nothing waits any more
// it leaves at once; elsewhere it keeps its time. Addresses in none of the subnets are Outside.
func (q *Queue) Set(effects map[wire.Pair]wire.Effect, subnets []netip.Prefix) error {
	return q.do(func() {
		q.subnets = slices.Clone(subnets)
		for pair, gone := range q.lines {
			effect := effects[pair]
			if effect.Queued() && !effect.Cut {
				continue
			}
			verdict := uint32(accept)
			if effect.Cut {
				verdict = drop
			}
			q.held.take(func(p *packet) bool { return p.line == gone }, func(p *packet) { q.socket.decide(p.id, verdict) })
			delete(q.lines, pair)
		}
		for pair, effect := range effects {
			if !effect.Queued() || effect.Cut {
				continue
			}
			if q.lines[pair] == nil {
				q.lines[pair] = &line{}
			}
			q.lines[pair].set(effect)
		}
		q.socket.flush()
	})
}

// Stats is what each pair has done.
func (q *Queue) Stats() (map[wire.Pair]Stat, error) {
	stats := map[wire.Pair]Stat{}
	err := q.do(func() {
		for pair, line := range q.lines {
			stats[pair] = line.stat
		}
	})
	return stats, err
}

// Held is how many packets wait now.
func (q *Queue) Held() (held int, err error) {
	err = q.do(func() { held = len(q.held) })
	return held, err
}

// Close lets go what is held and leaves the queue. Rules that still hand packets over should be gone by then.
func (q *Queue) Close() error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		q.ring()
	}
	q.mu.Unlock()
	<-q.done
	return q.err
}

// do runs f in the loop and waits for it.
func (q *Queue) do(f func()) error {
	ran := make(chan struct{})
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errors.New("the queue is closed")
	}
	q.calls = append(q.calls, func() { f(); close(ran) })
	q.ring()
	q.mu.Unlock()
	select {
	case <-ran:
		return nil
	case <-q.done:
		return fmt.Errorf("the queue has ended: %w", q.err)
	}
}

// ring wakes the loop; the caller holds the mutex and has seen that the queue is not closed, so that the event is there. An event that
// is full rings already.
func (q *Queue) ring() { _, _ = unix.Write(q.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (q *Queue) now() int64 { return int64(time.Since(q.begin)) }

// early is how much before its time a packet may leave: about what waking up once more would cost.
const early = int64(20 * time.Microsecond)

// burst is how many packets are taken in before those that are due are let go.
const burst = 64

func (q *Queue) loop() {
	runtime.LockOSThread() // not unlocked: the thread is made to wake exactly, and ends with the loop
	defer close(q.done)
	// Without this the kernel wakes up to 50 microseconds late. Refused, it is only that.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for q.turn() {
	}
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.held.take(func(*packet) bool { return true }, func(p *packet) { q.socket.decide(p.id, accept) })
	q.socket.flush()
	q.err = errors.Join(q.err, q.socket.close(), unix.Close(q.wake))
}

// turn waits for something to do and does it; it gives false at the end.
func (q *Queue) turn() bool {
	poll := [...]unix.PollFd{{Fd: int32(q.socket.fd), Events: unix.POLLIN}, {Fd: int32(q.wake), Events: unix.POLLIN}}
	var timeout *unix.Timespec
	if len(q.held) > 0 {
		next := unix.NsecToTimespec(max(0, q.held[0].leaves-q.now()))
		timeout = &next
	}
	if _, err := unix.Ppoll(poll[:], timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
		q.err = fmt.Errorf("wait for packets: %w", err)
		return false
	}
	if poll[0].Revents != 0 {
		for range burst {
			a, ok, err := q.socket.read()
			if err != nil {
				q.err = err
				return false
			}
			if !ok {
				break
			}
			q.arrive(a)
		}
	}
	for now := q.now(); len(q.held) > 0 && q.held[0].leaves <= now+early; {
		p := q.held.pop()
		p.line.gave(&p, now)
		q.socket.decide(p.id, accept)
	}
	q.socket.flush()
	if poll[1].Revents == 0 {
		return true
	}
	var count [8]byte
	_, _ = unix.Read(q.wake, count[:])
	q.mu.Lock()
	calls, closed := q.calls, q.closed
	q.calls = nil
	q.mu.Unlock()
	for _, call := range calls {
		call()
	}
	return !closed
}

func (q *Queue) arrive(a arrival) {
	line := q.find(a.pair)
	if line == nil {
		q.socket.decide(a.id, accept)
		return
	}
	now := q.now()
	behind := line.free > now
	leaves, ok := line.leave(now, int(a.bytes), q.random)
	if !ok {
		line.stat.Dropped++
		q.socket.decide(a.id, drop)
		return
	}
	q.came++
	line.took(int(a.bytes))
	q.held.push(packet{leaves: leaves, number: q.came, came: now, line: line, id: a.id, bytes: a.bytes, behind: behind})
}

// find gives the line of a pair of addresses, nil where nothing waits.
func (q *Queue) find(pair wire.Pair) *line {
	if line := q.lines[pair]; line != nil {
		return line
	}
	if !q.inside(pair.From) {
		return q.lines[wire.Pair{To: pair.To}]
	}
	if !q.inside(pair.To) {
		return q.lines[wire.Pair{From: pair.From}]
	}
	return nil
}

func (q *Queue) inside(address netip.Addr) bool {
	for _, subnet := range q.subnets {
		if subnet.Contains(address) {
			return true
		}
	}
	return false
}
