package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// update lets the golden parts of scripts be rewritten: go test ./cmd/ddsctl -update.
var update = flag.Bool("update", false, "rewrite what scripts compare with")

// TestMain lets scripts run ddsctl itself: this test binary, called by that name.
func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"ddsctl": main})
}

// tidy runs the tests, then removes the binary that they may have built.
type tidy struct{ *testing.M }

func (t tidy) Run() int {
	code := t.M.Run()
	if builtDir != "" {
		_ = os.RemoveAll(builtDir)
	}
	return code
}

// suites are the folders of scripts. Those whose name ends in docker need an engine.
func suites(t *testing.T, docker bool) []string {
	t.Helper()
	folders, err := filepath.Glob("testdata/script/*")
	require.NoError(t, err)
	var list []string
	for _, folder := range folders {
		if strings.HasSuffix(folder, "docker") == docker {
			list = append(list, folder)
		}
	}
	require.NotEmpty(t, list)
	return list
}

func params(folder string) testscript.Params {
	return testscript.Params{
		Dir: folder, RequireExplicitExec: true, RequireUniqueNames: true, UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"normal": normalize, "exits": exits},
		Condition: func(condition string) (bool, error) {
			return false, nil
		},
	}
}

// TestScripts runs what needs no engine: none is there for it.
func TestScripts(t *testing.T) {
	for _, folder := range suites(t, false) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			p := params(folder)
			p.Setup = func(env *testscript.Env) error {
				env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "no-engine.sock"))
				return nil
			}
			testscript.Run(t, p)
		})
	}
}

// builtDir is where built has put it, "" where nobody has asked.
var builtDir string

// built is ddsctl as it is released, for the tests that look at the file or kill the process. It is built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ddsctl-built-*")
	if err != nil {
		return "", err
	}
	builtDir = dir
	path := filepath.Join(dir, "ddsctl")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, ".") // as the Makefile does
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return path, build.Run()
})

func TestTheBinaryStaysUnder70MB(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	path, err := built()
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	t.Logf("%.1f MB", float64(info.Size())/1e6)
	require.Less(t, info.Size(), int64(70_000_000))
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
