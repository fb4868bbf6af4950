package install

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItIsThereAsAWholeAndCanBeRun(t *testing.T) {
	dir := t.TempDir()
	program, path := filepath.Join(dir, "program"), filepath.Join(dir, "volume", "program")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(program, []byte("one"), 0o600))
	require.NoError(t, Copy(program, path))
	running, err := os.Open(path)
	require.NoError(t, err)
	defer running.Close()

	require.NoError(t, os.WriteFile(program, []byte("two"), 0o600))
	require.NoError(t, Copy(program, path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(text))
	old := make([]byte, 3)
	_, err = running.Read(old)
	require.NoError(t, err)
	require.Equal(t, "one", string(old), "whoever runs the old one goes on with it")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o755, info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestWhatCannotBeCopiedLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	require.ErrorContains(t, Copy(dir, filepath.Join(dir, "x")), "install")
	require.ErrorContains(t, Copy(filepath.Join(dir, "none"), filepath.Join(dir, "x")), "install")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheRunningProgramIsWhatIsInstalled(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, To(dir))
	info, err := os.Stat(filepath.Join(dir, filepath.Base(os.Args[0])))
	require.NoError(t, err)
	require.NotZero(t, info.Size())
}
