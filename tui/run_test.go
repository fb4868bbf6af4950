package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/synth"
)

// patience bounds how long a test waits for what must come; it is no measure.
const patience = 20 * time.Second

// worked is a lab in memory that acts change: what a Commander does shows in its Source.
type worked struct {
	mu  sync.Mutex
	lab *synth.Lab
}

func (w *worked) Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return func(yield func(telemetry.Snapshot, error) bool) {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			w.mu.Lock()
			s := w.lab.Next()
			w.mu.Unlock()
			if !yield(s, nil) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}
}

func (w *worked) run(args []string, _ io.Writer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch line := strings.Join(args, " "); {
	case strings.HasPrefix(line, "lab up"):
	case strings.HasPrefix(line, "fault inject kill"):
		w.lab.Kill(args[len(args)-1])
	case strings.HasPrefix(line, "fault heal"):
		w.lab.Heal("")
	default:
		return fmt.Errorf("unknown command %q", line)
	}
	return nil
}

type workedHome struct{ w *worked }

func (h workedHome) Entries(context.Context) ([]Entry, error) {
	return []Entry{{Slug: "sharded-redis", Title: "Sharded Redis", Chapter: 3}}, nil
}

func (h workedHome) Open(context.Context, string) (*Session, error) {
	return &Session{Project: "sharded-redis", Source: h.w}, nil
}

// eye waits until the emulated screen shows something.
func eye(t *testing.T, screen *vt.SafeEmulator, what string, shows func(text string) bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !shows(screen.Render()) {
		if time.Now().After(deadline) {
			require.Fail(t, "the screen does not show "+what, screen.Render())
		}
		<-time.After(10 * time.Millisecond)
	}
}

func has(words ...string) func(string) bool {
	return func(text string) bool {
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}
}

// cooked does what a terminal's driver does while nobody has made it raw: a new line begins at the left.
type cooked struct{ io.Writer }

func (c cooked) Write(b []byte) (int, error) {
	_, err := c.Writer.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	return len(b), err
}

func emulator(t *testing.T) *vt.SafeEmulator {
	screen := vt.NewSafeEmulator(120, 40)
	done := make(chan struct{})
	go func() { // answers to queries go nowhere
		defer close(done)
		_, _ = io.Copy(io.Discard, screen)
	}()
	// The emulator's own Close is not safe beside a Read; the end of its pipe is.
	answers, ok := screen.InputPipe().(io.Closer)
	require.True(t, ok)
	t.Cleanup(func() { _ = answers.Close(); <-done })
	return screen
}

var environment = []string{"TERM=xterm-256color", "NO_COLOR=1"}

func TestFromThePickerThroughAFaultToItsEnd(t *testing.T) {
	w := &worked{lab: synth.New(synth.ShardedRedis(), 1, start)}
	screen := emulator(t)
	in, keys := io.Pipe()
	press := func(text string) { _, _ = io.WriteString(keys, text) }
	ended := make(chan error, 1)
	go func() {
		ended <- Run(context.Background(), Options{Home: workedHome{w}, Commander: &fakeCommander{do: w.run}, Now: time.Now}, Terminal{In: in, Out: cooked{screen}, Width: 120, Height: 40, Environment: environment})
	}()
	eye(t, screen, "the catalogue", has("sharded-redis", "CHAPTER 3"))
	press("\r")
	eye(t, screen, "the topology", has("topology", "redis-2", "twemproxy", "errors 0 %"))
	press("\x1b[C\x1b[C\x1b[C")
	eye(t, screen, "the selected shard", has("● redis-2 ─", "keys"))
	press("x")
	eye(t, screen, "errors", func(text string) bool {
		return strings.Contains(text, "✗ redis-2") && strings.Contains(text, "ddsctl fault inject kill redis-2") && !strings.Contains(text, "errors 0 %")
	})
	press("u")
	eye(t, screen, "recovery", has("● redis-2", "errors 0 %", "no faults"))
	press("q")
	require.NoError(t, <-ended)
}

// terminal keeps what is written.
type terminal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// restored says that the alternate screen was left, the cursor shown, and the mouse given back.
func restored(t *testing.T, out string) {
	t.Helper()
	require.Contains(t, out, "\x1b[?1049h", "it has run")
	for _, pair := range [][2]string{{"\x1b[?1049h", "\x1b[?1049l"}, {"\x1b[?25l", "\x1b[?25h"}, {"\x1b[?1002h", "\x1b[?1002l"}, {"\x1b[?1004h", "\x1b[?1004l"}} {
		require.Greater(t, strings.LastIndex(out, pair[1]), strings.LastIndex(out, pair[0]), "%q is taken back", pair[0])
	}
}

// failing panics in its own goroutine once its first Snapshot is seen on the terminal.
type failing struct {
	lab *synth.Lab
	out *terminal
}

func (f failing) Snapshots(context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return func(yield func(telemetry.Snapshot, error) bool) {
		yield(f.lab.Next(), nil)
		f.out.await("twemproxy")
		panic("a source that fails")
	}
}

// await waits until something was written.
func (t *terminal) await(text string) {
	for deadline := time.Now().Add(patience); !strings.Contains(t.String(), text) && time.Now().Before(deadline); {
		<-time.After(10 * time.Millisecond)
	}
}

func TestTheTerminalIsRestoredAfterAPanic(t *testing.T) {
	var out terminal
	in, _ := io.Pipe()
	err := Run(context.Background(), Options{Session: &Session{Project: "x", Source: failing{synth.New(synth.ShardedRedis(), 1, start), &out}}},
		Terminal{In: in, Out: &out, Width: 100, Height: 30, Environment: environment})
	require.ErrorContains(t, err, "panic")
	restored(t, out.String())
}

func TestTheTerminalIsRestoredWhenTheContextEnds(t *testing.T) {
	var out terminal
	in, _ := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Session: &Session{Project: "x", Source: &worked{lab: synth.New(synth.ShardedRedis(), 1, start)}}},
			Terminal{In: in, Out: &out, Width: 100, Height: 30, Environment: environment})
	}()
	out.await("twemproxy")
	cancel()
	err := <-ended
	require.True(t, err == nil || errors.Is(err, context.Canceled), "%v", err)
	restored(t, out.String())
}

func TestARecorderGetsWhatTheTerminalGets(t *testing.T) {
	var out, recorded terminal
	in, keys := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(context.Background(), Options{Session: &Session{Project: "x", Source: &worked{lab: synth.New(synth.ShardedRedis(), 1, start)}}},
			Terminal{In: in, Out: &out, Recorder: &recorded, Width: 100, Height: 30, Environment: environment})
	}()
	out.await("twemproxy")
	_, _ = io.WriteString(keys, "q")
	require.NoError(t, <-ended)
	require.Equal(t, out.String(), recorded.String())
}
