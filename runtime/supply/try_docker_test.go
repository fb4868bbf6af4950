package supply_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// Every image is built and used for real: images/NAME/try.yaml is a small project of it, in which a job checks that it does its work with a
// root that can only be read and without any capability. Then each server is stopped, and must end by itself.
func TestEveryImageDoesItsWorkWithoutPrivileges(t *testing.T) {
	c := dockerClient(t)
	for _, image := range images.Names() {
		t.Run(image, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			project := tried(t, image)
			for name, service := range project.Services {
				require.True(t, service.ReadOnly, name)
				require.Equal(t, []string{"ALL"}, service.CapDrop, name)
			}
			s := supply.New(c, supply.Options{Address: c.Address()})
			ids, err := s.Ensure(ctx, supply.Requests(project), nil)
			require.NoError(t, err)
			built, err := c.Image(ctx, images.Prefix+image)
			require.NoError(t, err)

			life := lifecycle.New(c, lifecycle.Options{Address: c.Address(), LockDir: t.TempDir()})
			t.Cleanup(func() {
				grace := time.Duration(0)
				_, err := life.Down(context.Background(), project.Name, lifecycle.DownOptions{Grace: &grace}, nil)
				require.NoError(t, err)
			})
			up, stop := context.WithTimeout(ctx, time.Minute)
			defer stop()
			begin := time.Now()
			_, err = life.Up(up, lifecycle.Spec{Lab: "try", Project: project, ImageIDs: ids}, lifecycle.UpOptions{}, nil)
			if err != nil {
				t.Log(said(t, c, project.Name))
			}
			require.NoError(t, err)
			t.Logf("%d MB, works after %.1f s", built.Size>>20, time.Since(begin).Seconds())

			state, err := c.State(ctx, project.Name)
			require.NoError(t, err)
			for _, node := range state.Containers {
				if !strings.HasPrefix(node.Image, images.Prefix+image) || node.Phase != engine.PhaseRunning {
					continue
				}
				grace := 8 * time.Second
				begin := time.Now()
				require.NoError(t, c.StopContainer(ctx, node.ID, &grace))
				stopped, err := c.InspectContainer(ctx, node.ID)
				require.NoError(t, err)
				require.NotEqual(t, 137, stopped.ExitCode, "%s had to be killed", node.Service)
				t.Logf("%s stopped after %.1f s with code %d", node.Service, time.Since(begin).Seconds(), stopped.ExitCode)
			}
		})
	}
}

// tried loads an image's project.
func tried(t *testing.T, image string) *types.Project {
	file := filepath.Join("..", "..", "images", image, "try.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err, "every image has a project that tries it")
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(file),
		ConfigFiles: []types.ConfigFile{{Filename: file, Content: text}},
	}, func(o *loader.Options) { o.SetProjectName(fmt.Sprintf("ddsctl-try-%s-%d", image, os.Getpid()), true) })
	require.NoError(t, err)
	return project
}

// said is what the project's containers have logged.
func said(t *testing.T, c *docker.Client, project string) string {
	var all strings.Builder
	state, err := c.State(t.Context(), project)
	require.NoError(t, err)
	for _, node := range state.Containers {
		fmt.Fprintf(&all, "%s: %s %d\n", node.Service, node.Phase, node.ExitCode)
		_ = c.Logs(t.Context(), node.ID, engine.LogSpec{Tail: 20}, &all, &all)
	}
	return all.String()
}
