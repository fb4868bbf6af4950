package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dashScreen is a tmux server of its own with the dashboard in it.
type dashScreen struct {
	t      *testing.T
	socket string
}

func (s dashScreen) tmux(args ...string) string {
	var errors bytes.Buffer
	cmd := exec.Command("tmux", append([]string{"-S", s.socket, "-u"}, args...)...)
	cmd.Stderr = &errors
	out, err := cmd.Output()
	require.NoError(s.t, err, "tmux %v: %s", args, errors.String())
	return string(out)
}

func (s dashScreen) text() string { return s.tmux("capture-pane", "-p") }

func (s dashScreen) keys(keys ...string) { s.tmux(append([]string{"send-keys"}, keys...)...) }

// shows waits until the screen shows a pattern. The limit is no measure: what is waited for must come.
func (s dashScreen) shows(what, pattern string) {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(3 * time.Minute)
	for !re.MatchString(s.text()) {
		if time.Now().After(deadline) {
			require.Fail(s.t, "the dashboard does not show "+what, "%s\n%s", pattern, s.text())
		}
		<-time.After(100 * time.Millisecond)
	}
}

// buildStatic builds the program as it is released: a helper's image takes no other.
func buildStatic(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "ddsctl")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// A person starts a lab from the picker, kills a shard, sees the errors, heals it, sees them go, and leaves.
func TestDashInATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	_, err := exec.LookPath("tmux")
	require.NoError(t, err, "this test drives the dashboard in tmux: apt-get install tmux")
	program := buildStatic(t)
	project := fmt.Sprintf("dash-test-%d", os.Getpid())
	s := dashScreen{t, filepath.Join(t.TempDir(), "tmux")}
	down := func() ([]byte, error) { return exec.Command(program, "lab", "down", project).CombinedOutput() }
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", s.socket, "kill-server").Run()
		_, _ = down()
		left, err := exec.Command("docker", "ps", "-aq", "--filter", "label=com.docker.compose.project="+project).Output()
		require.NoError(t, err)
		require.Empty(t, strings.TrimSpace(string(left)), "containers are left")
	})
	// A lab of another name keeps the dashboard from opening the only one that runs, so that the picker is seen in any case.
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "130", "-y", "42", "env LANG=C.UTF-8 TERM=xterm-256color sh -c 'stty sane; "+program+" dash; echo left with $?; stty -a; exec sleep 600'")
	s.shows("the dashboard", "ddsctl ")
	if !strings.Contains(s.text(), "choose a lab") { // exactly one lab of somebody's runs, and was opened
		s.shows("that lab", "topology")
		s.keys("L")
	}
	s.shows("the picker", `choose a lab`)
	s.keys(":")
	s.keys("-l", "lab up sharded-redis --free-ports --name "+project)
	s.keys("Enter")
	s.shows("the lab's topology", project+`(?s).*topology.*redis-2`)
	s.shows("traffic without errors", `errors (0|0\.[0-9]|<0\.1) %`)

	s.keys("Tab", "Tab", "Tab") // client, redis-1, redis-2
	s.shows("the selected shard", `─ ● redis-2 ─`)
	s.keys("x")
	s.shows("the command", `ddsctl fault inject kill.* redis-2`)
	s.shows("the dead shard", `✗ redis-2`)
	s.shows("the errors", `errors [1-9][0-9]* %`)
	s.keys("u")
	s.shows("the healed shard", `● redis-2`)
	s.shows("recovery", `errors (0|0\.[0-9]|<0\.1) %`)
	s.shows("no fault", `no faults`)
	s.keys("q")
	s.shows("the end", `left with 0`)
	after := s.text()
	require.NotContains(t, after, "topology", "the screen is given back")
	require.Regexp(t, `[^-]echo`, after, "the terminal echoes again")
	require.Regexp(t, `[^-]icanon`, after, "the terminal reads lines again")
	out, err := down()
	require.NoError(t, err, string(out))
}

func TestDashGivesTheTerminalBackOnSIGTERM(t *testing.T) {
	if testing.Short() {
		t.Skip("drives tmux")
	}
	program := buildStatic(t)
	recording, err := filepath.Abs("../../tui/testdata/recorded/sharded-redis.jsonl")
	require.NoError(t, err)
	s := dashScreen{t, filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	pid := filepath.Join(t.TempDir(), "pid")
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "130", "-y", "42",
		"env LANG=C.UTF-8 TERM=xterm-256color sh -c '"+program+" dash --replay "+recording+" & echo $! > "+pid+"; fg 2>/dev/null || wait; echo left; stty -a; exec sleep 600'")
	s.shows("the dashboard", `topology`)
	number, err := os.ReadFile(pid)
	require.NoError(t, err)
	require.NoError(t, exec.Command("kill", "-TERM", strings.TrimSpace(string(number))).Run())
	s.shows("the end", `left`)
	require.Regexp(t, `[^-]icanon`, s.text())
	require.NotContains(t, s.text(), "topology")
}
