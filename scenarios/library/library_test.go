package library

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

func TestEveryScenarioReadsAndRunsOnALabThatIsThere(t *testing.T) {
	all, err := List()
	require.NoError(t, err)
	require.Len(t, all, len(Names()))
	for _, found := range all {
		t.Run(found.Name, func(t *testing.T) {
			s := found.Scenario
			require.NotEmpty(t, s.Summary)
			variants := map[string]bool{s.Variant: true}
			for _, entry := range s.Compare {
				variants[entry.Variant] = true
			}
			for variant := range variants {
				lab, err := labs.Open(t.Context(), found.Lab(), labs.Options{Variant: variant})
				require.NoError(t, err)
				require.Equal(t, s.Lab, lab.Slug)
			}
			// The first phase is what the rest is held against.
			require.Empty(t, s.Phases[0].Steps, "the first phase is left alone")
			expected := len(s.Expect)
			for _, entry := range s.Compare {
				expected += len(entry.Expect)
			}
			require.NotZero(t, expected, "a scenario that expects nothing proves nothing")
		})
	}
}

func TestANameThatIsAlmostRightIsSuggested(t *testing.T) {
	_, err := Open("shard-lost")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Contains(t, hint.Of(err), "shard-loss")
}

func TestALabsFolderIsRelativeToTheScenariosFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte("version: 1\ntitle: t\nlab: ../mine\nphases: [{name: a, for: 1s}]\n"), 0o600))
	found, err := Open(file)
	require.NoError(t, err)
	require.Equal(t, "mine", found.Name)
	require.Equal(t, filepath.Join(filepath.Dir(dir), "mine"), found.Lab())

	broken := filepath.Join(dir, "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("version: 1\ntitel: t\n"), 0o600))
	_, err = Open(broken)
	require.ErrorContains(t, err, broken+":2:1")
}
