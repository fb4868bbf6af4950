//go:build !windows

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

const twoNodes = `
services:
  web: {image: "debian:trixie-slim", init: true, scale: 2, command: sleep infinity}
`

// faultLab is a lab of two nodes that runs for one test, and the program that works on it.
func faultLab(t *testing.T) (name string, ddsctl func(args ...string) *exec.Cmd, phase func(node string) engine.Phase) {
	t.Helper()
	client := dockerEngine(t)
	binary, err := built()
	require.NoError(t, err)
	name = projectName(strings.ToLower(t.Name()))
	name = "dcli-" + name[max(0, len(name)-30):]
	folder := filepath.Join(t.TempDir(), "lab")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, writeFile(filepath.Join(folder, "compose.yaml"), twoNodes))
	ddsctl = func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+client.Address(), "DDSCTL_NODE_BINARY="+binary)
		return cmd
	}
	t.Cleanup(func() {
		out, err := ddsctl("lab", "down", name).CombinedOutput()
		require.NoError(t, err, string(out))
		leftNothing(t, client, name)
	})
	out, err := ddsctl("lab", "up", folder, "--name", name).CombinedOutput()
	require.NoError(t, err, string(out))
	phase = func(node string) engine.Phase {
		state, err := client.State(context.Background(), name)
		require.NoError(t, err)
		names := engine.NodeNames(state.Containers)
		for _, c := range state.Containers {
			if names[c.ID] == node {
				return c.Phase
			}
		}
		return ""
	}
	return name, ddsctl, phase
}

// The fault's end does not depend on who injected it: ddsctl is killed with its whole process group as soon as the node is dead.
func TestAFaultEndsAlthoughDdsctlWasKilled(t *testing.T) {
	name, ddsctl, phase := faultLab(t)
	inject := ddsctl("fault", "inject", "kill", name, "web-1", "--for", "3s")
	inject.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, inject.Start())
	require.Eventually(t, func() bool { return phase("web-1") == engine.PhaseExited }, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, syscall.Kill(-inject.Process.Pid, syscall.SIGKILL), "it was still at it, or not yet waited for")
	_ = inject.Wait()
	// Nobody calls ddsctl meanwhile, which would heal what is overdue.
	require.Eventually(t, func() bool { return phase("web-1") == engine.PhaseRunning }, 30*time.Second, 50*time.Millisecond)
	out, err := ddsctl("fault", "list", name, "-o", "json").Output()
	require.NoError(t, err)
	require.JSONEq(t, "[]", string(out))
}

// Where whoever was left behind is killed too, the next ddsctl on that lab heals.
func TestAFaultThatIsOverdueIsHealedByTheNextCommand(t *testing.T) {
	name, ddsctl, phase := faultLab(t)
	out, err := ddsctl("fault", "inject", "pause", name, "web-2", "--for", "2s").CombinedOutput()
	require.NoError(t, err, string(out))
	killKeepers(t, name)
	time.Sleep(3 * time.Second) // the fault's own time, by the helper's clock
	require.Equal(t, engine.PhasePaused, phase("web-2"), "nobody has healed it yet")
	out, err = ddsctl("fault", "list", name, "-o", "json").Output()
	require.NoError(t, err)
	require.JSONEq(t, "[]", string(out))
	require.Equal(t, engine.PhaseRunning, phase("web-2"))
}

// killKeepers kills what `fault inject` left behind for a lab of this test.
func killKeepers(t *testing.T, name string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	killed := 0
	for _, file := range processes {
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasSuffix(string(text), "\x00fault\x00keep\x00"+name+"\x00") {
			continue
		}
		var pid int
		require.NoError(t, json.Unmarshal([]byte(filepath.Base(filepath.Dir(file))), &pid))
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		killed++
	}
	require.Equal(t, 1, killed, "one was left behind")
}

func TestWatchIsScrapedByPrometheus(t *testing.T) {
	name, ddsctl, _ := faultLab(t)
	watch := ddsctl("lab", "watch", name, "-o", "json", "--listen", "127.0.0.1:0")
	stdout, err := watch.StdoutPipe()
	require.NoError(t, err)
	stderr, err := watch.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, watch.Start())
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	url := regexp.MustCompile(`http://\S+/metrics`).FindString(line)
	require.NotEmpty(t, url, line)

	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	var snapshot telemetry.Snapshot
	for range 3 {
		require.True(t, lines.Scan())
		snapshot = telemetry.Snapshot{}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &snapshot), "one line a Snapshot")
	}
	require.Equal(t, name, snapshot.Project)
	require.Len(t, snapshot.Nodes, 3, "the client is a node of the lab, the wire is not")

	answer, err := http.Get(url) //nolint:gosec,noctx // our own
	require.NoError(t, err)
	defer answer.Body.Close() // only read
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `ddsctl_node_up{container_id="web-1"`)
	require.Contains(t, string(text), `ddsctl_source_up{`)

	require.NoError(t, watch.Process.Signal(os.Interrupt))
	for lines.Scan() { // until it ends
	}
	require.NoError(t, watch.Wait(), "Ctrl-C ends a watch well")
}
