package live

import (
	"context"
	"fmt"

	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/launch"
)

// Scale gives services another number of nodes, waits until they are ready, and leaves everything else alone.
func (l *Lab) Scale(ctx context.Context, counts map[string]int) error {
	if l.Definition == nil {
		return hint.Wrap(fmt.Errorf("scale %s: %w", l.Project, l.DefinitionError), "take the lab down, and up again from where its files are now")
	}
	state, err := l.engine.State(ctx, l.Project)
	if err != nil {
		return err
	}
	from := origin.Of(state)
	if from.Attached {
		return hint.Wrap(fmt.Errorf("scale %s: ddsctl has not started it, and makes nothing of it", l.Project), "docker compose -p %s up -d --no-recreate --scale SERVICE=COUNT", l.Project)
	}
	spec := l.Definition.Spec()
	spec.Options = from.Options // as the others were asked for
	_, err = launch.New(l.engine, launch.Options{Address: l.options.Address, LockDir: l.options.LockDir}).
		Up(ctx, spec, launch.UpOptions{Scale: counts}, launch.Show{})
	return err
}
