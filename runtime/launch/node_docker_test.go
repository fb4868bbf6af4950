package launch_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

func TestTwoBuildsOfDdsctlWorkOnOneDockerEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	c, err := docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	prefix := fmt.Sprintf("ddsctl-launch-%d-", os.Getpid())
	e := apart{Client: c}
	var binaries []string
	for _, version := range []string{"1", "2"} {
		binary := build(t, prefix+version)
		ref, err := supply.New(c, supply.Options{NodeBinary: binary}).Reference(helper.DefaultImage)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.RemoveImage(context.Background(), ref)) })
		binaries, e.refs = append(binaries, binary), append(e.refs, ref)
	}
	twoBuilds(t, e, prefix, binaries[0], binaries[1])
}

// apart is an engine in which the test touches no images but its own, nor the plain name of ddsctl/node: they belong to the ddsctl that is
// used on this machine.
type apart struct {
	*docker.Client
	refs []string
}

func (a apart) Images(ctx context.Context, label string) ([]engine.Image, error) {
	list, err := a.Client.Images(ctx, label)
	return slices.DeleteFunc(list, func(image engine.Image) bool {
		return !slices.ContainsFunc(image.Tags, func(tag string) bool { return slices.Contains(a.refs, tag) })
	}), err
}

func (apart) TagImage(context.Context, string, string) error { return nil }
