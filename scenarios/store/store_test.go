package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/record"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func save(t *testing.T, s Store, scenario string, at time.Time, seed uint64) Folder {
	t.Helper()
	folder, err := s.Create(scenario, at)
	require.NoError(t, err)
	require.NoError(t, folder.Save(record.Record{Scenario: scenario, Seed: seed}))
	return folder
}

func TestARunIsFoundByScenarioByNameAndByFolder(t *testing.T) {
	s := New(t.TempDir())
	save(t, s, "loss", noon, 1)
	second := save(t, s, "loss", noon.Add(time.Hour), 2)
	save(t, s, "slow", noon, 3)
	for ref, seed := range map[string]uint64{"loss": 2, "loss/latest": 2, "loss/20260102-120000": 1, second.Path: 2, filepath.Join(second.Path, RecordFile): 2, "slow": 3} {
		r, folder, err := s.Load(ref)
		require.NoError(t, err, ref)
		require.Equal(t, seed, r.Seed, ref)
		require.NotEmpty(t, folder.Path)
	}
	all, err := s.List("")
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, "20260102-130000", all[0].Name, "newest first")
	one, err := s.List("slow")
	require.NoError(t, err)
	require.Len(t, one, 1)
}

func TestTwoRunsOfOneSecondHaveTheirOwnFolders(t *testing.T) {
	s := New(t.TempDir())
	require.NotEqual(t, save(t, s, "loss", noon, 1).Path, save(t, s, "loss", noon, 2).Path)
	r, _, err := s.Load("loss")
	require.NoError(t, err)
	require.Equal(t, uint64(2), r.Seed)
}

func TestANameCannotLeaveTheStore(t *testing.T) {
	dir := t.TempDir()
	s := New(filepath.Join(dir, "runs"))
	for _, name := range []string{"../../etc", "..", ".", `a\b`} {
		folder, err := s.Create(name, noon)
		require.NoError(t, err)
		relative, err := filepath.Rel(filepath.Join(dir, "runs"), folder.Path)
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(relative), folder.Path)
	}
}

func TestAFileThatCannotBeWrittenWholeIsNotWritten(t *testing.T) {
	folder, err := New(t.TempDir()).Create("loss", noon)
	require.NoError(t, err)
	require.NoError(t, folder.Write("a", func(w io.Writer) error { _, err := io.WriteString(w, "first"); return err }))
	require.Error(t, folder.Write("a", func(w io.Writer) error { _, _ = io.WriteString(w, "sec"); return errors.New("no space left on device") }))
	text, err := os.ReadFile(filepath.Join(folder.Path, "a"))
	require.NoError(t, err)
	require.Equal(t, "first", string(text))
	entries, err := os.ReadDir(folder.Path)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half-written is left")
}

func TestWhatIsNotThereIsSaidWithTheNextStep(t *testing.T) {
	s := New(t.TempDir())
	_, _, err := s.Load("loss")
	require.ErrorIs(t, err, os.ErrNotExist)
	folder := save(t, s, "loss", noon, 1)
	require.NoError(t, os.WriteFile(filepath.Join(folder.Path, RecordFile), []byte("{"), 0o600))
	_, _, err = s.Load("loss")
	require.ErrorContains(t, err, RecordFile)
}

func TestAPlaceThatCannotBeWrittenIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := New(file).Create("loss", noon)
	require.Error(t, err)
}
