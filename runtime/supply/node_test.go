package supply_test

import (
	"archive/tar"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// program compiles testdata/node for Linux; flags are the linker's.
func program(t *testing.T, flags string, env ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "-ldflags", flags, "testdata/node/main.go")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

var engineArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]

func TestTheExecutableIsAnImageAndFollowsItsChanges(t *testing.T) {
	b := newBench(t)
	b.arch = engineArch
	b.options.NodeBinary = program(t, "-X main.Version=1")
	first, err := b.ensure(t.Context(), refs("ddsctl/node")...)
	require.NoError(t, err)
	require.Equal(t, []string{"ddsctl/node imported"}, b.ready())
	ref, err := supply.New(b.shelf, b.options).Reference("ddsctl/node")
	require.NoError(t, err)

	owners := map[string]*tar.Header{}
	for _, h := range b.layers[ref] {
		owners[h.Name] = h
	}
	require.EqualValues(t, 0o755, owners["ddsctl"].Mode)
	require.EqualValues(t, 0o1777, owners["tmp/"].Mode)
	require.Equal(t, 65534, owners["data/"].Uid)
	require.Equal(t, 0, owners["var/lib/ddsctl/"].Uid)
	require.Contains(t, owners, "etc/passwd")

	_, err = b.ensure(t.Context(), refs("ddsctl/node")...)
	require.NoError(t, err)
	require.Equal(t, []string{"ddsctl/node present"}, b.ready())

	b.options.NodeBinary = program(t, "-X main.Version=2")
	second, err := b.ensure(t.Context(), refs("ddsctl/node")...)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
}

// builds are Supplies of two builds of ddsctl on one engine, the older one first.
func builds(t *testing.T, b *bench) (older, newer *supply.Supply) {
	t.Helper()
	b.arch = engineArch
	b.options.NodeBinary = program(t, "-X main.Version=older")
	older = supply.New(b.shelf, b.options)
	b.options.NodeBinary = program(t, "-X main.Version=newer")
	return older, supply.New(b.shelf, b.options)
}

func ensureNode(t *testing.T, s *supply.Supply) (id, ref string) {
	t.Helper()
	ids, err := s.Ensure(t.Context(), refs("ddsctl/node"), nil)
	require.NoError(t, err)
	ref, err = s.Reference("ddsctl/node")
	require.NoError(t, err)
	return ids["ddsctl/node"], ref
}

func TestTwoBuildsOnOneEngineHaveAnImageEach(t *testing.T) {
	b := newBench(t)
	older, newer := builds(t, b)
	first, firstRef := ensureNode(t, older)
	second, secondRef := ensureNode(t, newer)
	require.NotEqual(t, first, second)
	require.NotEqual(t, firstRef, secondRef)
	for range 2 { // neither takes the other's away
		again, _ := ensureNode(t, older)
		require.Equal(t, first, again)
		again, _ = ensureNode(t, newer)
		require.Equal(t, second, again)
	}
	for ref, id := range map[string]string{firstRef: first, secondRef: second, "ddsctl/node": second} {
		image, err := b.Image(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, id, image.ID, ref)
	}
	list, err := older.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, supply.OwnPresent, list[1].State)
	require.Equal(t, first, list[1].ID)
}

func TestOtherImagesAreCalledWhatTheyAreAskedFor(t *testing.T) {
	b := newBench(t)
	b.options.NodeBinary = "/no/such/file"
	ref, err := supply.New(b.shelf, b.options).Reference("ddsctl/redis")
	require.NoError(t, err)
	require.Equal(t, "ddsctl/redis", ref)
	_, err = supply.New(b.shelf, b.options).Reference("ddsctl/node:latest")
	require.ErrorContains(t, err, "no such file")
}

func TestPruneRemovesTheImageOfAnOlderExecutableThatNothingUses(t *testing.T) {
	b := newBench(t)
	now := new(time.Time)
	*now = time.Unix(1_000_000, 0)
	b.options.Now = func() time.Time { return *now }
	older, newer := builds(t, b)
	first, firstRef := ensureNode(t, older)
	removed, err := newer.Prune(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed, "it has none of its own yet")
	_, secondRef := ensureNode(t, newer)

	b.inUse[first] = true
	removed, err = newer.Prune(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed, "a container uses it")

	b.inUse = map[string]bool{}
	removed, err = older.Prune(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed, "the newer one is not the older one's to remove")

	*now = b.images[firstRef].Created.Add(supply.PruneAge - time.Second)
	removed, err = newer.Prune(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed, "somebody may have made it only now")
	*now = now.Add(time.Second)

	removed, err = newer.Prune(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	_, err = b.Image(t.Context(), firstRef)
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, err = b.Image(t.Context(), secondRef)
	require.NoError(t, err)
}

func TestPruneKeepsAwayFromWhoeverIsAboutToUseAnImage(t *testing.T) {
	b := newBench(t)
	older, newer := builds(t, b)
	ensureNode(t, older)
	ensureNode(t, newer)
	release, err := older.Hold(t.Context())
	require.NoError(t, err)
	second, err := older.Hold(t.Context())
	require.NoError(t, err, "several may be about to")
	second()
	_, err = newer.Prune(t.Context())
	require.ErrorIs(t, err, supply.ErrBusy)
	release()
	removed, err := newer.Prune(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, removed)
}

func TestAnExecutableWithoutABuildIDIsKnownByItsContent(t *testing.T) {
	b := newBench(t)
	b.arch = engineArch
	for _, want := range []string{"imported", "present"} {
		b.options.NodeBinary = program(t, "-buildid=")
		_, err := b.ensure(t.Context(), refs("ddsctl/node")...)
		require.NoError(t, err)
		require.Equal(t, []string{"ddsctl/node " + want}, b.ready())
	}
}

func TestAnExecutableThatCannotRunInTheEngineIsRefused(t *testing.T) {
	text := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700))
	for _, c := range []struct{ name, path, arch, want, next string }{
		{"another architecture", program(t, "", "GOARCH=arm64"), "x86_64", "is for linux/arm64, and the engine runs linux/amd64", "GOARCH=amd64"},
		{"not there", "/no/such/file", "x86_64", "no such file", ""},
		{"not an executable", text, "x86_64", "is not a Linux executable", ""},
		{"linked dynamically", "/bin/sh", engineArch, "is linked dynamically", "CGO_ENABLED=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.arch = c.arch
			b.options.Environment = func(name string) string { return map[string]string{supply.EnvNodeBinary: c.path}[name] }
			_, err := b.ensure(t.Context(), refs("ddsctl/node")...)
			require.ErrorContains(t, err, c.want)
			require.Contains(t, hint.Of(err), c.next)
			require.Empty(t, b.made())
		})
	}
}
