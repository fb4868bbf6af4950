package fake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// line is one line of a container's log.
type line struct {
	at     time.Time
	stderr bool
	text   []byte // with its newline
}

// logWriter cuts what a process writes into lines of the log. A last line without an end comes with the end of the process.
type logWriter struct {
	engine *Engine
	box    *box
	stderr bool
	rest   []byte
}

func (w *logWriter) Write(p []byte) (int, error) {
	e, b := w.engine, w.box
	e.mu.Lock()
	for b.Phase == engine.PhasePaused { // frozen
		changed := b.changed
		e.mu.Unlock()
		select {
		case <-changed:
		case <-e.alive.Done():
			return 0, e.alive.Err()
		}
		e.mu.Lock()
	}
	defer e.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		b.log = append(b.log, line{e.options.Now(), w.stderr, bytes.Clone(w.rest[:end+1])})
		w.rest = w.rest[end+1:]
		b.alert()
	}
}

// flush logs a last line that has no end. The lock is held.
func (w *logWriter) flush() {
	if len(w.rest) > 0 {
		w.box.log = append(w.box.log, line{w.engine.options.Now(), w.stderr, w.rest})
		w.rest = nil
	}
}

// process is a command in a container. The lock is held.
func (e *Engine) process(b *box, command []string) Process {
	p := Process{Container: b.Container, Spec: b.spec, Command: command, WorkDir: b.spec.Service.WorkingDir, Stdin: strings.NewReader(""),
		Stdout: io.Discard, Stderr: io.Discard, engine: e}
	for name, value := range b.spec.Service.Environment {
		if value != nil {
			p.Env = append(p.Env, name+"="+*value)
		}
	}
	slices.Sort(p.Env)
	return p
}

// Exec runs a command in a running container and returns its exit code.
func (e *Engine) Exec(ctx context.Context, id string, spec engine.ExecSpec) (int, error) {
	what := "run " + strings.Join(spec.Command, " ") + " in container " + short(id)
	e.mu.Lock()
	b, err := e.find(id)
	if err == nil && (b.run == nil || b.Phase != engine.PhaseRunning) {
		err = fmt.Errorf("it is %s: %w", b.Phase, engine.ErrConflict)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		e.mu.Unlock()
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	process, r := e.process(b, spec.Command), b.run
	process.Exec = true
	process.Env = append(process.Env, spec.Env...)
	if spec.WorkDir != "" {
		process.WorkDir = spec.WorkDir
	}
	started := b.event("exec_start")
	e.tell(started)
	e.mu.Unlock()

	if spec.Stdin != nil {
		process.Stdin = spec.Stdin
	}
	if spec.Stdout != nil {
		process.Stdout = spec.Stdout
	}
	if spec.Stderr != nil {
		process.Stderr = spec.Stderr
	}
	if spec.TTY {
		process.Stdout = &terminal{w: process.Stdout}
		process.Stderr = process.Stdout
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.ctx, func() { cancel(signalled{"SIGKILL"}) })()
	code := e.options.Program(running, process)
	if ctx.Err() != nil {
		return 0, fmt.Errorf("%s: %w", what, ctx.Err())
	}
	if r.ctx.Err() != nil {
		code = 137 // the container ended, and the command with it
	}
	return code, nil
}

// terminal is one stream with the line ends of a terminal.
type terminal struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := t.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n")))
	return len(p), err
}

// OpenExec runs a command in a container as a duplex stream.
func (e *Engine) OpenExec(ctx context.Context, id string, command []string) (io.ReadWriteCloser, error) {
	e.mu.Lock()
	b, err := e.find(id)
	if err == nil && b.Phase != engine.PhaseRunning {
		err = fmt.Errorf("container %s is %s: %w", short(id), b.Phase, engine.ErrConflict)
	}
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{cancel: cancel, done: make(chan struct{})}
	var in *io.PipeReader
	var out *io.PipeWriter
	in, s.in = io.Pipe()
	s.out, out = io.Pipe()
	go func() {
		defer close(s.done)
		var stderr bytes.Buffer
		_, err := e.Exec(ctx, id, engine.ExecSpec{Command: command, Stdin: in, Stdout: out, Stderr: &stderr})
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = fmt.Errorf("%s: %s", strings.Join(command, " "), text)
		}
		_ = in.Close()
		_ = out.CloseWithError(err) // nil becomes io.EOF
	}()
	return s, nil
}

// stream is the near end of a duplex stream.
type stream struct {
	in     *io.PipeWriter
	out    *io.PipeReader
	cancel context.CancelFunc
	done   chan struct{}
}

func (s *stream) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.in.Write(p) }

func (s *stream) Close() error {
	s.cancel()
	_ = s.in.Close()
	_ = s.out.Close()
	<-s.done
	return nil
}

// Logs copies a container's log.
func (e *Engine) Logs(ctx context.Context, id string, spec engine.LogSpec, stdout, stderr io.Writer) error {
	e.mu.Lock()
	b, err := e.find(id)
	if err != nil {
		e.mu.Unlock()
		return err
	}
	from := 0
	for from < len(b.log) && b.log[from].at.Before(spec.Since) {
		from++
	}
	if spec.Tail >= 0 {
		from = max(from, len(b.log)-spec.Tail)
	}
	for {
		lines, changed, ended := b.log[from:], b.changed, b.run == nil
		from = len(b.log)
		e.mu.Unlock()
		for _, l := range lines {
			if err := l.copy(spec.Timestamps, stdout, stderr); err != nil {
				return err
			}
		}
		if !spec.Follow || ended {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
		e.mu.Lock()
	}
}

func (l line) copy(stamped bool, stdout, stderr io.Writer) error {
	w := stdout
	if l.stderr {
		w = stderr
	}
	if w == nil {
		return nil
	}
	text := l.text
	if stamped {
		text = append([]byte(l.at.UTC().Format(time.RFC3339Nano)+" "), text...)
	}
	_, err := w.Write(text)
	return err
}

// WaitContainer waits until a container does not run, and returns its exit code.
func (e *Engine) WaitContainer(ctx context.Context, id string) (int, error) {
	e.mu.Lock()
	b, err := e.find(id)
	if err != nil {
		e.mu.Unlock()
		return 0, err
	}
	r := b.run
	e.mu.Unlock()
	if r != nil {
		select {
		case <-r.over:
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for container %s: %w", short(id), ctx.Err())
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return b.ExitCode, nil
}

// CopyTo writes files into a container, running or not.
func (e *Engine) CopyTo(ctx context.Context, id string, files []engine.File) error {
	return e.on(ctx, "copy files into", id, func(b *box) error {
		for _, f := range files {
			b.files[path.Clean(f.Path)] = f
		}
		return nil
	})
}

// ReadFile reads one file of a container, running or not.
func (e *Engine) ReadFile(ctx context.Context, id, name string) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.find(id)
	if err != nil {
		return nil, err
	}
	f, ok := e.file(b, name)
	if !ok {
		return nil, fmt.Errorf("read %s of container %s: %w", name, short(id), engine.ErrNotFound)
	}
	return bytes.Clone(f.Content), ctx.Err()
}
