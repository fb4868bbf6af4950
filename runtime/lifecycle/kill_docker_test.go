package lifecycle_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
)

// killed is brought up by a process that dies on the way.
const killed = `
services:
  base:
    image: debian:trixie-slim
    init: true
    command: sleep infinity
    volumes: ["data:/data"]
    networks: [front, back]
    healthcheck: {test: ["CMD", "true"]}
  shard:
    image: debian:trixie-slim
    init: true
    command: sleep infinity
    scale: 2
    networks: [back]
    configs: [{source: c, target: /etc/c}]
  sidecar:
    image: debian:trixie-slim
    init: true
    command: sleep infinity
    network_mode: "service:base"
    depends_on: {base: {condition: service_healthy}}
volumes: {data: {}}
networks: {front: {}, back: {}}
configs: {c: {content: "x"}}
`

// TestMain lets the test binary be the process that is killed: `up` of a project, alone.
func TestMain(m *testing.M) {
	name := os.Getenv("DDSCTL_LIFECYCLE_TEST_UP")
	if name == "" {
		os.Exit(m.Run())
	}
	if err := upAlone(name, os.Getenv("DDSCTL_LIFECYCLE_TEST_LOCKS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func upAlone(name, locks string) error {
	ctx := context.Background()
	c, err := docker.New(ctx, docker.Options{})
	if err != nil {
		return err
	}
	p, err := loadProject(os.TempDir(), name, killed)
	if err != nil {
		return err
	}
	fmt.Println("begin")
	_, err = lifecycle.New(c, lifecycle.Options{Address: c.Address(), LockDir: locks}).Up(ctx,
		lifecycle.Spec{Lab: "lctest", Project: p}, lifecycle.UpOptions{}, func(p lifecycle.Progress) {
			if p.State == lifecycle.StepWaiting {
				fmt.Println(p.Text)
			}
		})
	return err
}

func (w *world) process() *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "DDSCTL_LIFECYCLE_TEST_UP="+w.name, "DDSCTL_LIFECYCLE_TEST_LOCKS="+w.locks)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestKilledAtTenMomentsTheNextUpCompletes(t *testing.T) {
	w := newWorld(t)
	// How long a whole `up` takes decides when to kill.
	begin := time.Now()
	_, err := w.up(killed)
	require.NoError(t, err)
	whole := time.Since(begin)
	w.down()
	const moments = 10
	random := rand.New(rand.NewPCG(1, 2))
	for i := range moments {
		after := whole*time.Duration(i)/moments + time.Duration(random.Int64N(int64(whole/moments)))
		cmd := w.process()
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = out.Read(make([]byte, 1))
		require.NoError(t, err)
		timer := time.NewTimer(after)
		<-timer.C
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		t.Logf("killed after %s with %s", after, count(w.state()))

		if i%3 == 2 { // no `up` in between: `down` alone must do
			w.down()
			continue
		}
		_, err = w.up(killed)
		require.NoError(t, err)
		state := w.state()
		require.Equal(t, "4 containers, 2 networks, 1 volumes", count(state))
		for _, c := range state.Containers {
			require.Equal(t, engine.PhaseRunning, c.Phase, c.Name)
		}
		again, err := w.up(killed)
		require.NoError(t, err)
		require.Equal(t, "nothing to change", again.Summary())
		w.down()
	}
}

func count(s engine.State) string {
	return fmt.Sprintf("%d containers, %d networks, %d volumes", len(s.Containers), len(s.Networks), len(s.Volumes))
}

func (w *world) down() {
	w.t.Helper()
	_, err := w.life.Down(context.Background(), w.name, lifecycle.DownOptions{}, nil)
	require.NoError(w.t, err)
	require.True(w.t, w.state().Empty(), "%+v", w.state())
}

func TestTwoUpsAtOnceTakeTurns(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	outputs := make([]string, 2)
	for i := range outputs {
		wg.Go(func() {
			out, err := w.process().Output()
			if err != nil {
				t.Errorf("process %d: %v", i, err)
			}
			outputs[i] = string(out)
		})
	}
	wg.Wait()
	require.Equal(t, 1, strings.Count(strings.Join(outputs, ""), "waiting until it is done"), outputs)
	require.Equal(t, "4 containers, 2 networks, 1 volumes", count(w.state()))
	again, err := w.up(killed)
	require.NoError(t, err)
	require.Equal(t, "nothing to change", again.Summary())
}
