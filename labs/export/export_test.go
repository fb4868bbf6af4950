package export_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/export"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestALabAsOneComposeFileIsTheSameLab loads what was written and holds it against what was meant.
func TestALabAsOneComposeFileIsTheSameLab(t *testing.T) {
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	for _, e := range entries {
		t.Run(e.Slug, func(t *testing.T) {
			lab, err := labs.Open(t.Context(), e.Slug, labs.Options{Profiles: []string{"*"}})
			require.NoError(t, err)
			text, err := export.Of(lab, export.Compose)
			require.NoError(t, err)
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), text, 0o600))
			again, err := labs.Open(t.Context(), dir, labs.Options{Profiles: []string{"*"}, Environment: map[string]string{"HOME": "not to be filled in"}})
			require.NoError(t, err, string(text))
			require.Equal(t, hashes(t, lab), hashes(t, again), "each service, network and volume has the same configuration")
		})
	}
}

func hashes(t *testing.T, lab *labs.Lab) map[string]string {
	t.Helper()
	desired, err := plan.Want(lab.Spec())
	require.NoError(t, err)
	all := map[string]string{"project": desired.Project}
	for _, s := range desired.Services {
		all["service "+s.Name] = s.Hash
	}
	for _, n := range desired.Networks {
		all["network "+n.Name] = n.Hash
	}
	for _, v := range desired.Volumes {
		all["volume "+v.Name] = v.Hash
	}
	return all
}

// TestDrawingsAreWhatTheGoldenFilesSay compares with testdata/*.golden.
func TestDrawingsAreWhatTheGoldenFilesSay(t *testing.T) {
	lab, err := labs.Open(t.Context(), "sharded-redis", labs.Options{})
	require.NoError(t, err)
	odd, err := labs.Open(t.Context(), "testdata/odd", labs.Options{})
	require.NoError(t, err)
	for _, lab := range []*labs.Lab{lab, odd} {
		for _, as := range []export.Format{export.Mermaid, export.Dot} {
			text, err := export.Of(lab, as)
			require.NoError(t, err)
			golden := filepath.Join("testdata", lab.Slug+"."+string(as)+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, text, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(text))
		}
	}
}

func TestEveryLabIsDrawnWithAllItsServicesAndNoLooseEnd(t *testing.T) {
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	for _, e := range entries {
		lab, err := labs.Open(t.Context(), e.Slug, labs.Options{})
		require.NoError(t, err)
		g := export.GraphOf(lab)
		nodes := map[string]bool{}
		for _, n := range g.Nodes {
			require.False(t, nodes[n.Name], n.Name)
			nodes[n.Name] = true
			require.Equal(t, n.Outside, lab.Project.Services[n.Name].Name == "", "%s %s", e.Slug, n.Name)
		}
		for _, name := range lab.Project.ServiceNames() {
			require.True(t, nodes[name], name)
		}
		require.NotEmpty(t, g.Links, e.Slug)
		for _, l := range g.Links {
			require.True(t, nodes[l.From] && nodes[l.To], "%s: %s -> %s", e.Slug, l.From, l.To)
		}
	}
}

func TestAFormatThatThereIsNotIsRefused(t *testing.T) {
	lab, err := labs.Open(t.Context(), "sharded-redis", labs.Options{})
	require.NoError(t, err)
	_, err = export.Of(lab, "helm")
	require.ErrorContains(t, err, "compose kubernetes mermaid dot")
}
