package wholefile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wholefile"
)

func alone(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	require.Equal(t, names, left, "nothing else stays behind")
}

func TestAFileIsReplacedWithItsMode(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	require.NoError(t, os.WriteFile(path, []byte("before, and longer"), 0o600))
	require.NoError(t, wholefile.Put(path, 0o644, []byte("after")))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "after", string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o644, info.Mode().Perm())
	alone(t, folder, "f")
}

func TestWhatFailsHalfwayChangesNothing(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	require.NoError(t, wholefile.Put(path, 0o600, []byte("before")))
	full := errors.New("no space")
	err := wholefile.Write(path, 0o600, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half of wh")
		return full
	})
	require.ErrorIs(t, err, full)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(text))
	alone(t, folder, "f")

	require.Error(t, wholefile.Put(filepath.Join(folder, "nowhere", "f"), 0o600, nil))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "g"), 0o700))
	require.Error(t, wholefile.Put(filepath.Join(folder, "g"), 0o600, nil), "a folder is in its place")
	alone(t, folder, "f", "g")
}

func TestANameWithoutAFolderIsInThisOne(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, wholefile.Put("f", 0o600, []byte("x")))
	alone(t, ".", "f")
}

func TestWhoeverReadsFindsOneOrTheOther(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	content := func(i int) string { return strings.Repeat(fmt.Sprint(i), 10_000) }
	require.NoError(t, wholefile.Put(path, 0o600, []byte(content(0))))
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for range 10 {
				if err := wholefile.Put(path, 0o600, []byte(content(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { writers.Wait(); close(over) }()
	for reading := true; reading; {
		select {
		case <-over:
			reading = false
		default:
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content(int(text[0]-'0')), string(text))
	}
	alone(t, folder, "f")
}
