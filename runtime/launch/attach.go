package launch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// ErrOwn says that a project is a lab that ddsctl has brought up itself.
var ErrOwn = errors.New("ddsctl has started it")

// Attachment says what is put beside a project that somebody else has started.
type Attachment struct {
	Project string
	// Lab, Source and Options are kept with the helpers, as those of a plan.Spec are.
	Lab, Source, Options string
	Helpers              helper.Options
}

// Attach puts ddsctl's helpers beside a project that somebody else has started, such as `docker compose up`. Nothing of the project is made,
// changed or removed. Unlike with Up, the helpers are not optional: where one does not run, those made are removed again. Attaching
// anew puts the client on the networks that have come since.
func (l *Launcher) Attach(ctx context.Context, to Attachment, show Show) (lifecycle.Result, error) {
	state, err := l.engine.State(ctx, to.Project)
	if err != nil {
		return lifecycle.Result{}, err
	}
	if err := attachable(to.Project, state); err != nil {
		return lifecycle.Result{}, err
	}
	release, err := l.supply.Hold(ctx) // the image is still there when the helpers are made from it
	if err != nil {
		return lifecycle.Result{}, err
	}
	defer release()
	requests := []supply.Request{{Ref: images.Prefix + images.Node}}
	ids, err := l.supply.Ensure(ctx, requests, show.Image)
	if err != nil {
		return lifecycle.Result{}, fmt.Errorf("attach to %s: the image of ddsctl's helpers: %w", to.Project, err)
	}
	spec, err := beside(to, state)
	if err != nil {
		return lifecycle.Result{}, err
	}
	spec.ImageIDs, spec.ImageNames = ids, l.names(requests)
	result, err := l.life.Up(ctx, spec, lifecycle.UpOptions{Beside: true}, show.Step)
	if err == nil {
		err = l.helping(ctx, to, result)
	}
	if err == nil {
		if err = helper.Configure(ctx, l.engine, to.Project); errors.Is(err, helper.ErrAbsent) && to.Helpers.NoWire {
			err = nil
		}
	}
	if err != nil && !state.Attached() { // it was not attached before: what was begun is undone
		_, undone := l.life.Down(context.WithoutCancel(ctx), to.Project, lifecycle.DownOptions{}, nil)
		err = errors.Join(err, undone)
	}
	return result, err
}

// defaultNetwork is the engine's own, on which containers have no names.
const defaultNetwork = "bridge"

// attachable refuses what is no project of somebody else's that runs.
func attachable(project string, state engine.State) error {
	if state.Ours() && !state.Attached() {
		return hint.Wrap(fmt.Errorf("attach to %s: %w", project, ErrOwn), "it is a lab already; use it as it is: ddsctl dash %s", project)
	}
	for _, c := range state.Containers {
		if c.Running() && !c.Attached() {
			return nil
		}
	}
	return hint.Wrap(fmt.Errorf("attach to %s: no container of a Compose project of that name runs: %w", project, engine.ErrNotFound),
		"start it: docker compose -p %s up -d", project)
}

// beside is the specification of the helpers alone, on the networks that the project has.
func beside(to Attachment, state engine.State) (plan.Spec, error) {
	project := &types.Project{Name: to.Project, Networks: types.Networks{}, Volumes: types.Volumes{}}
	options := to.Helpers
	options.Attached = true
	for _, n := range slices.Concat(state.Networks, state.Outer) {
		if n.Bridge == "" || n.Name == defaultNetwork { // the client cannot be on it under a name
			continue
		}
		project.Networks[n.Name] = types.NetworkConfig{Name: n.Name, External: true}
		options.Networks = append(options.Networks, n.Name)
	}
	for _, v := range state.Volumes {
		if v.Key != "" && v.Labels[engine.LabelAttached] == "" {
			project.Volumes[v.Key] = types.VolumeConfig{Name: v.Name, External: true}
		}
	}
	spec := plan.Spec{Lab: to.Lab, Source: to.Source, Options: to.Options, Project: project}
	return helper.Add(spec, options)
}

// helping says what became of helpers that do not run.
func (l *Launcher) helping(ctx context.Context, to Attachment, result lifecycle.Result) error {
	state, err := l.engine.State(ctx, to.Project)
	if err != nil {
		return err
	}
	kinds := map[string]bool{engine.HelperWire: !to.Helpers.NoWire, engine.HelperClient: !to.Helpers.NoClient}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if !kinds[kind] {
			continue
		}
		if _, err := helper.Find(state, kind); err != nil {
			if len(result.Warnings) > 0 {
				err = fmt.Errorf("%w: %s", err, strings.Join(result.Warnings, "; "))
			}
			return fmt.Errorf("attach to %s: %w", to.Project, err)
		}
	}
	return nil
}
