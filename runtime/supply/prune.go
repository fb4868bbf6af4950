package supply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/lock"
)

// ErrBusy says that nothing was removed, because another process is just about to use images that nothing uses yet.
var ErrBusy = errors.New("a lab is coming up")

// PruneAge is how old the image of another executable must be to be removed: whoever has just made one, perhaps where no lock can be
// shared, is about to use it.
const PruneAge = 10 * time.Minute

// Hold keeps Prune of this and of every other process of the user from removing images, from before they are ensured until containers are made from
// them. Whoever holds does not keep others from holding.
func (s *Supply) Hold(ctx context.Context) (release func(), err error) {
	held, err := lock.Share(ctx, s.options.LockDir, s.pruneKey())
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	return func() { _ = held.Release() }, nil // the system releases it with the process at the latest
}

func (s *Supply) pruneKey() string { return s.options.Address + " images" }

// Prune removes what ddsctl made and has replaced since: images with its label that no container uses, and that have no name any more or are
// ddsctl/node of an executable from before this one, made PruneAge ago or earlier. It does not wait for who holds (see Hold): then it returns ErrBusy.
func (s *Supply) Prune(ctx context.Context) (removed int, err error) {
	held, err := lock.Try(s.options.LockDir, s.pruneKey())
	if err != nil {
		return 0, fmt.Errorf("images: %w", err)
	}
	if held == nil {
		return 0, ErrBusy
	}
	defer func() { _ = held.Release() }()
	if removed, err = s.sweep(ctx, engine.LabelImage); err != nil {
		return removed, err
	}
	nodes, err := s.pruneNodes(ctx)
	return removed + nodes, err
}

// pruneNodes removes ddsctl/node of older executables. Where this one's was never made there is nothing to be older than.
func (s *Supply) pruneNodes(ctx context.Context) (removed int, err error) {
	ref, err := s.Reference(images.Prefix + images.Node)
	if err != nil {
		return 0, nil // an executable that cannot be in an image has replaced none
	}
	own, found, err := s.find(ctx, ref)
	if err != nil || !found {
		return 0, err
	}
	list, err := s.engine.Images(ctx, engine.LabelImage+"="+images.Node)
	if err != nil {
		return 0, err
	}
	for _, image := range list {
		// Two names: it is the one made last, or somebody has given it a name.
		if image.ID == own.ID || len(image.Tags) != 1 || !image.Created.Before(own.Created) || s.options.Now().Sub(image.Created) < PruneAge {
			continue
		}
		err := s.engine.RemoveImage(ctx, image.Tags[0])
		switch {
		case err == nil:
			removed++
		case !errors.Is(err, engine.ErrConflict): // a container uses it
			return removed, err
		}
	}
	return removed, nil
}
