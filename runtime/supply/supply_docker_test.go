package supply_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

func dockerClient(t *testing.T) *docker.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	c, err := docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	require.NoError(t, c.Ping(t.Context()))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// name is an image's name that only this test uses; the image goes with the test.
func name(t *testing.T, c *docker.Client, suffix string) string {
	ref := fmt.Sprintf("ddsctl-supply-test-%d/%s", os.Getpid(), suffix)
	t.Cleanup(func() { require.NoError(t, c.RemoveImage(context.Background(), ref)) })
	return ref
}

// run runs a container to its end and returns its output.
func run(t *testing.T, c *docker.Client, image string, command ...string) string {
	t.Helper()
	service := types.ServiceConfig{Name: "s"}
	service.Image, service.Command = image, command
	id, err := c.CreateContainer(t.Context(), engine.ContainerSpec{Name: fmt.Sprintf("ddsctl-supply-test-%d", os.Getpid()), Service: service})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.RemoveContainer(context.Background(), id)) }()
	require.NoError(t, c.StartContainer(t.Context(), id))
	code, err := c.WaitContainer(t.Context(), id)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, c.Logs(t.Context(), id, engine.LogSpec{Tail: -1}, &out, &out))
	require.Zero(t, code, "%s", out.String())
	return out.String()
}

// loose counts the images without a name that carry a label.
func loose(t *testing.T, c *docker.Client, label string) int {
	list, err := c.Images(context.Background(), label)
	require.NoError(t, err)
	n := 0
	for _, image := range list {
		if len(image.Tags) == 0 {
			n++
		}
	}
	return n
}

// swapped is the engine with its base image under another name, so that a test can make it without taking it from others.
type swapped struct {
	*docker.Client
	base string
}

func (s swapped) name(ref string) string {
	return strings.NewReplacer("docker.io/library/"+supply.Base, s.base, supply.Base, s.base).Replace(ref)
}

func (s swapped) Image(ctx context.Context, ref string) (engine.Image, error) {
	return s.Client.Image(ctx, s.name(ref))
}

func (s swapped) PullImage(context.Context, string, func(engine.ImageProgress)) error {
	return fmt.Errorf("no registry in this test")
}

func (s swapped) ImportImage(ctx context.Context, ref string, layer io.Reader, changes []string) (string, error) {
	return s.Client.ImportImage(ctx, s.name(ref), layer, changes)
}

func TestABaseMadeFromPackagesHasAWorkingApt(t *testing.T) {
	c := dockerClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	base, app := name(t, c, "base:1"), name(t, c, "app:1")
	e := swapped{c, base}
	s := supply.New(e, supply.Options{Address: c.Address(), LockDir: t.TempDir()})
	begin := time.Now()
	lines := 0
	_, err := s.Ensure(ctx, refs(supply.Base), func(p engine.ImageProgress) {
		if lines++; p.Stage == engine.StageReady {
			require.Equal(t, "bootstrapped", p.Text)
		}
	})
	require.NoError(t, err)
	require.Greater(t, lines, 3)
	t.Logf("the base image took %s", time.Since(begin))
	require.Contains(t, run(t, c, base, "cat", "/etc/os-release"), "trixie")

	section := folderWith(t, "FROM "+base+"\nRUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*\n")
	_, err = s.Ensure(ctx, []supply.Request{{Ref: app, Build: section, Unnamed: true}}, nil)
	require.NoError(t, err)
	require.Contains(t, run(t, c, app, "tini", "--version"), "tini")
	image, err := c.Image(ctx, app)
	require.NoError(t, err)
	require.Less(t, image.Size, int64(120<<20), "apt leaves no caches")
}

func TestAnInterruptedBootstrapLeavesNothing(t *testing.T) {
	c := dockerClient(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp) // where mmdebstrap works
	base := name(t, c, "interrupted:1")
	s := supply.New(swapped{c, base}, supply.Options{Address: c.Address(), LockDir: t.TempDir()})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	_, err := s.Ensure(ctx, refs(supply.Base), func(p engine.ImageProgress) {
		if strings.Contains(p.Text, "running apt-get update") {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.Image(t.Context(), base)
	require.ErrorIs(t, err, engine.ErrNotFound)
	left, err := filepath.Glob(filepath.Join(tmp, "mmdebstrap*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRedisAndTwemproxyAreBuiltFromDebian(t *testing.T) {
	c := dockerClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s := supply.New(c, supply.Options{Address: c.Address()})
	ids, err := s.Ensure(ctx, refs("ddsctl/redis", "ddsctl/twemproxy"), nil)
	require.NoError(t, err)
	require.Len(t, ids, 2)

	var how []string
	begin := time.Now()
	again, err := s.Ensure(ctx, refs("ddsctl/redis", "ddsctl/twemproxy"), func(p engine.ImageProgress) { how = append(how, p.Stage+" "+p.Text) })
	require.NoError(t, err)
	require.Equal(t, ids, again)
	require.Equal(t, []string{"ready present", "ready present"}, how)
	t.Logf("finding them again took %s", time.Since(begin))
}

// own has one image of its own, under a name that no real image has.
func own(image, dockerfile string) fstest.MapFS {
	return fstest.MapFS{image + "/Dockerfile": {Data: []byte(dockerfile)}, image + "/README.md": {Data: []byte("# x\n")}}
}

func TestAnInterruptedBuildLeavesNothing(t *testing.T) {
	c := dockerClient(t)
	image := fmt.Sprintf("supply-test-%d", os.Getpid())
	s := supply.New(c, supply.Options{Address: c.Address(), LockDir: t.TempDir(), Folders: own(image,
		"FROM "+supply.Base+"\nLABEL "+engine.LabelImage+"="+image+"\nRUN echo one > /one\nRUN echo sleeping && sleep 300\n")})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	_, err := s.Ensure(ctx, refs(images.Prefix+image), func(p engine.ImageProgress) {
		if strings.Contains(p.Text, "sleeping") && !strings.Contains(p.Text, "RUN") {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	// A layer can be removed only once the container of the step that was interrupted is gone.
	require.Zero(t, loose(t, c, engine.LabelImage+"="+image))
}

func TestAFailedBuildShowsItsLastLines(t *testing.T) {
	c := dockerClient(t)
	image := fmt.Sprintf("supply-test-%d", os.Getpid())
	s := supply.New(c, supply.Options{Address: c.Address(), LockDir: t.TempDir(), Folders: own(image,
		"FROM "+supply.Base+"\nLABEL "+engine.LabelImage+"="+image+"\nRUN echo the reason && exit 7\n")})
	_, err := s.Ensure(t.Context(), refs(images.Prefix+image), nil)
	require.ErrorContains(t, err, "the reason")
	require.ErrorContains(t, err, "7")
	require.Zero(t, loose(t, c, engine.LabelImage+"="+image))
}

func TestTheExecutableRunsAloneInItsImage(t *testing.T) {
	c := dockerClient(t)
	ids := map[string]string{}
	for _, version := range []string{"1", "2"} {
		s := supply.New(unnamed{c}, supply.Options{Address: c.Address(), LockDir: t.TempDir(), NodeBinary: program(t, "-X main.Version="+version)})
		ref, err := s.Reference("ddsctl/node")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.RemoveImage(context.Background(), ref)) })
		made, err := s.Ensure(t.Context(), refs("ddsctl/node"), nil)
		require.NoError(t, err)
		ids[ref] = made["ddsctl/node"]
	}
	require.Len(t, ids, 2, "one does not take the other's name")
	var said []string
	for ref, id := range ids {
		image, err := c.Image(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, id, image.ID)
		said = append(said, run(t, c, ref, "node", "hello"))
	}
	slices.Sort(said)
	for i, version := range []string{"1", "2"} {
		require.Equal(t, version+" [node hello] 65534 true <nil>\n/data true\n/tmp true\n/var/lib/ddsctl false\n", said[i])
	}
}

// unnamed is an engine in which the plain name of ddsctl/node stays where it is: it belongs to the ddsctl that is used on this machine.
type unnamed struct{ *docker.Client }

func (unnamed) TagImage(context.Context, string, string) error { return nil }

func TestAMissingImageIsGivenUpInSeconds(t *testing.T) {
	c := dockerClient(t)
	s := supply.New(c, supply.Options{Address: c.Address(), LockDir: t.TempDir(), Patience: 5 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	// 192.0.2.0/24 is for documentation: nobody answers there.
	_, err := s.Ensure(ctx, refs("192.0.2.1:5000/nothing:1"), nil)
	require.ErrorContains(t, err, "192.0.2.1:5000")
	require.NoError(t, ctx.Err())
}
