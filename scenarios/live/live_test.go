package live_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/journal"
	"github.com/ddsctl/ddsctl/scenarios/live"
)

// clock is the wire helper's.
type clock struct{ passed time.Duration }

func (c *clock) Now() time.Time        { return time.Unix(1_000_000, 0).Add(c.passed) }
func (c *clock) Uptime() time.Duration { return c.passed }
func (*clock) Boot() string            { return "this" }

// duplex makes one stream of a process's two.
type duplex struct {
	io.Reader
	io.Writer
}

func (d duplex) Close() error {
	if c, ok := d.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// memory is an engine in memory whose wire helper keeps a real journal.
func memory(t *testing.T, c *clock) *fake.Engine {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.json"), c)
	require.NoError(t, err)
	handlers := control.Handlers{
		wire.MethodPut: control.Func(func(_ context.Context, r wire.Record) (wire.Record, error) { return j.Put(r) }),
		wire.MethodDelete: control.Func(func(_ context.Context, id string) (struct{}, error) {
			return struct{}{}, j.Delete(id)
		}),
		wire.MethodRecords:   control.Func(func(context.Context, struct{}) ([]wire.Record, error) { return j.Records(), nil }),
		wire.MethodConfigure: control.Func(func(context.Context, wire.Topology) (struct{}, error) { return struct{}{}, nil }),
		wire.MethodList:      control.Func(func(context.Context, struct{}) ([]wire.State, error) { return nil, nil }),
	}
	e := fake.New(fake.Options{Program: func(ctx context.Context, p fake.Process) int {
		if p.Exec && strings.Join(p.Command, " ") == "/ddsctl node dial" {
			_ = control.ServeStream(ctx, duplex{p.Stdin, p.Stdout}, handlers)
			return 0
		}
		<-ctx.Done()
		return 137
	}})
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// put starts a lab of two nodes with a wire helper.
func put(t *testing.T, e *fake.Engine, project string) {
	t.Helper()
	for service, kind := range map[string]string{"web": "", "redis": "", helper.WireService: engine.HelperWire} {
		labels := map[string]string{engine.LabelProject: project, engine.LabelService: service, engine.LabelNumber: "1", engine.LabelLab: "demo", engine.LabelSource: t.TempDir()}
		if kind != "" {
			labels[engine.LabelHelper] = kind
		}
		id, err := e.CreateContainer(t.Context(), engine.ContainerSpec{Name: project + "-" + service + "-1", Project: project, Number: 1, NetworkMode: "none", Labels: labels})
		require.NoError(t, err)
		require.NoError(t, e.StartContainer(t.Context(), id))
	}
}

func open(t *testing.T, e *fake.Engine, project string, options live.Options) *live.Lab {
	t.Helper()
	options.LockDir = t.TempDir()
	lab, err := live.Open(t.Context(), e, project, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	return lab
}

func phase(t *testing.T, lab *live.Lab, node string) engine.Phase {
	t.Helper()
	c, err := lab.Node(t.Context(), node)
	require.NoError(t, err)
	return c.Phase
}

func TestTheOnlyLabThatRunsNeedsNoName(t *testing.T) {
	e := memory(t, &clock{})
	_, err := live.Open(t.Context(), e, "", live.Options{})
	require.ErrorContains(t, err, "no lab is running")
	put(t, e, "one")
	lab := open(t, e, "", live.Options{})
	require.Equal(t, "one", lab.Project)
	require.Equal(t, "demo", lab.Slug)
	require.Nil(t, lab.Definition)
	require.Error(t, lab.DefinitionError, "its folder has no Compose file; it can be watched and broken all the same")

	put(t, e, "two")
	_, err = live.Open(t.Context(), e, "", live.Options{})
	require.ErrorContains(t, err, "several labs are running: one, two")
	_, err = live.Open(t.Context(), e, "three", live.Options{})
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.Contains(t, hint.Of(err), "one, two")
}

func TestAFaultWithAnEndIsHandedToTheKeeper(t *testing.T) {
	c := &clock{}
	e := memory(t, c)
	put(t, e, "one")
	var kept []time.Time
	lab := open(t, e, "one", live.Options{Keep: func(_ context.Context, project string, end time.Time) error {
		require.Equal(t, "one", project)
		require.Equal(t, engine.PhaseRunning, phaseIn(t, e, "web"), "before anything is applied")
		kept = append(kept, end)
		return nil
	}})
	_, err := lab.Inject(t.Context(), fault.Spec{Kind: "kill", Targets: []string{"web"}, For: 5 * time.Second})
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.True(t, kept[0].Equal(c.Now().Add(5*time.Second)))
	require.Equal(t, engine.PhaseExited, phase(t, lab, "web"))

	broken := open(t, e, "one", live.Options{Keep: func(context.Context, string, time.Time) error { return errors.New("no room") }})
	_, err = broken.Inject(t.Context(), fault.Spec{Kind: "kill", Targets: []string{"redis"}, For: 5 * time.Second})
	require.ErrorContains(t, err, "no room")
	require.Equal(t, engine.PhaseRunning, phase(t, lab, "redis"), "what nobody would heal is not injected")
	faults, err := lab.Faults(t.Context())
	require.NoError(t, err)
	require.Len(t, faults, 1)
}

func phaseIn(t *testing.T, e *fake.Engine, service string) engine.Phase {
	t.Helper()
	state, err := e.State(t.Context(), "one")
	require.NoError(t, err)
	i := slices.IndexFunc(state.Containers, func(c engine.Container) bool { return c.Service == service })
	return state.Containers[i].Phase
}

func TestWhoeverOpensALabHealsWhatIsOverdue(t *testing.T) {
	c := &clock{}
	e := memory(t, c)
	put(t, e, "one")
	lab := open(t, e, "one", live.Options{})
	_, err := lab.Inject(t.Context(), fault.Spec{Kind: "pause", Targets: []string{"web"}, For: 5 * time.Second})
	require.NoError(t, err)
	require.NoError(t, open(t, e, "one", live.Options{}).Close())
	require.Equal(t, engine.PhasePaused, phase(t, lab, "web"), "it is not due yet")
	c.passed = 6 * time.Second
	require.NoError(t, open(t, e, "one", live.Options{}).Close())
	require.Equal(t, engine.PhaseRunning, phase(t, lab, "web"))
}

func TestAConnectionThatWasLostIsMadeAnew(t *testing.T) {
	e := memory(t, &clock{})
	put(t, e, "one")
	lab := open(t, e, "one", live.Options{})
	_, err := lab.Faults(t.Context())
	require.NoError(t, err)
	c, err := lab.Node(t.Context(), "wire")
	require.NoError(t, err)
	none := time.Duration(0)
	require.NoError(t, e.RestartContainer(t.Context(), c.ID, &none))
	_, err = lab.Faults(t.Context())
	require.NoError(t, err)

	require.NoError(t, lab.Close())
	_, err = lab.Faults(t.Context())
	require.ErrorContains(t, err, "closed")
}

func TestALabWithoutAWireSaysHowToGetOne(t *testing.T) {
	e := memory(t, &clock{})
	put(t, e, "one")
	lab := open(t, e, "one", live.Options{})
	c, err := lab.Node(t.Context(), "wire")
	require.NoError(t, err)
	require.NoError(t, e.RemoveContainer(t.Context(), c.ID))
	require.Eventually(t, func() bool { // what runs in it ends a little later
		_, err := lab.Faults(t.Context())
		return errors.Is(err, helper.ErrAbsent)
	}, 10*time.Second, time.Millisecond)
	_, err = lab.Inject(t.Context(), fault.Spec{Kind: "kill", Targets: []string{"web"}})
	require.ErrorIs(t, err, helper.ErrAbsent)
	require.Contains(t, hint.Of(err), "lab up")
	require.Equal(t, engine.PhaseRunning, phase(t, lab, "web"), "what cannot be written down is not done")
}

func TestACommandRunsInANode(t *testing.T) {
	e := memory(t, &clock{})
	put(t, e, "one")
	lab := open(t, e, "one", live.Options{})
	_, err := lab.Run(t.Context(), "nobody", []string{"true"}, "", nil)
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.Contains(t, hint.Of(err), "redis, web, wire")
}
