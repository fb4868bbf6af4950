//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"
)

// screen is ddsctl on a terminal of its own: what it writes, and the keys it gets.
type screen struct {
	t    *testing.T
	cmd  *exec.Cmd
	keys *os.File
	tty  *os.File // the side that ddsctl has, kept open to look at its modes
	done chan struct{}

	before *term.State

	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{}
}

// on is the same user in a part of the test.
func (u user) on(t *testing.T) *user {
	u.t = t
	return &u
}

func (u *user) screen(rows, columns uint16, env []string, args ...string) *screen {
	u.t.Helper()
	keys, tty, err := pty.Open()
	require.NoError(u.t, err)
	require.NoError(u.t, pty.Setsize(keys, &pty.Winsize{Rows: rows, Cols: columns}))
	s := &screen{t: u.t, cmd: u.command(u.t.Context(), args...), keys: keys, tty: tty, done: make(chan struct{}), came: make(chan struct{}, 1)}
	s.cmd.Env = append(append(s.cmd.Env, "LC_ALL=C.UTF-8", "TERM=xterm-256color", "NO_COLOR="), env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = tty, tty, tty
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	s.before, err = term.GetState(int(tty.Fd()))
	require.NoError(u.t, err)
	require.NoError(u.t, s.cmd.Start())
	go s.read()
	u.t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		_ = tty.Close()
		_ = keys.Close()
		<-s.done
	})
	return s
}

func (s *screen) read() {
	defer close(s.done)
	buffer := make([]byte, 4096)
	for {
		n, err := s.keys.Read(buffer)
		s.mu.Lock()
		s.text.Write(buffer[:n])
		s.mu.Unlock()
		select {
		case s.came <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// waitFor returns once what was written matches.
func (s *screen) waitFor(pattern string) {
	s.t.Helper()
	if !s.shows(pattern, time.Minute) {
		s.t.Fatalf("%q never came:\n%s", pattern, s.all())
	}
}

// shows says whether what was written matches in the end, at the latest after so long.
func (s *screen) shows(pattern string, most time.Duration) bool {
	re, limit := regexp.MustCompile(pattern), time.After(most)
	for !re.MatchString(ansi.Strip(s.all())) {
		select {
		case <-s.came:
		case <-limit:
			return false
		}
	}
	return true
}

func (s *screen) press(keys string) {
	s.t.Helper()
	_, err := io.WriteString(s.keys, keys)
	require.NoError(s.t, err)
}

// end waits for ddsctl to end and returns its exit code.
func (s *screen) end() int {
	s.t.Helper()
	// What does not end is killed, so that the test fails and does not wait for ever.
	defer time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() }).Stop()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

const ctrlC = "\x03"

func TestOnATerminal(t *testing.T) {
	u := newUser(t, "tty")
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(folder+"/compose.yaml", []byte(`
name: tty
services:
  web:
    image: debian:trixie-slim
    init: true
    command: sh -c 'while true; do echo tick; sleep 0.2; done'
  slow:
    image: debian:trixie-slim
    init: true
    command: sleep infinity
    depends_on: [web]
    healthcheck: {test: [CMD, test, -f, /tmp/go], interval: 60s}
`), 0o600))

	t.Run("Ctrl-C while it comes up ends it in good order, and says so", func(t *testing.T) {
		s := u.on(t).screen(24, 80, nil, "lab", "up", folder, "--name", u.name)
		s.waitFor(`slow.*waiting for`)
		s.press(ctrlC)
		require.Equal(t, exitFailed, s.end())
		s.waitFor(`error: interrupted`)
	})

	t.Run("the display is alive, coloured and never wraps", func(t *testing.T) {
		s := u.on(t).screen(24, 44, nil, "lab", "up", folder, "--name", u.name)
		s.waitFor(`slow.*waiting for`)
		u.on(t).run("lab", "exec", u.name, "slow", "touch", "/tmp/go")
		require.Zero(t, s.end())
		s.waitFor(`try next`)
		require.Contains(t, s.all(), "\x1b[", "redrawn in place")
		require.Contains(t, s.all(), "✓")
		before, _, _ := strings.Cut(ansi.Strip(s.all()), " is up")
		for _, line := range strings.Split(before, "\r\n") {
			if !strings.HasPrefix(line, "warning:") { // sentences are the terminal's to wrap
				require.LessOrEqual(t, ansi.StringWidth(line), 44, "%q", line)
			}
		}
	})

	t.Run("NO_COLOR and --no-color leave colours out", func(t *testing.T) {
		color := regexp.MustCompile(`\x1b\[[0-9;]*m`)
		s := u.on(t).screen(24, 80, nil, "lab", "status", u.name)
		require.Zero(t, s.end())
		s.waitFor(`slow +running +ready`)
		require.Regexp(t, color, s.all())
		for _, c := range []struct{ env, args []string }{{env: []string{"NO_COLOR=1"}}, {args: []string{"--no-color"}}} {
			s := u.on(t).screen(24, 80, c.env, append([]string{"lab", "status", u.name}, c.args...)...)
			require.Zero(t, s.end())
			s.waitFor(`slow +running +ready`)
			require.NotRegexp(t, color, s.all())
		}
	})

	t.Run("following logs ends with Ctrl-C, which is no failure", func(t *testing.T) {
		s := u.on(t).screen(24, 80, nil, "lab", "logs", "-f", u.name, "web", "-n", "1")
		s.waitFor(`(?s)web \| tick.*web \| tick`)
		s.press(ctrlC)
		require.Zero(t, s.end())
	})

	t.Run("a shell has the whole terminal, and gives it back", func(t *testing.T) {
		s := u.on(t).screen(33, 99, nil, "lab", "shell", u.name, "web")
		s.waitFor(`# $`)
		s.press("sleep 1; stty size\r") // old engines learn the size after the start
		s.waitFor(`33 99`)
		require.NoError(t, pty.Setsize(s.keys, &pty.Winsize{Rows: 11, Cols: 55}))
		s.press("sleep 1; stty size\r")
		s.waitFor(`11 55`)
		s.press("sh -c 'echo be\"\"gun; sleep 1000'\r")
		s.waitFor(`begun`)
		// To the command, not to ddsctl. Pressed while the container's shell is starting the command, it may get lost: people press it again.
		for presses := 1; ; presses++ {
			s.press(ctrlC)
			if s.shows(`begun\s(?s:.*)# $`, 5*time.Second) {
				break
			}
			require.Less(t, presses, 10, s.all())
		}
		s.press("echo $TERM; exit 7\r")
		require.Equal(t, 7, s.end())
		s.waitFor(`xterm-256color`)
		after, err := term.GetState(int(s.tty.Fd()))
		require.NoError(t, err)
		require.Equal(t, s.before, after)
	})
	u.run("lab", "down", u.name)
}
