//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

// ownEngine is a Docker engine of the test's own, in a network of its own, that may be ended and started again: containers live on.
type ownEngine struct {
	t       *testing.T
	dir     string
	network *netlab.Namespace
	daemon  *exec.Cmd
	ended   chan error
}

func newOwnEngine(t *testing.T) *ownEngine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start an engine of its own")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("this machine has no dockerd of its own to restart")
	}
	dir, err := os.MkdirTemp("", "ddsctl-engine-") //nolint:usetesting // its path must be short, since a socket has it, and it holds mounts
	require.NoError(t, err)
	e := &ownEngine{t: t, dir: dir, network: netlab.New(t).Host}
	t.Cleanup(func() {
		e.stop()
		for _, mount := range mountsUnder(t, dir) { // an engine whose containers may live on leaves them
			require.NoError(t, syscall.Unmount(mount, 0), mount)
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	e.start()
	return e
}

// mountsUnder are the mounts in a folder, the innermost first.
func mountsUnder(t *testing.T, dir string) []string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	var mounts []string
	for line := range strings.Lines(string(table)) {
		const mountPoint = 4 // proc_pid_mountinfo(5)
		if fields := strings.Fields(line); len(fields) > mountPoint && strings.HasPrefix(fields[mountPoint], dir+"/") {
			mounts = append(mounts, fields[mountPoint])
		}
	}
	slices.Reverse(mounts) // they stand in the order in which they were made
	return mounts
}

func (e *ownEngine) path(name string) string { return filepath.Join(e.dir, name) }

func (e *ownEngine) address() string { return "unix://" + e.path("sock") }

func (e *ownEngine) log() string {
	text, _ := os.ReadFile(e.path("log"))
	return string(text)
}

func (e *ownEngine) start() {
	e.t.Helper()
	log, err := os.OpenFile(e.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(e.t, err)
	defer log.Close()
	e.daemon = exec.Command("dockerd", "--data-root", e.path("data"), "--exec-root", e.path("run"), "--pidfile", e.path("pid"), "--host", e.address(),
		"--containerd-namespace", "ddsctl-test", "--containerd-plugins-namespace", "ddsctl-test-plugins", "--bridge", "none", "--live-restore")
	e.daemon.Stdout, e.daemon.Stderr = log, log
	e.network.Do(e.t, e.daemon.Start) // a child is in the network of the thread that starts it
	e.ended = make(chan error, 1)
	daemon, ended := e.daemon, e.ended
	go func() { ended <- daemon.Wait() }()
	require.Eventually(e.t, func() bool {
		return exec.Command("docker", "--host", e.address(), "version").Run() == nil
	}, time.Minute, 100*time.Millisecond, "%s", e.log())
}

// stop ends the engine and waits; its containers run on.
func (e *ownEngine) stop() {
	if e.daemon == nil {
		return
	}
	_ = e.daemon.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.ended:
	case <-time.After(time.Minute):
		_ = e.daemon.Process.Kill()
		<-e.ended
	}
	e.daemon = nil
}

// A lab with traffic that needs no image but ddsctl's own, which an empty engine can be given at once.
var oneService = map[string]string{
	"compose.yaml": `
services:
  web:
    image: ddsctl/node
    command: [node, web, --name, web]
    read_only: true
    cap_drop: [ALL]
    mem_limit: 96m
`,
	"lab.yaml": `
version: 1
title: One service
services:
  web:
    kind: web
    ready:
      - http: {port: 8080, path: /readyz}
links:
  - {from: client, to: web, port: 8080}
workloads:
  - name: visitors
    target: http://web:8080/
    arrival: {rate: 50}
    timeout: 2s
`,
}

// The engine is ended under the dashboard's eyes and comes back; the lab's containers have lived on.
func TestDashSaysThatTheEngineIsLostAndFindsItAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	engine := newOwnEngine(t)
	program := buildStatic(t)
	lab := filepath.Join(t.TempDir(), "lost-and-found")
	require.NoError(t, os.Mkdir(lab, 0o755))
	for name, text := range oneService {
		require.NoError(t, os.WriteFile(filepath.Join(lab, name), []byte(text), 0o600))
	}
	environment := []string{"DOCKER_HOST=" + engine.address(), "XDG_STATE_HOME=" + t.TempDir()}
	run := func(args ...string) string {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), environment...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v: %s\n%s", args, out, engine.log())
		return string(out)
	}
	run("lab", "up", lab)
	s := dashScreen{t, filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "130", "-y", "42",
		fmt.Sprintf("env LANG=C.UTF-8 TERM=xterm-256color %s %s dash lost-and-found; echo left with $?; exec sleep 600", strings.Join(environment, " "), program))
	const flowing = `[1-9][0-9]*(\.[0-9])?/s of 50/s +errors 0 %`
	s.shows("traffic", flowing)
	s.shows("that all is live", `● live`)

	engine.stop()
	s.shows("that the engine is lost", `engine out of reach, trying again`)
	require.NotContains(t, s.text(), "● live")
	engine.start()
	s.shows("that it is found again", `● live`)
	s.shows("traffic again", flowing)
	s.shows("the node's state", `● web +ready`)
	s.keys("q")
	s.shows("the end", `left with 0`)
	run("lab", "down", "lost-and-found")
}
