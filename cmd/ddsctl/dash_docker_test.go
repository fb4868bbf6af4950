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

// shows waits until the screen shows a pattern.
func (s dashScreen) shows(what, pattern string) { s.t.Helper(); s.until(what, pattern, true) }

// hides waits until the screen shows a pattern no more.
func (s dashScreen) hides(what, pattern string) {
	s.t.Helper()
	s.until("no more "+what, pattern, false)
}

// The limit is no measure: what is waited for must come.
func (s dashScreen) until(what, pattern string, there bool) {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(3 * time.Minute)
	for re.MatchString(s.text()) != there {
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

const quickScenario = `
version: 1
title: A quick look
lab: sharded-redis
phases:
  - {name: calm, for: 3s}
expect:
  - errors < 50% during calm
`

// A person starts a lab from the picker, kills a shard, sees the errors, heals it, sees them go, runs a scenario, checks an
// exercise, and leaves.
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
	t.Setenv("XDG_STATE_HOME", t.TempDir())
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

	quick := filepath.Join(t.TempDir(), "quick.yaml")
	require.NoError(t, os.WriteFile(quick, []byte(quickScenario), 0o600))
	s.keys(":")
	s.keys("-l", "scenario run "+quick)
	s.keys("Enter")
	s.shows("the scenario's verdict", `A quick look: holds`)
	require.Contains(t, s.text(), "$ ddsctl scenario run "+quick)
	s.keys("Escape") // and what follows at once would be one key with it
	s.hides("the scenario's verdict", `A quick look: holds`)
	s.keys(":")
	s.keys("-l", "exercise check which-shard")
	s.keys("Enter")
	s.shows("what the exercise's check found", `0 of 2 points`)
	s.keys("Escape")
	s.hides("what the exercise's check found", `0 of 2 points`)
	require.Contains(t, s.text(), project, "all of it on the lab that is watched")

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
