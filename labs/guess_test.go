package labs_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
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
		findings, err := labs.Lint(t.Context(), dir, labs.LintOptions{})
		require.NoError(t, err)
		for _, f := range findings {
			require.Equal(t, mark.Warning, f.Severity, "%s: %s", f.Place(), f.Text)
		}
		_, err = labs.InitFromCompose(t.Context(), dir, labs.Options{})
		require.ErrorContains(t, err, "is there already")
	}
}

func TestAProjectIsCopiedBeforeItBecomesALab(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	write(t, dir, map[string]string{"prod.yaml": composeText, "compose.yaml": "services: {other: {image: other}}", "conf/web.conf": "x"})
	_, err := labs.InitFromCompose(t.Context(), filepath.Join(dir, "prod.yaml"), labs.Options{})
	require.ErrorContains(t, err, "a lab's Compose file is called compose.yaml")

	mine := filepath.Join(t.TempDir(), "mine")
	files, err := labs.CopyForGuess(t.Context(), filepath.Join(dir, "prod.yaml"), mine, labs.Options{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"compose.yaml", "compose.yaml.other", "conf/web.conf"}, files)
	_, err = labs.InitFromCompose(t.Context(), mine, labs.Options{})
	require.NoError(t, err)
	lab, err := labs.Open(t.Context(), mine, labs.Options{})
	require.NoError(t, err)
	require.Contains(t, lab.Project.ServiceNames(), "db")
	require.NoFileExists(t, filepath.Join(dir, "lab.yaml"), "the project stays as it was")

	files, err = labs.CopyForGuess(t.Context(), dir, filepath.Join(t.TempDir(), "again"), labs.Options{})
	require.NoError(t, err)
	require.Len(t, files, 3)
}

func TestAServiceIsFoundByAnyOfItsNames(t *testing.T) {
	dir := write(t, filepath.Join(t.TempDir(), "names"), map[string]string{"compose.yaml": `
services:
  web: {image: a, environment: {A: "tcp://the-store:1", B: "queue.internal:2", C: db}}
  store: {image: b, container_name: the-store}
  queue: {image: c, networks: {default: {aliases: [queue.internal]}}}
  db: {image: d}
`})
	lab, err := labs.Open(t.Context(), dir, labs.Options{})
	require.NoError(t, err)
	require.Equal(t, []format.Link{{From: "web", To: "store", Port: 1}, {From: "web", To: "queue", Port: 2}, {From: "web", To: "db"}}, lab.Links())
}
