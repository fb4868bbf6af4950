package compose_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/compose"
	"github.com/ddsctl/ddsctl/labs/mark"
)

// reference is the folder of the specification's reference implementation, whose module carries examples.
func reference(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/compose-spec/compose-go/v2").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// byReference loads a file as the reference does.
func byReference(t *testing.T, file string) (*types.Project, error) {
	t.Helper()
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file}},
		Environment: types.Mapping{}}, func(o *loader.Options) {
		o.SetProjectName("example", true)
		o.Profiles = []string{"*"}
	})
}

// examples is the table of what becomes of the reference's own examples: each that it loads by itself is loaded as the same project, or refused by
// name and line.
func examples(t *testing.T) string {
	t.Helper()
	root := reference(t)
	var rows []string
	loaded, refused := 0, 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		ext := filepath.Ext(file)
		if err != nil || entry.IsDir() || ext != ".yaml" && ext != ".yml" || !strings.Contains(file, "testdata") {
			return err
		}
		want, err := byReference(t, file)
		if err != nil || len(want.Services) == 0 {
			return nil //nolint:nilerr // a part of another example, or one of what is wrong
		}
		name, err := filepath.Rel(root, file)
		require.NoError(t, err)
		have, err := compose.Load(t.Context(), compose.Input{Dir: filepath.Dir(file), Files: []string{file}}, compose.Options{Name: "example", Profiles: []string{"*"}, Trust: true})
		if err == nil {
			loaded++
			require.Equal(t, want.ServiceNames(), have.Project.ServiceNames(), name)
			for _, service := range want.ServiceNames() {
				a, b := want.Services[service], have.Project.Services[service]
				require.Equal(t, a.Image, b.Image, "%s %s", name, service)
				require.Equal(t, a.Command, b.Command, "%s %s", name, service)
				require.Equal(t, a.Environment, b.Environment, "%s %s", name, service)
				require.Equal(t, a.DependsOn, b.DependsOn, "%s %s", name, service)
			}
			rows = append(rows, fmt.Sprintf("| `%s` | the same project |", filepath.ToSlash(name)))
			return nil
		}
		var problems mark.Problems
		require.True(t, errors.As(err, &problems), "%s: refused without a line: %v", name, err)
		refused++
		var why []string
		for _, p := range problems {
			require.NotZero(t, p.Line, "%s: %s", name, p.Text)
			if text := fmt.Sprintf("line %d: %s", p.Line, strings.ReplaceAll(p.Text, root, "")); !slices.Contains(why, text) {
				why = append(why, text)
			}
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s |", filepath.ToSlash(name), strings.ReplaceAll(strings.Join(why, "<br>"), "|", "\\|")))
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, loaded, 10, "this looks in the wrong place")
	slices.Sort(rows)
	return fmt.Sprintf(`
## The reference's own examples

compose-go, the specification's reference implementation, carries examples. Of the %d that it loads by themselves, %d are loaded as the same
project, and %d are refused by name and line.

| example | |
| --- | --- |
%s
`, loaded+refused, loaded, refused, strings.Join(rows, "\n"))
}
