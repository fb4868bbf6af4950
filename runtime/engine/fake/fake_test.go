package fake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/contract"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
)

func TestTheFakeKeepsTheContract(t *testing.T) {
	contract.Run(t, contract.Harness{Image: "debian:trixie-slim", New: func(t *testing.T) contract.Engine {
		e := fake.New(fake.Options{Images: []string{"debian:trixie-slim"}})
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		return e
	}})
}

func newEngine(t *testing.T, options fake.Options) *fake.Engine {
	e := fake.New(options)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func spec(name string) engine.ContainerSpec {
	s := engine.ContainerSpec{Name: name, Labels: map[string]string{engine.LabelLab: "l", engine.LabelProject: "p"}}
	s.Service.Image = "redis"
	return s
}

func TestACallCanFailOrLoseItsAnswer(t *testing.T) {
	ctx := t.Context()
	lost := errors.New("the connection broke")
	e := newEngine(t, fake.Options{Intercept: func(_ context.Context, call fake.Call) (before, after error) {
		switch call.N {
		case 1:
			return errors.New("no space left on device"), nil
		case 2:
			return nil, lost
		}
		return nil, nil
	}})
	_, err := e.CreateContainer(ctx, spec("a"))
	require.ErrorContains(t, err, "create container a: no space left on device")
	state, err := e.State(ctx, "p")
	require.NoError(t, err)
	require.Empty(t, state.Containers)

	_, err = e.CreateContainer(ctx, spec("a"))
	require.ErrorIs(t, err, lost)
	state, err = e.State(ctx, "p")
	require.NoError(t, err)
	require.Len(t, state.Containers, 1, "it was done all the same")
	require.Equal(t, []fake.Call{{N: 1, Name: "create container a"}, {N: 2, Name: "create container a"}}, e.Calls())
}

func TestAServerRunsUntilItIsMadeToExit(t *testing.T) {
	ctx := t.Context()
	e := newEngine(t, fake.Options{TakenPorts: []uint16{80}})
	s := spec("a")
	s.Service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "true"}}
	id, err := e.CreateContainer(ctx, s)
	require.NoError(t, err)
	require.NoError(t, e.StartContainer(ctx, id))
	c, err := e.InspectContainer(ctx, id)
	require.NoError(t, err)
	require.Equal(t, engine.HealthStarting, c.Health)
	events, _ := e.Events(ctx, "p")
	e.SetHealth(id, engine.HealthHealthy)
	require.Equal(t, "health_status", (<-events).Action)
	e.Exit(id, 139)
	died := <-events
	require.Equal(t, "die", died.Action)
	require.Equal(t, 139, died.ExitCode)
	code, err := e.WaitContainer(ctx, id)
	require.NoError(t, err)
	require.Equal(t, 139, code)

	b := spec("b")
	b.Service.Ports = []types.ServicePortConfig{{Target: 80, Published: "80"}}
	id, err = e.CreateContainer(ctx, b)
	require.NoError(t, err)
	require.ErrorIs(t, e.StartContainer(ctx, id), engine.ErrPortTaken, "somebody outside the engine has it")
}

func TestWhatOthersMadeIsNotedWhenItIsTouched(t *testing.T) {
	ctx := t.Context()
	e := newEngine(t, fake.Options{})
	e.PutContainer(engine.Container{ID: "c", Name: "theirs", Phase: engine.PhaseRunning})
	e.PutNetwork(engine.Network{ID: "n", Name: "net"})
	e.PutVolume(engine.Volume{Name: "v"})
	require.Empty(t, e.Touched())
	require.NoError(t, e.RemoveContainer(ctx, "c"))
	require.NoError(t, e.RemoveNetwork(ctx, "n"))
	require.NoError(t, e.RemoveVolume(ctx, "v"))
	require.Equal(t, []string{"container theirs", "network net", "volume v"}, e.Touched())
}

func TestWhatAFrozenContainerWouldSayWaits(t *testing.T) {
	ctx := t.Context()
	speak, spoken := make(chan struct{}), make(chan struct{})
	e := newEngine(t, fake.Options{Program: func(ctx context.Context, p fake.Process) int {
		<-speak
		_, _ = fmt.Fprintln(p.Stdout, "hello")
		close(spoken)
		<-ctx.Done()
		return 0
	}})
	id, err := e.CreateContainer(ctx, spec("a"))
	require.NoError(t, err)
	require.NoError(t, e.StartContainer(ctx, id))
	require.NoError(t, e.PauseContainer(ctx, id))
	close(speak)
	var log bytes.Buffer
	require.NoError(t, e.Logs(ctx, id, engine.LogSpec{Tail: -1}, &log, nil))
	require.Empty(t, log.String())
	require.NoError(t, e.UnpauseContainer(ctx, id))
	<-spoken
	require.NoError(t, e.Logs(ctx, id, engine.LogSpec{Tail: -1}, &log, nil))
	require.Equal(t, "hello\n", log.String())
}
