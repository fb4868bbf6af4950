package contract

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

func life(t *testing.T, w *world) {
	ctx, cancel := context.WithCancel(t.Context())
	events, errs := w.Events(ctx, w.project)
	id := w.create("s", forever)
	var seen []engine.Event
	next := func(action string) engine.Event {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			select {
			case e, ok := <-events:
				if !ok {
					require.FailNow(t, "the events ended", "%v", <-errs)
				}
				if e.Kind != engine.KindContainer {
					continue
				}
				seen = append(seen, e)
				if e.Action == action {
					return e
				}
			case <-deadline:
				require.FailNow(t, "no event "+action, "%+v", seen)
			}
		}
	}
	created := next("create")
	require.Equal(t, id, created.ID)
	require.Equal(t, w.project+"-s-1", created.Name)
	require.Equal(t, w.project, created.Project)
	require.Equal(t, "s", created.Service)
	require.WithinDuration(t, time.Now(), created.Time, time.Minute)
	require.Equal(t, engine.PhaseCreated, w.inspect(id).Phase)

	require.NoError(t, w.StartContainer(ctx, id))
	require.NoError(t, w.StartContainer(ctx, id), "it runs already")
	next("start")
	running := w.inspect(id)
	require.Equal(t, engine.PhaseRunning, running.Phase)
	require.Equal(t, "hash-s", running.ConfigHash)
	require.Equal(t, 1, running.Number)
	require.NotEmpty(t, running.ImageID)
	born, err := w.Life(ctx, id)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), born.Started, time.Minute)
	require.Zero(t, born.Finished)

	require.NoError(t, w.StopContainer(ctx, id, &none))
	require.NoError(t, w.StopContainer(ctx, id, &none), "it is stopped already")
	die := next("die")
	require.NotZero(t, die.ExitCode)
	stopped := w.inspect(id)
	require.Equal(t, engine.PhaseExited, stopped.Phase)
	require.Equal(t, die.ExitCode, stopped.ExitCode)
	dead, err := w.Life(ctx, id)
	require.NoError(t, err)
	require.False(t, dead.Finished.Before(dead.Started))
	require.NotZero(t, dead.Finished)

	require.NoError(t, w.RemoveContainer(ctx, id))
	require.NoError(t, w.RemoveContainer(ctx, id), "it is gone already")
	next("destroy")
	require.True(t, slices.IsSortedFunc(seen, func(a, b engine.Event) int { return a.Time.Compare(b.Time) }), "%+v", seen)

	other := w.project + "-other"
	elsewhere, err := w.CreateContainer(ctx, w.spec("x", forever, func(s *engine.ContainerSpec) {
		s.Name, s.Project, s.Labels = other, other, map[string]string{engine.LabelProject: other}
	}))
	require.NoError(t, err)
	require.NoError(t, w.RemoveContainer(ctx, elsewhere))
	last := w.create("last", forever)
	require.Equal(t, last, next("create").ID, "another project's events are not told")

	cancel()
	for range events {
		// what was on its way
	}
	require.NoError(t, <-errs, "the end of the context is no error")
}

func notFound(t *testing.T, w *world) {
	ctx := t.Context()
	const id = "0123456789ab0123456789ab0123456789ab0123456789ab0123456789abcdef"
	require.ErrorIs(t, w.StartContainer(ctx, id), engine.ErrNotFound)
	require.ErrorIs(t, w.StopContainer(ctx, id, nil), engine.ErrNotFound)
	require.ErrorIs(t, w.RestartContainer(ctx, id, nil), engine.ErrNotFound)
	require.ErrorIs(t, w.KillContainer(ctx, id, "SIGKILL"), engine.ErrNotFound)
	require.ErrorIs(t, w.PauseContainer(ctx, id), engine.ErrNotFound)
	require.ErrorIs(t, w.UnpauseContainer(ctx, id), engine.ErrNotFound)
	require.ErrorIs(t, w.UpdateContainer(ctx, id, engine.Resources{}), engine.ErrNotFound)
	require.ErrorIs(t, w.Logs(ctx, id, engine.LogSpec{Tail: -1}, nil, nil), engine.ErrNotFound)
	require.ErrorIs(t, w.CopyTo(ctx, id, []engine.File{{Path: "/f"}}), engine.ErrNotFound)
	for _, ask := range []func() error{
		func() error { _, err := w.InspectContainer(ctx, id); return err },
		func() error { _, err := w.Detail(ctx, id); return err },
		func() error { _, err := w.Life(ctx, id); return err },
		func() error { _, err := w.WaitContainer(ctx, id); return err },
		func() error { _, err := w.Exec(ctx, id, engine.ExecSpec{Command: []string{"true"}}); return err },
		func() error { _, err := w.OpenExec(ctx, id, []string{"true"}); return err },
		func() error { _, err := w.ReadFile(ctx, id, "/f"); return err },
		func() error { _, err := w.Image(ctx, w.project+"/none"); return err },
		func() error { return w.TagImage(ctx, w.project+"/none", w.project+"/new") },
		func() error {
			_, err := w.CreateContainer(ctx, w.spec("s", forever, func(s *engine.ContainerSpec) { s.Service.Image = w.project + "/none" }))
			return err
		},
	} {
		require.ErrorIs(t, ask(), engine.ErrNotFound)
	}
	require.NoError(t, w.RemoveNetwork(ctx, id), "it is gone, as asked")
	require.NoError(t, w.RemoveVolume(ctx, w.project+"_none"))
	require.NoError(t, w.RemoveImage(ctx, w.project+"/none"))
	state, err := w.State(ctx, w.project)
	require.NoError(t, err)
	require.True(t, state.Empty())
}

func conflicts(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.create("s", forever)
	_, err := w.CreateContainer(ctx, w.spec("s", forever))
	require.ErrorIs(t, err, engine.ErrConflict)
	require.ErrorIs(t, w.KillContainer(ctx, id, "SIGKILL"), engine.ErrConflict, "it does not run")
	require.ErrorIs(t, w.PauseContainer(ctx, id), engine.ErrConflict, "it does not run")
	_, err = w.Exec(ctx, id, engine.ExecSpec{Command: []string{"true"}})
	require.ErrorIs(t, err, engine.ErrConflict, "it does not run")

	first, err := w.CreateVolume(ctx, engine.VolumeSpec{Name: w.project + "_v", Labels: w.labels(map[string]string{engine.LabelVolume: "v"})})
	require.NoError(t, err)
	second, err := w.CreateVolume(ctx, engine.VolumeSpec{Name: w.project + "_v", Labels: map[string]string{"other": "labels"}})
	require.NoError(t, err)
	require.Equal(t, first, second, "a volume that is there stays what it is")
}

func inUse(t *testing.T, w *world) {
	ctx := t.Context()
	n := w.network("n")
	_, err := w.CreateVolume(ctx, engine.VolumeSpec{Name: w.project + "_v", Labels: w.labels(map[string]string{engine.LabelVolume: "v"})})
	require.NoError(t, err)
	id := w.start("s", forever, func(s *engine.ContainerSpec) {
		s.Networks = []engine.Attachment{{Network: n.Name}}
		s.Mounts = []engine.Mount{{Kind: engine.MountVolume, Source: w.project + "_v", Target: "/v"}}
	})
	require.ErrorIs(t, w.RemoveNetwork(ctx, n.ID), engine.ErrConflict)
	require.ErrorIs(t, w.RemoveVolume(ctx, w.project+"_v"), engine.ErrConflict)
	require.ErrorIs(t, w.RemoveImage(ctx, w.inspect(id).ImageID), engine.ErrConflict)
	require.NoError(t, w.StopContainer(ctx, id, &none))
	require.ErrorIs(t, w.RemoveVolume(ctx, w.project+"_v"), engine.ErrConflict, "a stopped container still has it")
	require.NoError(t, w.RemoveContainer(ctx, id))
	require.NoError(t, w.RemoveNetwork(ctx, n.ID))
	require.NoError(t, w.RemoveVolume(ctx, w.project+"_v"))
}

func killPauseRestart(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.start("s", forever)
	require.NoError(t, w.PauseContainer(ctx, id))
	require.Equal(t, engine.PhasePaused, w.inspect(id).Phase)
	require.Error(t, w.PauseContainer(ctx, id), "it is paused already")
	_, err := w.Exec(ctx, id, engine.ExecSpec{Command: []string{"true"}})
	require.ErrorIs(t, err, engine.ErrConflict, "nothing runs in what is frozen")
	require.NoError(t, w.UnpauseContainer(ctx, id))
	require.Error(t, w.UnpauseContainer(ctx, id), "it is not paused")
	require.Equal(t, engine.PhaseRunning, w.inspect(id).Phase)

	before, err := w.Detail(ctx, id)
	require.NoError(t, err)
	require.NoError(t, w.RestartContainer(ctx, id, &none))
	after, err := w.Detail(ctx, id)
	require.NoError(t, err)
	require.Equal(t, engine.PhaseRunning, after.Phase)
	require.True(t, after.Started.After(before.Started))

	require.NoError(t, w.KillContainer(ctx, id, "SIGKILL"))
	code, err := w.WaitContainer(ctx, id)
	require.NoError(t, err)
	require.Equal(t, 137, code)
	w.eventually("exited", func() bool { return w.inspect(id).Phase == engine.PhaseExited })
	require.NoError(t, w.RestartContainer(ctx, id, &none), "a stopped one is started")
	require.Equal(t, engine.PhaseRunning, w.inspect(id).Phase)
	require.NoError(t, w.PauseContainer(ctx, id))
	require.NoError(t, w.RemoveContainer(ctx, id), "a paused one can be removed")
}

func exitByItself(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.create("s", "exit 3")
	require.NoError(t, w.StartContainer(ctx, id))
	code, err := w.WaitContainer(ctx, id)
	require.NoError(t, err)
	require.Equal(t, 3, code)
	w.eventually("exited", func() bool { c := w.inspect(id); return c.Phase == engine.PhaseExited && c.ExitCode == 3 })
	code, err = w.WaitContainer(ctx, id)
	require.NoError(t, err)
	require.Equal(t, 3, code, "waiting for what is over returns at once")
}

func limits(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.start("s", forever)
	set := func(r engine.Resources) engine.Detail {
		t.Helper()
		require.NoError(t, w.UpdateContainer(ctx, id, r))
		d, err := w.Detail(ctx, id)
		require.NoError(t, err)
		return d
	}
	half, memory, zero := int64(500_000_000), int64(64<<20), int64(0)
	d := set(engine.Resources{NanoCPUs: &half})
	require.Equal(t, half, d.NanoCPUs)
	require.Zero(t, d.MemoryBytes, "what is not named stays as it is")
	d = set(engine.Resources{MemoryBytes: &memory})
	require.Equal(t, half, d.NanoCPUs)
	require.Equal(t, memory, d.MemoryBytes)
	quarter := half / 2
	require.Equal(t, quarter, set(engine.Resources{NanoCPUs: &quarter}).NanoCPUs)
	require.Zero(t, set(engine.Resources{NanoCPUs: &zero}).NanoCPUs, "zero lifts the limit")
	require.Equal(t, half, set(engine.Resources{NanoCPUs: &half}).NanoCPUs, "and it can be set again")
	require.Zero(t, set(engine.Resources{MemoryBytes: &zero}).MemoryBytes)
	require.Equal(t, memory, set(engine.Resources{MemoryBytes: &memory}).MemoryBytes)
	require.NoError(t, w.RestartContainer(ctx, id, &none))
	d, err := w.Detail(ctx, id)
	require.NoError(t, err)
	require.Equal(t, half, d.NanoCPUs, "limits stay when it is restarted")
	require.Equal(t, memory, d.MemoryBytes)
	require.Equal(t, engine.PhaseRunning, w.inspect(id).Phase)
	require.NoError(t, w.RemoveContainer(ctx, id))

	// A limit from the Compose file can be changed and lifted too.
	id = w.start("s", forever, func(s *engine.ContainerSpec) { s.Service.CPUS, s.Service.MemLimit = 0.5, 64<<20 })
	d, err = w.Detail(ctx, id)
	require.NoError(t, err)
	require.Equal(t, half, d.NanoCPUs)
	require.Equal(t, quarter, set(engine.Resources{NanoCPUs: &quarter}).NanoCPUs)
	require.Zero(t, set(engine.Resources{NanoCPUs: &zero}).NanoCPUs)
	require.Equal(t, half, set(engine.Resources{NanoCPUs: &half}).NanoCPUs)
}
