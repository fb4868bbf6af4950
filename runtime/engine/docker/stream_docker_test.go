package docker_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
)

// shell runs a container whose first process is a script; it goes with the test.
func shell(t *testing.T, c *docker.Client, script string) string {
	t.Helper()
	spec := engine.ContainerSpec{Name: fmt.Sprintf("ddsctl-stream-%d-%d", os.Getpid(), time.Now().UnixNano())}
	spec.Service.Image, spec.Service.Command = "debian:trixie-slim", types.ShellCommand{"sh", "-c", script}
	id, err := c.CreateContainer(t.Context(), spec)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.RemoveContainer(context.Background(), id)) })
	require.NoError(t, c.StartContainer(t.Context(), id))
	return id
}

// count counts lines as they come, and keeps only the last.
type count struct {
	lines int
	last  []byte
	rest  []byte
}

func (c *count) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		end := bytes.IndexByte(c.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		c.lines++
		c.last = bytes.Clone(c.rest[:end])
		c.rest = c.rest[end+1:]
	}
}

func TestALongLogComesWhole(t *testing.T) {
	c := client(t)
	const lines = 100_000
	id := shell(t, c, fmt.Sprintf(`seq -f 'line %%.0f of a log that is long' %d`, lines))
	var followed count
	require.NoError(t, c.Logs(t.Context(), id, engine.LogSpec{Follow: true, Tail: -1}, &followed, io.Discard))
	require.Equal(t, lines, followed.lines)
	require.Equal(t, fmt.Sprintf("line %d of a log that is long", lines), string(followed.last))
	var tail count
	require.NoError(t, c.Logs(t.Context(), id, engine.LogSpec{Tail: 1000}, &tail, io.Discard))
	require.Equal(t, 1000, tail.lines)

	// A line may be longer than what an engine reads at once.
	long := shell(t, c, `head -c 100000 /dev/zero | tr '\0' x; echo; echo after`)
	_, err := c.WaitContainer(t.Context(), long)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, c.Logs(t.Context(), long, engine.LogSpec{Follow: true, Tail: -1}, &out, io.Discard))
	require.Equal(t, strings.Repeat("x", 100_000)+"\nafter\n", out.String())
}

func TestWhoReadsSlowlyMissesNothing(t *testing.T) {
	c := client(t)
	id := shell(t, c, "exec sleep infinity")
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		code, err := c.Exec(t.Context(), id, engine.ExecSpec{Command: []string{"seq", "100000"}, Stdout: writer})
		if err == nil && code != 0 {
			err = fmt.Errorf("code %d", code)
		}
		_ = writer.CloseWithError(err)
		done <- err
	}()
	lines := 0
	for scanner := bufio.NewScanner(reader); scanner.Scan(); lines++ {
		if lines%30_000 == 0 {
			<-time.After(100 * time.Millisecond) // longer than what the pipes hold
		}
	}
	require.NoError(t, <-done)
	require.Equal(t, 100_000, lines)
}

func TestMuchInputReachesACommand(t *testing.T) {
	c := client(t)
	id := shell(t, c, "exec sleep infinity")
	var out bytes.Buffer
	code, err := c.Exec(t.Context(), id, engine.ExecSpec{Command: []string{"wc", "-c"}, Stdin: io.LimitReader(zeros{}, 8<<20), Stdout: &out})
	require.NoError(t, err)
	require.Zero(t, code)
	require.Equal(t, "8388608", strings.TrimSpace(out.String()))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestATerminalHasItsSizeAndItsChanges(t *testing.T) {
	c := client(t)
	id := shell(t, c, "exec sleep infinity")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, keys := io.Pipe()
	screen, out := io.Pipe()
	sizes := make(chan engine.TerminalSize, 1)
	sizes <- engine.TerminalSize{Rows: 40, Columns: 100}
	var ended sync.WaitGroup
	ended.Go(func() {
		code, err := c.Exec(ctx, id, engine.ExecSpec{Command: []string{"sh", "-c", "stty -echo; while read key && [ $key != q ]; do stty size; done; exit 5"},
			TTY: true, Stdin: in, Stdout: out, Resize: sizes})
		_ = out.CloseWithError(err)
		if code != 5 || err != nil {
			t.Errorf("code %d, error %v", code, err)
		}
	})
	lines := bufio.NewReader(screen)
	until := func(want string) {
		t.Helper()
		for {
			_, err := fmt.Fprintln(keys, "k")
			require.NoError(t, err)
			line, err := lines.ReadString('\n')
			require.NoError(t, err, "the size never was %s", want)
			if strings.Contains(line, want) {
				return
			}
		}
	}
	until("40 100")
	sizes <- engine.TerminalSize{Rows: 24, Columns: 80}
	until("24 80")
	_, err := fmt.Fprintln(keys, "q")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, lines)
	require.NoError(t, err)
	ended.Wait()
}

func TestAContainerThatIsRemovedEndsWhatWaitsForIt(t *testing.T) {
	c := client(t)
	id := shell(t, c, "exec sleep infinity")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stream, err := c.OpenExec(ctx, id, []string{"cat"})
	require.NoError(t, err)
	defer func() { require.NoError(t, stream.Close()) }()
	_, err = stream.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(stream, make([]byte, 1))
	require.NoError(t, err)
	followed := make(chan error, 1)
	go func() { followed <- c.Logs(ctx, id, engine.LogSpec{Follow: true, Tail: -1}, io.Discard, io.Discard) }()
	require.NoError(t, c.RemoveContainer(ctx, id))
	_, err = stream.Read(make([]byte, 1))
	require.Error(t, err, "a stream into it ends")
	require.NoError(t, ctx.Err())
	<-followed // with an error or without one, but it ends
	_, err = c.WaitContainer(ctx, id)
	require.ErrorIs(t, err, engine.ErrNotFound)
}
