package labs_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/compose/composetest"
)

// TestDockerComposeAcceptsEveryLab holds the labs against the other reader of Compose files: what ddsctl brings up, `docker compose` can bring
// up as well, each lab in each of its variants.
func TestDockerComposeAcceptsEveryLab(t *testing.T) {
	compose := composetest.Command(t.Context())
	if compose == nil {
		t.Skip("Docker Compose is not here: neither its plugin, nor the one that bench/up.sh builds; nothing was compared")
	}
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	for _, entry := range entries {
		lab, err := labs.Open(t.Context(), entry.Slug, labs.Options{})
		require.NoError(t, err)
		forms := map[string]string{"": ""}
		for name, variant := range lab.Format.Variants {
			forms[name] = variant.Compose
		}
		for name, overlay := range forms {
			t.Run(filepath.Join(entry.Slug, name), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), entry.Slug)
				_, err := labs.Init(t.Context(), entry.Slug, dir)
				require.NoError(t, err)
				words := append(compose[1:len(compose):len(compose)], "--project-directory", dir, "--file", filepath.Join(dir, "compose.yaml"))
				if overlay != "" {
					words = append(words, "--file", filepath.Join(dir, overlay))
				}
				said, err := exec.CommandContext(t.Context(), compose[0], append(words, "config", "--quiet")...).CombinedOutput()
				require.NoError(t, err, string(said))
				if len(said) > 0 { // what one of the two does not act on, such as deploy.mode, is no mistake of the lab
					t.Logf("Docker Compose says: %s", said)
				}
			})
		}
	}
}
