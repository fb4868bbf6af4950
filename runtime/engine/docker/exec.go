package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Exec runs a command in a running container and returns its exit code. It ends when the command ends or ctx does; the
// engine has no way to end the command itself.
func (c *Client) Exec(ctx context.Context, id string, spec engine.ExecSpec) (int, error) {
	var size engine.TerminalSize
	if spec.TTY && spec.Resize != nil {
		select {
		case size = <-spec.Resize:
		default: // it comes later
		}
	}
	execID, err := c.createExec(ctx, id, spec, size)
	if err != nil {
		return 0, err
	}
	attached, err := c.api.ExecAttach(ctx, execID, client.ExecAttachOptions{TTY: spec.TTY, ConsoleSize: client.ConsoleSize{Height: size.Rows, Width: size.Columns}})
	if err != nil {
		return 0, c.wrap(err, "run %s in container %s", strings.Join(spec.Command, " "), short(id))
	}
	// Closing the connection is what ends the copies below when ctx does.
	var once sync.Once
	closeAll := func() { once.Do(attached.Close) }
	defer closeAll()
	stop := context.AfterFunc(ctx, closeAll)
	defer stop()

	var copies sync.WaitGroup
	if spec.Stdin != nil {
		// Not waited for: a read from a terminal returns only when a key is pressed.
		go func() {
			_, _ = io.Copy(attached.Conn, spec.Stdin)
			_ = attached.CloseWrite()
		}()
	}
	resizing, stopResizing := context.WithCancel(ctx)
	if spec.TTY && spec.Resize != nil {
		copies.Go(func() { c.followSize(resizing, execID, size, spec.Resize) })
	}
	err = receive(attached.Reader, spec)
	stopResizing()
	copies.Wait()
	if ctx.Err() != nil {
		return 0, fmt.Errorf("run %s: %w", strings.Join(spec.Command, " "), ctx.Err())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, c.wrap(err, "read the output of %s", strings.Join(spec.Command, " "))
	}
	return c.execExitCode(ctx, execID)
}

// createExec prepares a command. Engines since API 1.42 start it with the size; for the others followSize sets it.
func (c *Client) createExec(ctx context.Context, id string, spec engine.ExecSpec, size engine.TerminalSize) (string, error) {
	created, err := c.api.ExecCreate(ctx, id, client.ExecCreateOptions{
		Cmd: spec.Command, Env: spec.Env, User: spec.User, WorkingDir: spec.WorkDir, TTY: spec.TTY,
		AttachStdin: spec.Stdin != nil, AttachStdout: true, AttachStderr: true,
		ConsoleSize: client.ConsoleSize{Height: size.Rows, Width: size.Columns},
	})
	if err != nil {
		return "", c.wrap(err, "run %s in container %s", strings.Join(spec.Command, " "), short(id))
	}
	return created.ID, nil
}

// receive copies the command's output until it ends.
func receive(from io.Reader, spec engine.ExecSpec) error {
	stdout, stderr := orDiscard(spec.Stdout), orDiscard(spec.Stderr)
	if spec.TTY {
		_, err := io.Copy(stdout, from)
		return err
	}
	_, err := stdcopy.StdCopy(stdout, stderr, from)
	return err
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// resizePauses are the pauses after which a size is set again. An engine refuses it until the command has started, and for an
// instant after that takes it without effect; setting the same size again changes nothing for the command.
var resizePauses = []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 75 * time.Millisecond, 250 * time.Millisecond, time.Second, 3 * time.Second}

func (c *Client) followSize(ctx context.Context, execID string, size engine.TerminalSize, sizes <-chan engine.TerminalSize) {
	set := 0 // how often size was set
	if size == (engine.TerminalSize{}) {
		set = len(resizePauses) + 1
	}
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case next, ok := <-sizes:
			if !ok {
				sizes = nil // the last one is still to be set
				continue
			}
			size, set = next, 0
		case <-again.C:
		}
		if set > len(resizePauses) {
			continue
		}
		// A size that could not be set in the end is a cosmetic loss.
		_, _ = c.api.ExecResize(ctx, execID, client.ExecResizeOptions{Height: size.Rows, Width: size.Columns})
		if set < len(resizePauses) {
			again.Reset(resizePauses[set])
		}
		set++
	}
}

// execExitCode reads the exit code. The output may end an instant before the engine has noted the end.
func (c *Client) execExitCode(ctx context.Context, execID string) (int, error) {
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		result, err := c.api.ExecInspect(ctx, execID, client.ExecInspectOptions{})
		if err != nil {
			return 0, c.wrap(err, "read an exit code")
		}
		if !result.Running {
			return result.ExitCode, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, ctx.Err()
		case <-timer.C:
		}
	}
}

// OpenExec runs a command in a container as a duplex stream: what is written goes to its standard input, what is read is its
// standard output. Close ends the stream; what the command wrote to standard error is in the error that a read ends with.
func (c *Client) OpenExec(ctx context.Context, id string, command []string) (io.ReadWriteCloser, error) {
	spec := engine.ExecSpec{Command: command, Stdin: bytes.NewReader(nil)}
	execID, err := c.createExec(ctx, id, spec, engine.TerminalSize{})
	if err != nil {
		return nil, err
	}
	attached, err := c.api.ExecAttach(ctx, execID, client.ExecAttachOptions{})
	if err != nil {
		return nil, c.wrap(err, "run %s in container %s", strings.Join(command, " "), short(id))
	}
	reader, writer := io.Pipe()
	s := &execStream{reader: reader, conn: attached.Conn, closeAll: attached.Close, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		var stderr bytes.Buffer
		_, err := stdcopy.StdCopy(writer, &limited{&stderr, 4096}, attached.Reader)
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = fmt.Errorf("%s: %s", strings.Join(command, " "), text)
		}
		_ = writer.CloseWithError(err) // nil becomes io.EOF
	}()
	return s, nil
}

type execStream struct {
	reader   *io.PipeReader
	conn     io.Writer
	closeAll func()
	done     chan struct{}
}

func (s *execStream) Read(p []byte) (int, error)  { return s.reader.Read(p) }
func (s *execStream) Write(p []byte) (int, error) { return s.conn.Write(p) }

func (s *execStream) Close() error {
	s.closeAll()
	_ = s.reader.Close()
	<-s.done
	return nil
}

// limited keeps the first bytes and swallows the rest.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	_, err := l.w.Write(p[:n])
	return len(p), err
}
