package library

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
)

var update = flag.Bool("update", false, "rewrite docs/labs.md")

const document = "../../docs/labs.md"

// TestTheTableOfLabsIsTheCatalogue holds docs/labs.md to what there is.
func TestTheTableOfLabsIsTheCatalogue(t *testing.T) {
	want := catalogueTable(t)
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(want), 0o644))
	}
	have, err := os.ReadFile(document)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "run `go test ./scenarios/library -update`")
}

func catalogueTable(t *testing.T) string {
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	scenarios, err := List()
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString(`# The labs

` + "`ddsctl lab list`" + ` lists them, ` + "`ddsctl lab show LAB`" + ` is a lab's guide, ` + "`ddsctl lab up LAB`" + ` starts it. The chapters are those of Brendan Burns'
*Designing Distributed Systems*. This page is made from the labs themselves (` + "`go test ./scenarios/library -update`" + `).
`)
	chapter := 0
	for _, entry := range entries {
		if entry.Chapter != chapter {
			chapter = entry.Chapter
			fmt.Fprintf(&b, "\n## Chapter %d\n\n| lab | what happens | exercises | scenarios |\n| --- | --- | --- | --- |\n", chapter)
		}
		lab, err := labs.Open(t.Context(), entry.Slug, labs.Options{})
		require.NoError(t, err)
		points := 0
		for _, ex := range lab.Format.Exercises {
			points += ex.Worth()
		}
		var names []string
		for _, s := range scenarios {
			if s.Scenario.Lab == entry.Slug {
				names = append(names, "`"+s.Name+"`")
			}
		}
		fmt.Fprintf(&b, "| [%s](../labs/%s/guide.md) | %s | %d, %d points | %s |\n",
			entry.Slug, entry.Path, strings.ReplaceAll(entry.Summary, "|", "\\|"), len(lab.Format.Exercises), points, strings.Join(names, " "))
	}
	return b.String()
}
