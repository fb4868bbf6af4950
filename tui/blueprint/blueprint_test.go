package blueprint_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/export"
	"github.com/ddsctl/ddsctl/tui/blueprint"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func drawn(t *testing.T, g export.Graph) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, blueprint.Draw(&out, g))
	return out.Bytes()
}

// read takes a picture apart: its texts, and how many elements of each kind there are.
func read(t *testing.T, picture []byte) (texts []string, elements map[string]int) {
	t.Helper()
	elements = map[string]int{}
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts, elements
		}
		require.NoError(t, err, "it is well-formed")
		switch token := token.(type) {
		case xml.StartElement:
			elements[token.Name.Local]++
			for _, a := range token.Attr {
				if a.Name.Local == "class" {
					elements[a.Value]++
				}
			}
		case xml.CharData:
			texts = append(texts, string(token))
		}
	}
}

func TestEveryLabIsDrawnWithItsServicesAndLinks(t *testing.T) {
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	for _, e := range entries {
		lab, err := labs.Open(t.Context(), e.Slug, labs.Options{})
		require.NoError(t, err)
		g := export.GraphOf(lab)
		picture := drawn(t, g)
		require.Equal(t, string(picture), string(drawn(t, g)), "the same each time")
		texts, elements := read(t, picture)
		for _, n := range g.Nodes {
			require.Contains(t, texts, n.Heading(), e.Slug)
		}
		pairs := map[[2]string]bool{}
		for _, l := range g.Links {
			pairs[[2]string{l.From, l.To}] = true
		}
		require.Equal(t, len(pairs), elements["link"], e.Slug)
		require.Equal(t, len(pairs), elements["head"], e.Slug)
	}
}

func TestTheDrawingIsWhatTheGoldenFileShows(t *testing.T) {
	g := export.Graph{Title: `"A" & <b>`, Nodes: []export.Node{{Name: "host", Nodes: 1, Outside: true}, {Name: "web", Kind: "nginx", Role: "front", Nodes: 3},
		{Name: "a-name-that-is-longer-than-any-box-would-be", Nodes: 1}},
		Links: []export.Link{{From: "host", To: "web", Port: ":80"}, {From: "host", To: "web", Port: ":443"}, {From: "web", To: "a-name-that-is-longer-than-any-box-would-be", Words: "reads"}}}
	picture := drawn(t, g)
	const golden = "testdata/drawing.golden.svg"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, picture, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(picture))
	texts, _ := read(t, picture)
	require.Contains(t, texts, ":80 :443", "two links between the same nodes are one line")
}

func TestAGraphWithoutLinksOrNodesIsAPictureToo(t *testing.T) {
	_, elements := read(t, drawn(t, export.Graph{Title: "none"}))
	require.Zero(t, elements["rect"])
	_, elements = read(t, drawn(t, export.Graph{Nodes: []export.Node{{Name: "alone", Nodes: 1}}}))
	require.Equal(t, 1, elements["box"])
}
