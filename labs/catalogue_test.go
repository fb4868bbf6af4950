package labs_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// TestEveryLabOfTheCatalogueIsInOrder walks the folders: a new lab needs no line here.
func TestEveryLabOfTheCatalogueIsInOrder(t *testing.T) {
	folders, err := filepath.Glob("ch*/*")
	require.NoError(t, err)
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	require.Len(t, entries, len(folders), "every folder of a chapter is a lab")
	findings, err := labs.LintCatalogue(t.Context(), labs.LintOptions{})
	require.NoError(t, err)
	require.Empty(t, mark.Problems(findings).Error())

	slugs, ports := map[string]bool{}, map[string]string{}
	for _, entry := range entries {
		t.Run(entry.Slug, func(t *testing.T) {
			require.False(t, slugs[entry.Slug], "a slug is there once")
			slugs[entry.Slug] = true
			for _, text := range []string{entry.Title, entry.Pattern, entry.Summary} {
				require.NotEmpty(t, text)
			}
			require.Positive(t, entry.Chapter)

			lab, err := labs.Open(t.Context(), entry.Slug, labs.Options{})
			require.NoError(t, err)
			require.Equal(t, entry.Title, lab.Title)
			require.Equal(t, entry.Slug, lab.Project.Name, "the Compose file names the project as the lab")
			require.NotEmpty(t, lab.Guide())
			require.NotEmpty(t, lab.Try())
			require.GreaterOrEqual(t, len(lab.Format.Exercises), 3)
			for _, e := range lab.Format.Exercises {
				require.True(t, e.Explanation.Sealed(), "%s: sealed with `ddsctl lab seal`", e.ID)
				require.NotEmpty(t, e.Hints, e.ID)
			}
			for _, service := range lab.Project.Services {
				require.NotEmpty(t, lab.Service(service.Name).Kind, service.Name)
				for _, port := range service.Ports {
					require.Empty(t, ports[port.Published], "port %s of the host: labs can run side by side", port.Published)
					ports[port.Published] = entry.Slug
				}
			}
			desired, err := plan.Want(lab.Spec())
			require.NoError(t, err)
			require.NotEmpty(t, desired.Services)

			folder, err := labs.Open(t.Context(), "./"+entry.Path, labs.Options{})
			require.NoError(t, err, "the same folder on disk opens too")
			same, err := plan.Want(folder.Spec())
			require.NoError(t, err)
			for i := range desired.Services {
				require.Equal(t, desired.Services[i].Hash, same.Services[i].Hash,
					"%s: a copy of the lab recreates only what was changed in it", desired.Services[i].Name)
			}
		})
	}
}

// TestGuidesNameOnlyCommandsThatExist looks at the code blocks of guides; whether they work is tested where labs run.
func TestGuidesNameOnlyCommandsThatExist(t *testing.T) {
	commands := regexp.MustCompile(`^ddsctl (lab (list|show|up|apply|scale|status|logs|exec|shell|url|watch|down|init|lint|seal|export)|dash|traffic (start|stop|set|show|run)|fault (inject|list|heal)|scenario (list|show|run|report)|exercise (list|show|check|hint|answer|progress)|class|image (list|build|docs)|doctor|version)\b`)
	guides, err := filepath.Glob("ch*/*/guide.md")
	require.NoError(t, err)
	require.NotEmpty(t, guides)
	for _, name := range guides {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ "); ok && strings.HasPrefix(command, "ddsctl") {
				require.Regexp(t, commands, command, name)
			}
		}
	}
}

func TestTheListOfLabsIsQuick(t *testing.T) {
	allocated := testing.AllocsPerRun(3, func() { _, _ = labs.Catalogue() })
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	// A measure that does not depend on the machine: reading the heads is a few thousand allocations a lab, opening one is a hundred thousand.
	require.Less(t, allocated, float64(5000*len(entries)))
	opened := testing.AllocsPerRun(1, func() { _, _ = labs.Open(context.Background(), entries[0].Slug, labs.Options{}) })
	require.Greater(t, opened, allocated, "the list does not open labs")
}
