package ready

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// box is one container of which a test decides everything.
type box struct {
	mu        sync.Mutex
	container engine.Container
	inspected []string
	exited    chan struct{}
	code      int
	exec      func(attempt int, command []string, stdout io.Writer) (int, error)
	execs     int
	log       *io.PipeReader
	tail      string
}

func newBox() *box { return &box{exited: make(chan struct{})} }

func (b *box) exit(code int) {
	b.code = code
	close(b.exited)
}

func (b *box) InspectContainer(_ context.Context, id string) (engine.Container, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inspected = append(b.inspected, id)
	return b.container, nil
}

func (b *box) WaitContainer(ctx context.Context, _ string) (int, error) {
	select {
	case <-b.exited:
		return b.code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (b *box) Exec(ctx context.Context, _ string, spec engine.ExecSpec) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b.mu.Lock()
	b.execs++
	n := b.execs
	b.mu.Unlock()
	if b.exec == nil {
		return 0, errors.New("no such program")
	}
	out := spec.Stdout
	if out == nil {
		out = io.Discard
	}
	return b.exec(n, spec.Command, out)
}

func (b *box) Logs(ctx context.Context, _ string, spec engine.LogSpec, stdout, _ io.Writer) error {
	if !spec.Follow {
		_, err := io.WriteString(stdout, b.tail)
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = b.log.CloseWithError(ctx.Err()) })()
	_, err := io.Copy(stdout, b.log)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// skipping is a clock on which every wait is over at once, and the time passes accordingly. What is waited for longer than
// limit never comes.
type skipping struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	limit time.Duration
}

func (c *skipping) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *skipping) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > c.limit {
		return nil
	}
	c.slept = append(c.slept, d)
	c.now = c.now.Add(d)
	over := make(chan time.Time, 1)
	over <- c.now
	return over
}

// dialer sends every dial to one place and remembers what was asked for.
type dialer struct {
	to    string // "" refuses
	err   error
	mu    sync.Mutex
	asked []string
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	d.asked = append(d.asked, address)
	d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	return (&net.Dialer{}).DialContext(ctx, network, d.to)
}

func at(address string) map[string]netip.Addr {
	return map[string]netip.Addr{"lab_default": netip.MustParseAddr(address)}
}
