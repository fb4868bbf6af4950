package supply_test

import (
	"archive/tar"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

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

	owners := map[string]*tar.Header{}
	for _, h := range b.layers["ddsctl/node"] {
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
	require.Empty(t, b.loose, "the old one is gone")
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
