package ready

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// command runs the probe's command in the container. Its output is the reason when it fails.
func (w *Waiter) command(ctx context.Context, target Target, probe Probe) error {
	var out limited
	code, err := w.engine.Exec(ctx, target.ID, engine.ExecSpec{Command: probe.Command, User: probe.User, Stdout: &out, Stderr: &out})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %s", probe.attempt())
	case err != nil:
		return err
	case code == 0:
		return nil
	}
	if text := shorten(out.String(), 200); text != "" {
		return fmt.Errorf("exit code %d: %s", code, text)
	}
	return fmt.Errorf("exit code %d", code)
}

// log looks for a line in the container's log. One stream is followed through all attempts.
func (w *Waiter) log(target Target, probe Probe) (func(context.Context) error, func(), error) {
	pattern, err := regexp.Compile(probe.Pattern)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	found := make(chan struct{})
	ended := make(chan error, 1)
	var once sync.Once
	started := false
	follow := func() {
		match := func(line string) {
			if pattern.MatchString(line) {
				once.Do(func() { close(found) })
			}
		}
		stdout, stderr := &lineWriter{to: match}, &lineWriter{to: match}
		err := w.engine.Logs(ctx, target.ID, engine.LogSpec{Follow: true, Tail: -1, Since: target.Since}, stdout, stderr)
		stdout.flush()
		stderr.flush()
		ended <- err
	}
	attempt := func(one context.Context) error {
		if !started {
			started = true
			go follow()
		}
		select {
		case <-found:
			return nil
		case err := <-ended:
			started = false
			select {
			case <-found:
				return nil
			default:
			}
			if err != nil {
				return err
			}
			return fmt.Errorf("the log ended without a line like %q", probe.Pattern)
		case <-one.Done():
			return fmt.Errorf("no line like %q yet", probe.Pattern)
		}
	}
	end := func() {
		cancel()
		if started {
			<-ended
		}
	}
	return attempt, end, nil
}

// lineWriter hands over whole lines without their end.
type lineWriter struct {
	to   func(string)
	rest []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.to(strings.TrimRight(string(l.rest[:i]), "\r"))
		l.rest = l.rest[i+1:]
	}
}

func (l *lineWriter) flush() {
	if len(l.rest) > 0 {
		l.to(strings.TrimRight(string(l.rest), "\r"))
		l.rest = nil
	}
}

// limited keeps the first bytes of what is written to it, and may be written to by two streams at once.
type limited struct {
	mu  sync.Mutex
	buf []byte
}

const limitedBytes = 64 << 10

func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p[:min(len(p), limitedBytes-len(l.buf))]...)
	return len(p), nil
}

func (l *limited) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}
