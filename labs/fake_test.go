package labs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
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
				e := fake.New(fake.Options{Program: willing})
				t.Cleanup(func() { require.NoError(t, e.Close()) })
				life := lifecycle.New(e, lifecycle.Options{Address: "fake://" + t.Name(), LockDir: t.TempDir()})
				spec := lab.Spec()
				for name := range spec.Probes {
					spec.Probes[name] = nil // what a probe by TCP or HTTP would reach is not there
				}
				_, err = life.Up(t.Context(), spec, lifecycle.UpOptions{}, nil)
				require.NoError(t, err)
				again, err := life.Up(t.Context(), spec, lifecycle.UpOptions{}, nil)
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

// willing is a program that does whatever is asked of it: services run until they are stopped, commands succeed.
func willing(ctx context.Context, p fake.Process) int {
	if p.Exec {
		return 0
	}
	<-ctx.Done()
	return 143
}
