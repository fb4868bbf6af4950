// Package contract is what every engine has to do, as tests: engine/docker and engine/fake pass the same ones, so that what is tested
// against the fake holds for Docker.
//
//	contract.Run(t, contract.Harness{New: func(t *testing.T) contract.Engine { return fake.New(fake.Options{}) }, Image: "debian:trixie-slim"})
package contract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Engine is a whole container engine. Nobody but this suite needs one whole; consumers declare what they use.
type Engine interface {
	Looker
	Changer
	Process
	Pictures
}

// Looker tells what there is.
type Looker interface {
	State(ctx context.Context, project string) (engine.State, error)
	Projects(ctx context.Context) (map[string]engine.State, error)
	Others(ctx context.Context) (map[string]engine.State, error)
	Made(ctx context.Context, id string) (types.ServiceConfig, error)
	Claims(ctx context.Context, names engine.Names) ([]engine.Claim, error)
	InspectContainer(ctx context.Context, id string) (engine.Container, error)
	Detail(ctx context.Context, id string) (engine.Detail, error)
	Life(ctx context.Context, id string) (engine.Life, error)
	Events(ctx context.Context, project string) (<-chan engine.Event, <-chan error)
}

// Changer makes, changes and removes things.
type Changer interface {
	CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (engine.Network, error)
	RemoveNetwork(ctx context.Context, id string) error
	CreateVolume(ctx context.Context, spec engine.VolumeSpec) (engine.Volume, error)
	RemoveVolume(ctx context.Context, name string) error
	CreateContainer(ctx context.Context, spec engine.ContainerSpec) (string, error)
	StartContainer(ctx context.Context, id string) error
	StopContainer(ctx context.Context, id string, grace *time.Duration) error
	RestartContainer(ctx context.Context, id string, grace *time.Duration) error
	KillContainer(ctx context.Context, id, signal string) error
	PauseContainer(ctx context.Context, id string) error
	UnpauseContainer(ctx context.Context, id string) error
	UpdateContainer(ctx context.Context, id string, r engine.Resources) error
	RemoveContainer(ctx context.Context, id string) error
	ConnectNetwork(ctx context.Context, id string, a engine.Attachment) error
	DisconnectNetwork(ctx context.Context, id, network string) error
}

// Process speaks to what runs in a container.
type Process interface {
	WaitContainer(ctx context.Context, id string) (int, error)
	Exec(ctx context.Context, id string, spec engine.ExecSpec) (int, error)
	OpenExec(ctx context.Context, id string, command []string) (io.ReadWriteCloser, error)
	Logs(ctx context.Context, id string, spec engine.LogSpec, stdout, stderr io.Writer) error
	CopyTo(ctx context.Context, id string, files []engine.File) error
	ReadFile(ctx context.Context, id, name string) ([]byte, error)
}

// Pictures are the images that containers are made from.
type Pictures interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
	Images(ctx context.Context, label string) ([]engine.Image, error)
	TagImage(ctx context.Context, source, target string) error
	RemoveImage(ctx context.Context, ref string) error
	BuildImage(ctx context.Context, spec engine.BuildSpec, progress func(engine.ImageProgress)) (string, error)
	ImportImage(ctx context.Context, ref string, layer io.Reader, changes []string) (string, error)
}

// Harness says which engine to hold to the contract.
type Harness struct {
	New func(t *testing.T) Engine
	// Image has a shell, as `sh -c`, that knows echo, cat, sleep, exit, test and getent, and a program called sleep.
	Image string
}

// Run holds an engine to the contract.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, w *world)
	}{
		{"a container's life, as events tell it", life},
		{"what has no container is not found", notFound},
		{"names are taken once", conflicts},
		{"what is in use is not removed", inUse},
		{"killed, paused and restarted", killPauseRestart},
		{"an exit by itself", exitByItself},
		{"limits change while it runs", limits},
		{"labels come back as they were given", labels},
		{"what others made is claimed and not listed", foreign},
		{"what stands beside others' containers is listed with them", beside},
		{"commands give their exit code and their streams", exec},
		{"a duplex stream to a command", openExec},
		{"an ended context ends what waits", contexts},
		{"logs by their tail, streams and time", logs},
		{"logs are followed until the end", followLogs},
		{"files are there when it starts", files},
		{"networks give addresses and aliases", networks},
		{"a taken port is refused at the start", ports},
		{"volumes outlive containers", volumes},
		{"images have names and labels", imageNames},
		{"images are built from a folder", buildImage},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newWorld(t, h)) })
	}
}

// world is one project in the engine; it goes with the test, and nothing of it may be left.
type world struct {
	Engine
	t       *testing.T
	project string
	image   string
}

var counter atomic.Int64 // names must differ between tests of one process

func newWorld(t *testing.T, h Harness) *world {
	w := &world{Engine: h.New(t), t: t, image: h.Image, project: fmt.Sprintf("ddsctl-contract-%d-%d", os.Getpid(), counter.Add(1))}
	t.Cleanup(w.clear)
	return w
}

func (w *world) clear() {
	ctx := context.Background()
	state, err := w.State(ctx, w.project)
	require.NoError(w.t, err)
	for _, c := range state.Containers {
		require.NoError(w.t, w.RemoveContainer(ctx, c.ID))
	}
	for _, n := range state.Networks {
		require.NoError(w.t, w.RemoveNetwork(ctx, n.ID))
	}
	for _, v := range state.Volumes {
		require.NoError(w.t, w.RemoveVolume(ctx, v.Name))
	}
	state, err = w.State(ctx, w.project)
	require.NoError(w.t, err)
	require.True(w.t, state.Empty(), "%+v", state)
}

func (w *world) labels(more map[string]string) map[string]string {
	labels := map[string]string{engine.LabelProject: w.project, engine.LabelLab: "contract"}
	for k, v := range more {
		labels[k] = v
	}
	return labels
}

// spec is a container whose first process is a shell script.
func (w *world) spec(service, script string, change ...func(*engine.ContainerSpec)) engine.ContainerSpec {
	s := engine.ContainerSpec{Name: w.project + "-" + service + "-1", Project: w.project, Number: 1}
	s.Service.Name, s.Service.Image, s.Service.Command = service, w.image, types.ShellCommand{"sh", "-c", script}
	s.Labels = w.labels(map[string]string{engine.LabelService: service, engine.LabelNumber: "1", engine.LabelConfigHash: "hash-" + service})
	for _, f := range change {
		f(&s)
	}
	return s
}

func (w *world) create(service, script string, change ...func(*engine.ContainerSpec)) string {
	w.t.Helper()
	id, err := w.CreateContainer(w.t.Context(), w.spec(service, script, change...))
	require.NoError(w.t, err)
	return id
}

func (w *world) start(service, script string, change ...func(*engine.ContainerSpec)) string {
	w.t.Helper()
	id := w.create(service, script, change...)
	require.NoError(w.t, w.StartContainer(w.t.Context(), id))
	return id
}

func (w *world) inspect(id string) engine.Container {
	w.t.Helper()
	c, err := w.InspectContainer(w.t.Context(), id)
	require.NoError(w.t, err)
	return c
}

func (w *world) network(key string) engine.Network {
	w.t.Helper()
	n, err := w.CreateNetwork(w.t.Context(), engine.NetworkSpec{Name: w.project + "_" + key, Labels: w.labels(map[string]string{engine.LabelNetwork: key})})
	require.NoError(w.t, err)
	return n
}

func (w *world) run(id string, command ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	code, err := w.Exec(w.t.Context(), id, engine.ExecSpec{Command: command, Stdout: &out, Stderr: &errs})
	require.NoError(w.t, err)
	return code, out.String(), errs.String()
}

// eventually repeats a check until it holds: engines note some things an instant after they are true.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(w.t, "it never came: "+what)
		}
	}
}

var none = time.Duration(0)

// forever is a script that runs until it is killed.
const forever = "exec sleep infinity"

func itoa(n int) string { return strconv.Itoa(n) }
