package ddsctl_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// setUp runs .ci/setup and pretends another machine to it: each program of the map stands before the real ones in PATH.
func setUp(t *testing.T, programs map[string]string, env ...string) (words string, err error) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	dir := t.TempDir()
	// The real go command leaves files in HOME, also when it is over.
	stubs := map[string]string{"go": "exit 0"}
	maps.Copy(stubs, programs)
	for name, script := range stubs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!"+bash+"\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), bash, ".ci/setup")
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "DOCKER_HOST=")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A person who is not root, on a machine whose engine does or does not answer. curl stands for the sockets: it fails, too.
var (
	person  = `case $1 in -un) echo ada ;; *) echo 1000 ;; esac`
	answers = `exit 0`
	silent  = `exit 1`
)

func system(name string) string { return "echo " + name }

func TestSetUpSaysNothingWhenThereIsNothingToDo(t *testing.T) {
	for _, name := range []string{"Linux", "Darwin"} {
		words, err := setUp(t, map[string]string{"uname": system(name), "id": person, "docker": answers, "curl": silent})
		if err != nil || words != "" {
			t.Errorf("%s: %v, and it said %q", name, err, words)
		}
	}
}

func TestSetUpFindsAnEngineWithoutTheDockerCommandByItsSocket(t *testing.T) {
	// Docker's client fails, as it does where only Podman is; curl answers for one socket only.
	words, err := setUp(t, map[string]string{"uname": system("Linux"), "id": person, "docker": silent,
		"curl": `[[ "$*" == *podman.sock* ]]`}, "DOCKER_HOST=unix:///run/user/1000/podman.sock")
	if err != nil || words != "" {
		t.Errorf("%v, and it said %q", err, words)
	}
}

func TestSetUpSaysWhatToDoWhereNoEngineAnswers(t *testing.T) {
	cases := map[string]struct {
		system string
		env    string
		says   string
	}{
		"macOS":                         {system: "Darwin", says: "Docker Desktop"},
		"another system":                {system: "Plan9", says: "DOCKER_HOST"},
		"an engine named, on Linux":     {system: "Linux", env: "DOCKER_HOST=tcp://127.0.0.1:1", says: "unset DOCKER_HOST"},
		"a socket named, and not there": {system: "Linux", env: "DOCKER_HOST=unix:///nowhere.sock", says: "unix:///nowhere.sock"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			words, err := setUp(t, map[string]string{"uname": system(c.system), "id": person, "docker": silent, "curl": silent}, c.env)
			if err == nil {
				t.Errorf("it succeeded; it said %q", words)
			}
			if !strings.HasPrefix(words, "setup: ") || !strings.Contains(words, c.says) {
				t.Errorf("it said %q, without %q", words, c.says)
			}
		})
	}
}

func TestSetUpOfARootThatNamesASilentEngineStartsNoOther(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the script believes it is, and writes its log")
	}
	// apt-get and dockerd must not be called: each would leave a trace.
	trace := filepath.Join(t.TempDir(), "called")
	call := "echo called >> " + trace
	words, err := setUp(t, map[string]string{"docker": silent, "curl": silent, "dockerd": call, "apt-get": "exit 0", "id": "echo 0"},
		"DOCKER_HOST=tcp://127.0.0.1:1")
	if err == nil || !strings.Contains(words, "unset DOCKER_HOST") {
		t.Errorf("%v, and it said %q", err, words)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("it started an engine of its own")
	}
}

func TestSetUpSaysWhyGoCannotBuildThis(t *testing.T) {
	words, err := setUp(t, map[string]string{"uname": system("Linux"), "id": person, "docker": answers, "go": "echo go.mod requires go 9 >&2; exit 1"})
	if err == nil || !strings.Contains(words, "go.mod requires go 9") || !strings.Contains(words, "go.dev/dl") {
		t.Errorf("%v, and it said %q", err, words)
	}
}
