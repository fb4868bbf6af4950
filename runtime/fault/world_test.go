package fault

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// world is an engine and a wire helper in memory. It refuses what they would refuse.
type world struct {
	nodes   map[string]*engine.Detail // by container ID
	files   map[string]bool           // "ID PATH"
	now     time.Time
	records []wire.Record
	states  []wire.State
	next    int
	did     []string         // what was asked of the engine
	fail    map[string]error // by what is asked, such as "pause r2"
}

func newWorld() *world {
	w := &world{nodes: map[string]*engine.Detail{}, files: map[string]bool{}, now: time.Unix(1_000_000, 0), fail: map[string]error{}}
	for n := range 3 {
		w.add("r"+strconv.Itoa(n+1), "redis", n+1, "")
	}
	w.add("p1", "proxy", 1, "")
	w.add("c1", "ddsctl-client", 1, engine.HelperClient)
	w.add("w1", "ddsctl-wire", 1, engine.HelperWire)
	w.nodes["r2"].NanoCPUs = 2e9
	w.nodes["p1"].Mounts = []engine.BoundedMount{
		{Mount: engine.Mount{Kind: engine.MountVolume, Target: "/data"}, Bound: 1 << 20},
		{Mount: engine.Mount{Kind: engine.MountVolume, Target: "/logs"}},
	}
	return w
}

func (w *world) add(id, service string, number int, helper string) {
	d := &engine.Detail{Container: engine.Container{ID: id, Name: "lab-" + id, Service: service, Number: number, Phase: engine.PhaseRunning, Labels: map[string]string{}}, Started: w.now}
	if helper != "" {
		d.Labels[engine.LabelHelper] = helper
	}
	w.nodes[id] = d
}

func (w *world) note(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	w.did = append(w.did, what)
	return w.fail[what]
}

func (w *world) State(context.Context, string) (engine.State, error) {
	var s engine.State
	for _, d := range w.nodes {
		s.Containers = append(s.Containers, d.Container)
	}
	engine.Sort(s.Containers)
	return s, nil
}

func (w *world) Detail(_ context.Context, id string) (engine.Detail, error) {
	d, ok := w.nodes[id]
	if !ok {
		return engine.Detail{}, engine.ErrNotFound
	}
	return *d, nil
}

// in changes a container that is in one of the phases.
func (w *world) in(id string, change func(*engine.Detail), phases ...engine.Phase) error {
	d, ok := w.nodes[id]
	switch {
	case !ok:
		return engine.ErrNotFound
	case !slices.Contains(phases, d.Phase):
		return fmt.Errorf("container %s is %s: %w", id, d.Phase, engine.ErrConflict)
	}
	change(d)
	return nil
}

func (w *world) run(d *engine.Detail) {
	d.Phase, d.Started = engine.PhaseRunning, w.now
	for file := range w.files {
		delete(w.files, file) // every mount here is a tmpfs
	}
}

func (w *world) StartContainer(_ context.Context, id string) error {
	if err := w.note("start %s", id); err != nil {
		return err
	}
	return w.in(id, w.run, engine.PhaseExited, engine.PhaseCreated)
}

func (w *world) StopContainer(_ context.Context, id string, _ *time.Duration) error {
	if err := w.note("stop %s", id); err != nil {
		return err
	}
	return w.in(id, func(d *engine.Detail) { d.Phase = engine.PhaseExited }, engine.PhaseRunning)
}

func (w *world) RestartContainer(_ context.Context, id string, _ *time.Duration) error {
	if err := w.note("restart %s", id); err != nil {
		return err
	}
	return w.in(id, w.run, engine.PhaseRunning)
}

func (w *world) KillContainer(_ context.Context, id, signal string) error {
	if err := w.note("%s %s", signal, id); err != nil {
		return err
	}
	return w.in(id, func(d *engine.Detail) { d.Phase, d.ExitCode = engine.PhaseExited, 137 }, engine.PhaseRunning)
}

func (w *world) WaitContainer(_ context.Context, id string) (int, error) {
	return w.nodes[id].ExitCode, nil
}

func (w *world) PauseContainer(_ context.Context, id string) error {
	if err := w.note("pause %s", id); err != nil {
		return err
	}
	return w.in(id, func(d *engine.Detail) { d.Phase = engine.PhasePaused }, engine.PhaseRunning)
}

func (w *world) UnpauseContainer(_ context.Context, id string) error {
	if err := w.note("unpause %s", id); err != nil {
		return err
	}
	return w.in(id, func(d *engine.Detail) { d.Phase = engine.PhaseRunning }, engine.PhasePaused)
}

func (w *world) UpdateContainer(_ context.Context, id string, r engine.Resources) error {
	if err := w.note("update %s", id); err != nil {
		return err
	}
	d, ok := w.nodes[id]
	if !ok {
		return engine.ErrNotFound
	}
	if r.NanoCPUs != nil {
		d.NanoCPUs = *r.NanoCPUs
	}
	if r.MemoryBytes != nil {
		d.MemoryBytes = *r.MemoryBytes
	}
	return nil
}

func (w *world) Exec(_ context.Context, id string, spec engine.ExecSpec) (int, error) {
	if err := w.note("exec %s", spec.Command[0]); err != nil {
		return 0, err
	}
	if spec.Command[0] == "/ddsctl" {
		return 127, nil // nobody here runs ddsctl's own image
	}
	return 0, w.in(id, func(*engine.Detail) {
		switch spec.Command[0] {
		case "/bin/sh":
			w.files[id+" "+spec.Command[4]] = true
		case "rm":
			delete(w.files, id+" "+spec.Command[2])
		}
	}, engine.PhaseRunning)
}

func (w *world) Put(_ context.Context, r wire.Record) (wire.Record, error) {
	if r.ID == "" {
		w.next++
		r.ID, r.Start = "f"+strconv.Itoa(w.next), w.now
		w.now = w.now.Add(time.Millisecond)
	}
	i := slices.IndexFunc(w.records, func(other wire.Record) bool { return other.ID == r.ID })
	r.Expires = nil
	switch {
	case i >= 0 && w.records[i].For == r.For: // written anew, it ends when it would have
		r.Expires = w.records[i].Expires
	case r.For > 0:
		end := w.now.Add(r.For)
		r.Expires = &end
	}
	if i >= 0 {
		w.records[i] = r
	} else {
		w.records = append(w.records, r)
	}
	return r, nil
}

func (w *world) Delete(_ context.Context, id string) error {
	w.records = slices.DeleteFunc(w.records, func(r wire.Record) bool { return r.ID == id })
	return nil
}

func (w *world) Records(context.Context) ([]wire.Record, error) {
	records := slices.Clone(w.records)
	for i := range records {
		records[i].Overdue = records[i].Expires != nil && !records[i].Expires.After(w.now)
	}
	return records, nil
}

func (w *world) Inject(ctx context.Context, f wire.Fault) (wire.State, error) {
	if err := w.note("inject %s %s", f.Kind, f.Target()); err != nil {
		return wire.State{}, err
	}
	r, _ := w.Put(ctx, wire.Record{Kind: string(f.Kind), For: f.For})
	f.ID = r.ID
	w.records[len(w.records)-1].Link = &f
	s := wire.State{Fault: f, Start: r.Start, Expires: r.Expires, Verified: wire.Unknown}
	w.states = append(w.states, s)
	return s, nil
}

func (w *world) Heal(ctx context.Context, ids ...string) ([]wire.State, error) {
	var healed []wire.State
	for _, s := range w.states {
		if slices.Contains(ids, s.ID) {
			healed = append(healed, s)
			_ = w.Delete(ctx, s.ID)
		}
	}
	w.states = slices.DeleteFunc(w.states, func(s wire.State) bool { return slices.Contains(ids, s.ID) })
	return healed, nil
}

func (w *world) List(context.Context) ([]wire.State, error) { return w.states, nil }

// shape is all that faults may change, in words.
func (w *world) shape() string {
	text := ""
	for _, id := range []string{"c1", "p1", "r1", "r2", "r3"} {
		d := w.nodes[id]
		text += fmt.Sprintf("%s %s cpu %d memory %d\n", id, d.Phase, d.NanoCPUs, d.MemoryBytes)
	}
	for file := range w.files {
		text += file + "\n"
	}
	return text
}
