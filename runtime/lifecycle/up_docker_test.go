package lifecycle_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

func client(t *testing.T) *docker.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	c, err := docker.New(context.Background(), docker.Options{})
	require.NoError(t, err)
	require.NoError(t, c.Ping(context.Background()))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// project loads a Compose file under a name of its own.
func project(t *testing.T, name, yaml string) *types.Project {
	t.Helper()
	p, err := loadProject("/lctest", name, yaml)
	require.NoError(t, err)
	return p
}

func loadProject(dir, name, yaml string) (*types.Project, error) {
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml"), Content: []byte(yaml)}},
	}, func(o *loader.Options) { o.SetProjectName(name, true) })
}

// world is one lab in Docker. At the end of the test it is taken down, and nothing of it may be left.
type world struct {
	t      *testing.T
	client *docker.Client
	life   *lifecycle.Lifecycle
	name   string
	locks  string
}

func newWorld(t *testing.T) *world {
	c := client(t)
	name := "lctest-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	if len(name) > 40 {
		name = name[:40]
	}
	w := &world{t: t, client: c, name: fmt.Sprintf("%s-%d", name, os.Getpid()), locks: t.TempDir()}
	w.life = lifecycle.New(c, lifecycle.Options{Address: c.Address(), LockDir: w.locks})
	t.Cleanup(func() {
		_, err := w.life.Down(context.Background(), w.name, lifecycle.DownOptions{}, nil)
		require.NoError(t, err)
		require.Empty(t, w.state().Containers)
		require.True(t, w.state().Empty(), "down leaves nothing")
	})
	return w
}

func (w *world) state() engine.State {
	w.t.Helper()
	state, err := w.client.State(context.Background(), w.name)
	require.NoError(w.t, err)
	return state
}

func (w *world) up(yaml string, change ...func(*lifecycle.Spec)) (lifecycle.Result, error) {
	w.t.Helper()
	spec := lifecycle.Spec{Lab: "lctest", Project: project(w.t, w.name, yaml)}
	for _, f := range change {
		f(&spec)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return w.life.Up(ctx, spec, lifecycle.UpOptions{}, func(p lifecycle.Progress) {
		if p.State != lifecycle.StepStarted {
			w.t.Logf("%d/%d %s %s %s", p.Done, p.Total, p.Text, p.State, p.Elapsed)
		}
	})
}

const story = `
services:
  store:
    image: debian:trixie-slim
    command: ["sh", "-c", "touch /data/ready; trap 'exit 0' TERM; while :; do sleep 0.05; done"]
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "test", "-f", "/data/ready"]}
  prepare:
    image: debian:trixie-slim
    command: ["sh", "-c", "echo prepared > /data/prepared"]
    volumes: ["data:/data"]
  front:
    image: debian:trixie-slim
    command: ["sh", "-c", "cat /etc/front.conf /data/prepared; exec sleep infinity"]
    init: true
    volumes: ["data:/data:ro"]
    configs: [{source: front, target: /etc/front.conf}]
    depends_on:
      store: {condition: service_healthy}
      prepare: {condition: service_completed_successfully}
volumes: {data: {}}
configs: {front: {content: "GREETING"}}
`

func withLogProbe(pattern string) func(*lifecycle.Spec) {
	return func(s *lifecycle.Spec) {
		s.Probes = map[string][]ready.Probe{"front": {{Kind: ready.Log, Pattern: pattern}}}
	}
}

func TestUpTwiceThenOneChange(t *testing.T) {
	w := newWorld(t)
	result, err := w.up(story, withLogProbe("prepared"))
	require.NoError(t, err)
	require.Equal(t, "created 3 containers, 1 network and 1 volume", result.Summary())
	for _, c := range w.state().Containers {
		require.Equal(t, "lctest", c.Labels[engine.LabelLab])
	}

	begin := time.Now()
	result, err = w.up(story, withLogProbe("prepared"))
	require.NoError(t, err)
	require.Equal(t, "nothing to change", result.Summary())
	t.Logf("nothing to change took %s", time.Since(begin))

	changed := strings.Replace(story, "GREETING", "WELCOME", 1)
	result, err = w.up(changed, withLogProbe("WELCOME"))
	require.NoError(t, err)
	require.Equal(t, []string{w.name + "-front-1"}, result.Containers(plan.Recreated))
	require.Equal(t, "recreated 1 container", result.Summary())
}

func TestAContainerThatExitsAtStartIsQuoted(t *testing.T) {
	w := newWorld(t)
	_, err := w.up(`
services:
  bad:
    image: debian:trixie-slim
    command: ["sh", "-c", "echo cannot read my configuration >&2; exit 3"]
`, func(s *lifecycle.Spec) { // waited for until it exits, however long a busy machine takes to run it
		s.Probes = map[string][]ready.Probe{"bad": {{Kind: ready.Log, Pattern: "at your service"}}}
	})
	var exit *ready.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.Code)
	require.Equal(t, "bad", exit.Service)
	require.Equal(t, []string{"cannot read my configuration"}, exit.Log)
	require.NotEmpty(t, hint.Of(err))
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	yaml := fmt.Sprintf(`
services:
  web:
    image: debian:trixie-slim
    init: true
    command: sleep infinity
    ports: ["127.0.0.1:%d:80"]
`, port)
	_, err = w.up(yaml)
	require.ErrorIs(t, err, engine.ErrPortTaken)
	require.ErrorContains(t, err, `service "web"`)
	require.NotEmpty(t, hint.Of(err))

	// Once the port is free, the same command goes on.
	require.NoError(t, listener.Close())
	_, err = w.up(yaml)
	require.NoError(t, err)
}
