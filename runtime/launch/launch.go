// Package launch brings a lab up whole: its images, ddsctl's helpers, its containers, and the helpers' knowledge of them.
//
//	l := launch.New(client, launch.Options{Address: client.Address()})
//	result, err := l.Up(ctx, spec, launch.UpOptions{Helpers: &helper.Options{}}, show)
package launch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// Engine is what a launch needs of a container engine.
type Engine interface {
	lifecycle.Engine
	supply.Engine
	helper.Engine
}

// Options are a Launcher's surroundings. The zero value works on a local engine.
type Options struct {
	// Address is where the engine was reached.
	Address string
	// LockDir is where locks are; "" is lock.Dir().
	LockDir string
	// NodeBinary is the file in the helpers' image; "" is the running executable.
	NodeBinary string
	// Now is the clock by which images are old; nil is time.Now.
	Now func() time.Time
}

// Launcher brings labs up in one engine.
type Launcher struct {
	engine Engine
	life   *lifecycle.Lifecycle
	supply *supply.Supply
}

// New returns a Launcher.
func New(e Engine, options Options) *Launcher {
	return &Launcher{engine: e,
		life:   lifecycle.New(e, lifecycle.Options{Address: options.Address, LockDir: options.LockDir}),
		supply: supply.New(e, supply.Options{Address: options.Address, LockDir: options.LockDir, NodeBinary: options.NodeBinary, Now: options.Now})}
}

// UpOptions change what Up does.
type UpOptions struct {
	lifecycle.UpOptions
	// Helpers are ddsctl's own containers in the lab; nil is none.
	Helpers *helper.Options
	// Scale overrides how many containers services have. With it, nothing but these services is changed.
	Scale map[string]int
}

// Show is told what happens, each function by one goroutine at a time; either may be nil.
type Show struct {
	Image func(engine.ImageProgress)
	Step  func(lifecycle.Progress)
}

// serial lets one goroutine at a time speak of images: the lab's and the helpers' come side by side.
func (s Show) serial() Show {
	if s.Image == nil {
		return s
	}
	var mu sync.Mutex
	show := s.Image
	s.Image = func(p engine.ImageProgress) {
		mu.Lock()
		defer mu.Unlock()
		show(p)
	}
	return s
}

// Up makes the lab run as the specification says. The helpers are optional: where they cannot be had, the lab runs without
// them, and the result has a warning.
func (l *Launcher) Up(ctx context.Context, spec plan.Spec, options UpOptions, show Show) (lifecycle.Result, error) {
	if !options.DryRun {
		release, err := l.supply.Hold(ctx) // what is ensured is still there when containers are made from it
		if err != nil {
			return lifecycle.Result{}, err
		}
		defer release()
	}
	show = show.serial()
	result, err := l.carryOut(ctx, spec, options, show)
	if lost := (lostImage{}); errors.As(err, &lost) {
		result, err = l.carryOut(ctx, spec, options, show)
	}
	if err != nil || options.DryRun {
		return result, err
	}
	return l.configure(ctx, spec.Project.Name, result)
}

// configure tells the wire where the nodes are now. That it cannot be told is a warning.
func (l *Launcher) configure(ctx context.Context, project string, result lifecycle.Result) (lifecycle.Result, error) {
	if err := helper.Configure(ctx, l.engine, project); err != nil && !errors.Is(err, helper.ErrAbsent) {
		if ctx.Err() != nil {
			return result, err
		}
		result.Warnings = append(result.Warnings, fmt.Sprintf("the wire does not know the lab's nodes, so that links are neither counted nor broken: %v", err))
	}
	return result, nil
}

// Restart stops containers of a project and starts them again as they are, and tells the wire where they are then.
func (l *Launcher) Restart(ctx context.Context, project string, options lifecycle.RestartOptions, show Show) (lifecycle.Result, error) {
	result, err := l.life.Restart(ctx, project, options, show.Step)
	if err != nil || options.DryRun {
		return result, err
	}
	return l.configure(ctx, project, result)
}

// lostImage is the error of an image that somebody removed after it was ensured: from another machine, or with the engine's own tools.
type lostImage struct{ error }

func (e lostImage) Unwrap() error { return e.error }

// carryOut makes sure of the images and makes the changes.
func (l *Launcher) carryOut(ctx context.Context, spec plan.Spec, options UpOptions, show Show) (lifecycle.Result, error) {
	spec, warning, err := l.prepare(ctx, spec, options, show)
	if err != nil {
		return lifecycle.Result{}, err
	}
	var result lifecycle.Result
	if options.Scale != nil {
		result, err = l.life.Scale(ctx, spec, options.Scale, options.UpOptions, show.Step)
	} else {
		result, err = l.life.Up(ctx, spec, options.UpOptions, show.Step)
	}
	if errors.Is(err, engine.ErrNotFound) {
		for _, id := range spec.ImageIDs {
			if _, gone := l.engine.Image(ctx, id); errors.Is(gone, engine.ErrNotFound) {
				err = lostImage{err}
			}
		}
	}
	if warning != nil {
		result.Warnings = append([]string{warning.Error()}, result.Warnings...)
	}
	return result, err
}

// prepare makes sure of every image and puts the helpers into the specification. A dry run only asks which images are there.
func (l *Launcher) prepare(ctx context.Context, spec plan.Spec, options UpOptions, show Show) (_ plan.Spec, warning, err error) {
	project := *spec.Project
	project.Services = maps.Clone(project.Services)
	spec.Project = &project
	requests := supply.Requests(spec.Project) // gives names to images that have none yet
	node := []supply.Request{{Ref: images.Prefix + images.Node}}
	var own map[string]string
	switch {
	case options.DryRun:
		spec.ImageIDs = l.present(ctx, requests)
		own = l.present(ctx, node)
	default:
		group, ensuring := errgroup.WithContext(ctx)
		group.Go(func() (err error) {
			spec.ImageIDs, err = l.supply.Ensure(ensuring, requests, show.Image)
			return err
		})
		if options.Helpers != nil {
			group.Go(func() error {
				own, warning = l.supply.Ensure(ensuring, node, show.Image)
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return spec, nil, err
		}
	}
	if ctx.Err() != nil {
		return spec, nil, ctx.Err()
	}
	spec.ImageNames = l.names(slices.Concat(requests, node))
	if warning != nil {
		return spec, fmt.Errorf("the lab runs without ddsctl's helpers (no faults on links, no traffic): %w", warning), nil
	}
	if options.Helpers == nil {
		return spec, nil, nil
	}
	spec.ImageIDs = maps.Clone(spec.ImageIDs)
	maps.Copy(spec.ImageIDs, own)
	spec, err = helper.Add(spec, *options.Helpers)
	return spec, nil, err
}

// present are the images that are there, by the name that was asked for.
func (l *Launcher) present(ctx context.Context, requests []supply.Request) map[string]string {
	ids := map[string]string{}
	for _, r := range requests {
		ref, err := l.supply.Reference(r.Ref)
		if err != nil {
			continue
		}
		if image, err := l.engine.Image(ctx, ref); err == nil {
			ids[r.Ref] = image.ID
		}
	}
	return ids
}

// names are the images that containers are made from, by the name that was asked for, where that is another. One that has none was not ensured either.
func (l *Launcher) names(requests []supply.Request) map[string]string {
	names := map[string]string{}
	for _, r := range requests {
		if ref, err := l.supply.Reference(r.Ref); err == nil && ref != r.Ref {
			names[r.Ref] = ref
		}
	}
	return names
}

// Down removes everything of a project that ddsctl made, then the images that ddsctl has replaced and nothing uses any more. That these cannot be
// removed is a warning.
func (l *Launcher) Down(ctx context.Context, project string, options lifecycle.DownOptions, show Show) (lifecycle.Result, error) {
	result, err := l.life.Down(ctx, project, options, show.Step)
	if err != nil || options.DryRun || !result.Changed() {
		return result, err
	}
	if _, err := l.supply.Prune(ctx); err != nil && !errors.Is(err, supply.ErrBusy) && ctx.Err() == nil {
		result.Warnings = append(result.Warnings, fmt.Sprintf("images that nothing uses stay: %v", err))
	}
	return result, nil
}
