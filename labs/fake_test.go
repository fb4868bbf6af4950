package labs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// TestEveryLabComesUpAndGoesDown runs each lab and each of its variants on the engine in memory: order, readiness, files and names are
// those of the real thing, and what runs in the containers answers every probe.
func TestEveryLabComesUpAndGoesDown(t *testing.T) {
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	for _, entry := range entries {
		lab, err := labs.Open(t.Context(), entry.Slug, labs.Options{})
		require.NoError(t, err)
		variants := []string{""}
		for name := range lab.Format.Variants {
			variants = append(variants, name)
		}
		for _, variant := range variants {
			t.Run(entry.Slug+"/"+variant, func(t *testing.T) {
				lab, err := labs.Open(t.Context(), entry.Slug, labs.Options{Variant: variant})
				require.NoError(t, err)
				e := fake.New(fake.Options{Program: willing(jobs(t, lab.Spec()))})
				t.Cleanup(func() { require.NoError(t, e.Close()) })
				life := lifecycle.New(e, lifecycle.Options{Address: "fake://" + t.Name(), LockDir: t.TempDir()})
				spec := lab.Spec()
				for name := range spec.Probes {
					spec.Probes[name] = nil // what a probe by TCP or HTTP would reach is not there
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // so that the lab that does not come up is named
				defer cancel()
				_, err = life.Up(ctx, spec, lifecycle.UpOptions{}, nil)
				require.NoError(t, err)
				again, err := life.Up(ctx, spec, lifecycle.UpOptions{}, nil)
				require.NoError(t, err)
				require.False(t, again.Changed(), again.Summary())
				_, err = life.Down(t.Context(), lab.Project.Name, lifecycle.DownOptions{}, nil)
				require.NoError(t, err)
				state, err := e.State(t.Context(), lab.Project.Name)
				require.NoError(t, err)
				require.True(t, state.Empty())
			})
		}
	}
}

// jobs are the services that are done when they have exited with 0.
func jobs(t *testing.T, spec lifecycle.Spec) map[string]bool {
	t.Helper()
	desired, err := plan.Want(spec)
	require.NoError(t, err)
	done := map[string]bool{}
	for _, s := range desired.Services {
		done[s.Name] = s.OneShot
	}
	return done
}

// willing is a program that does whatever is asked of it: services run until they are stopped, jobs and commands succeed.
func willing(jobs map[string]bool) func(context.Context, fake.Process) int {
	return func(ctx context.Context, p fake.Process) int {
		if p.Exec || jobs[p.Container.Service] {
			return 0
		}
		<-ctx.Done()
		return 143
	}
}
