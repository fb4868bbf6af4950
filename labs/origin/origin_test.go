package origin_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/engine"
)

// made is a container of a lab that was made at a second.
func made(second int64, source, options string, more ...string) engine.Container {
	c := engine.Container{ID: source + options, Created: time.Unix(second, 0),
		Labels: map[string]string{engine.LabelLab: "lab", engine.LabelSource: source, engine.LabelOptions: options}}
	for i := 0; i < len(more); i += 2 {
		c.Labels[more[i]] = more[i+1]
	}
	return c
}

func TestTheNewestContainerSaysWhereALabCameFrom(t *testing.T) {
	signed := []string{engine.LabelHelper, engine.HelperWire, engine.LabelAsked, "1"}
	for _, c := range []struct {
		name       string
		containers []engine.Container
		source     string
		variant    string
	}{
		{"of the lab's own", []engine.Container{made(1, "old", `{"variant":"a"}`), made(2, "new", `{"variant":"b"}`)}, "new", "b"},
		{"in any order", []engine.Container{made(2, "new", ""), made(1, "old", `{"variant":"a"}`)}, "new", ""},
		{"not a helper", []engine.Container{made(1, "own", ""), made(2, "helper", "", engine.LabelHelper, engine.HelperClient)}, "own", ""},
		{"but the helper that is made anew for it", []engine.Container{made(1, "catalogue", ""), made(2, "/mine", `{"variant":"b"}`, signed...)}, "/mine", "b"},
		{"in the same second", []engine.Container{made(1, "/mine", "", signed...), made(1, "catalogue", "")}, "/mine", ""},
		{"in the same second, the other way about", []engine.Container{made(1, "catalogue", ""), made(1, "/mine", "", signed...)}, "/mine", ""},
		{"a service that was made later", []engine.Container{made(1, "catalogue", "", signed...), made(2, "/mine", "")}, "/mine", ""},
		{"another version's words", []engine.Container{made(1, "own", "{")}, "own", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := origin.Of(engine.State{Containers: c.containers})
			require.Equal(t, c.source, from.Source)
			require.Equal(t, "lab", from.Slug)
			require.Equal(t, c.variant, from.Asked.Variant)
		})
	}
}

func TestWhatIsLeftOfALabSaysItAsWell(t *testing.T) {
	labels := map[string]string{engine.LabelLab: "lab", engine.LabelSource: "/mine"}
	for name, state := range map[string]engine.State{
		"a network": {Networks: []engine.Network{{Labels: labels}}}, "a volume": {Volumes: []engine.Volume{{Labels: labels}}},
		"a helper": {Containers: []engine.Container{made(1, "/mine", "", engine.LabelHelper, engine.HelperClient)}},
	} {
		from := origin.Of(state)
		require.Equal(t, "lab", from.Slug, name)
		require.Equal(t, "/mine", from.Source, name)
	}
	_, err := origin.Of(engine.State{}).Open(t.Context(), "lab", nil)
	require.ErrorContains(t, err, "nothing says where lab was read from")
}

func TestWhetherThereIsTrafficTheClientSays(t *testing.T) {
	from := origin.Of(engine.State{Containers: []engine.Container{made(2, "own", ""),
		made(1, "own", `{"no_traffic":true}`, engine.LabelHelper, engine.HelperClient)}})
	require.True(t, from.Asked.NoTraffic)
}

func TestTheWordsAreKeptAndReadAgain(t *testing.T) {
	words, err := origin.Asked{}.Words()
	require.NoError(t, err)
	require.Empty(t, words)

	asked := origin.Asked{Files: []string{"compose.yaml"}, Profiles: []string{"p"}, Variant: "v", Trust: true, FreePorts: true, NoTraffic: true}
	words, err = asked.Words()
	require.NoError(t, err)
	from := origin.Of(engine.State{Containers: []engine.Container{made(1, "x", words), made(1, "x", words, engine.LabelHelper, engine.HelperClient)}})
	require.True(t, filepath.IsAbs(from.Asked.Files[0]))
	require.Equal(t, words, from.Options)
	asked.Files = from.Asked.Files
	require.Equal(t, asked, from.Asked)
}

func TestALabIsReadAgainInTheWayItWasAskedFor(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "compose.yaml"),
		[]byte("services:\n  web: {image: \"web:${TAG}\", ports: [\"8080:80\"]}\n"), 0o600))
	from := origin.Origin{Source: folder, Asked: origin.Asked{FreePorts: true}}
	lab, err := from.Open(t.Context(), "second", map[string]string{"TAG": "3"})
	require.NoError(t, err)
	require.Equal(t, "second", lab.Project.Name)
	require.Equal(t, "web:3", lab.Project.Services["web"].Image)
	require.Empty(t, lab.Project.Services["web"].Ports[0].Published)

	lab, err = origin.Origin{Slug: "sharded-redis", Source: labs.SourceCatalogue}.Open(t.Context(), "", nil)
	require.NoError(t, err)
	require.Equal(t, labs.SourceCatalogue, lab.Source)
}
