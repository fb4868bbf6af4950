package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/host"
)

// call runs ddsctl as a user whose state is in a folder, and gives what it printed and its exit code.
func (p *classProcess) call(state string, arguments ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	var out, words outputs
	cmd := exec.Command(p.program, arguments...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "DOCKER_HOST=unix:///nowhere")
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), string(words), exit.ExitCode()
	}
	require.NoError(p.t, err)
	return string(out), string(words), 0
}

type outputs []byte

func (o *outputs) Write(b []byte) (int, error) { *o = append(*o, b...); return len(b), nil }

func TestAStudentSubmitsWithoutTheServerAndIsSeenOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	p := startClass(t, "--name", "Autumn")
	links, err := host.LoadLinks(p.data)
	require.NoError(t, err)
	state := t.TempDir()
	_, words, code := p.call(state, "class", "join", links.Join, "--name", "Ada")
	require.Zero(t, code, words)
	require.Contains(t, words, "you are in Autumn, as Ada")
	_, words, code = p.call(state, "class", "join", links.Join, "--name", "Ada")
	require.Equal(t, exitFailed, code)
	require.Contains(t, words, "you are in Autumn already")
	info, err := os.Stat(filepath.Join(state, "ddsctl", "class", "member.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	_, words, code = p.call(state, "exercise", "answer", "when-it-dies", "b", "--lab", "sharded-redis", "--no-submit")
	require.Zero(t, code, words)
	require.NotContains(t, words, "Autumn")
	p.kill()
	text, words, code := p.call(state, "class", "submit", "-o", "json")
	require.Zero(t, code, words)
	require.Contains(t, words, "1 submission waits on this disk")
	require.Contains(t, text, `"waiting": 1`)
	p.start()
	text, words, code = p.call(state, "class", "submit")
	require.Zero(t, code, words)
	require.Contains(t, text, "sharded-redis")
	_, words, code = p.call(state, "class", "submit")
	require.Zero(t, code, words)
	require.Contains(t, words, "nothing new since the last time")

	folder := t.TempDir()
	text, words, code = p.call(state, "class", "export", "--data", p.data, "--evidence", folder)
	require.Zero(t, code, words)
	var marks board.Export
	require.NoError(t, json.Unmarshal([]byte(text), &marks))
	require.Len(t, marks.Marks, 1)
	require.Equal(t, 1.0, marks.Marks[0].Points)
	require.Len(t, marks.Submissions[marks.Marks[0].Student], 1)
	evidence, err := os.ReadFile(filepath.Join(folder, "sharded-redis", "when-it-dies", marks.Marks[0].Student+".json"))
	require.NoError(t, err)
	require.Contains(t, string(evidence), `"answer":"b"`)
	text, words, code = p.call(state, "class", "roster", "--data", p.data)
	require.Zero(t, code, words)
	require.Contains(t, text, "Ada")

	// Another member of the class with another name; the old secret of one who was given a new one is void.
	_, words, code = p.call(t.TempDir(), "class", "join", links.Join, "--name", "ada")
	require.Equal(t, exitFailed, code)
	require.Contains(t, words, "somebody has joined by that name")
	_, words, code = p.call(state, "class", "roster", "--data", p.data, "--remove", "Ada")
	require.Zero(t, code, words)
	_, words, code = p.call(state, "exercise", "answer", "when-it-dies", "a", "--lab", "sharded-redis")
	require.Equal(t, exitUnmet, code, words)
	_, words, code = p.call(state, "class", "submit")
	require.Equal(t, exitFailed, code)
	require.Contains(t, words, "the class does not know your secret")
}

func TestWhatIsPassedIsHandedInByItselfUnlessTheStudentWillNot(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	p := startClass(t, "--name", "Autumn")
	links, err := host.LoadLinks(p.data)
	require.NoError(t, err)
	state := t.TempDir()
	answer := func(id, key string, flags ...string) string {
		_, words, code := p.call(state, append([]string{"exercise", "answer", id, key, "--lab", "sharded-redis"}, flags...)...)
		require.Zero(t, code, words)
		return words
	}
	marks := func() (all board.Export) {
		text, words, code := p.call(state, "class", "export", "--data", p.data)
		require.Zero(t, code, words)
		require.NoError(t, json.Unmarshal([]byte(text), &all))
		return all
	}
	require.NotContains(t, answer("when-it-dies", "b"), "handed in", "nobody has joined")
	_, words, code := p.call(state, "class", "join", links.Join, "--name", "Ada")
	require.Zero(t, code, words)

	// What fails is not handed in, what passes is.
	_, words, code = p.call(state, "exercise", "answer", "keys-that-move", "b", "--lab", "sharded-redis")
	require.Equal(t, exitUnmet, code, words)
	require.Empty(t, marks().Marks)
	require.Contains(t, answer("keys-that-move", "a"), "handed in to Autumn")
	require.Len(t, marks().Marks, 2, "with what was done before")
	require.NotEmpty(t, marks().Marks[0].Evidence)
	// The server grades it itself.
	require.Eventually(t, func() bool {
		for _, m := range marks().Marks {
			if m.Judged != class.Confirmed {
				return false
			}
		}
		return true
	}, time.Minute, 100*time.Millisecond)

	// Without the server it is passed all the same, and waits. The next one takes it along; each counts once.
	p.kill()
	words = answer("keys-that-move", "a")
	require.Contains(t, words, "1 submission waits on this disk")
	p.start()
	require.Contains(t, answer("keys-that-move", "a"), "handed in to Autumn")
	all := marks()
	require.Len(t, all.Submissions[all.Marks[0].Student], 3)
	_, words, code = p.call(state, "class", "submit")
	require.Zero(t, code, words)
	require.Contains(t, words, "nothing new since the last time")

	// Who will not hand in by itself says so, once or for good.
	require.NotContains(t, answer("when-it-dies", "b", "--no-submit"), "Autumn")
	_, words, code = p.call(state, "class", "auto", "off")
	require.Zero(t, code, words)
	require.NotContains(t, answer("when-it-dies", "b"), "Autumn")
	all = marks()
	require.Len(t, all.Submissions[all.Marks[0].Student], 3)
	_, words, code = p.call(state, "class", "auto", "on")
	require.Zero(t, code, words)
	require.Contains(t, answer("when-it-dies", "b"), "handed in to Autumn")
	_, _, code = p.call(state, "class", "auto", "perhaps")
	require.Equal(t, exitUsage, code)
}
