package labs_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestALabFileIsGuessedFromAComposeFile compares with testdata/guess/*/lab.yaml.
func TestALabFileIsGuessedFromAComposeFile(t *testing.T) {
	folders, err := filepath.Glob("testdata/guess/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		dir := filepath.Join(t.TempDir(), filepath.Base(folder))
		text, err := os.ReadFile(filepath.Join(folder, "compose.yaml"))
		require.NoError(t, err)
		write(t, dir, map[string]string{"compose.yaml": string(text)})
		name, err := labs.InitFromCompose(t.Context(), dir, labs.Options{})
		require.NoError(t, err, folder)
		have, err := os.ReadFile(name)
		require.NoError(t, err)
		golden := filepath.Join(folder, "lab.golden.yaml")
		if *update {
			require.NoError(t, os.WriteFile(golden, have, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(have))

		_, err = labs.Open(t.Context(), dir, labs.Options{})
		require.NoError(t, err, "what was guessed is a lab")
		_, err = labs.InitFromCompose(t.Context(), dir, labs.Options{})
		require.ErrorContains(t, err, "is there already")
	}
}
