package format_test

import (
	"encoding/json"
	"flag"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/strict/schematest"
)

var update = flag.Bool("update", false, "rewrite comments.json")

func TestTheCommentsAreThoseOfTheTypes(t *testing.T) {
	schematest.Comments(t, reflect.TypeFor[format.Lab](), "../..", []string{"labs/format", "labs/workload"}, *update)
}

func schemaOf(t testing.TB) map[string]any {
	text, err := format.Schema()
	require.NoError(t, err)
	var schema map[string]any
	require.NoError(t, json.Unmarshal(text, &schema))
	return schema
}

// TestEveryKeyIsInTheSchemaWithADescription holds the schema against the types that the decoder reads into.
func TestEveryKeyIsInTheSchemaWithADescription(t *testing.T) {
	schema := schemaOf(t)
	defs, _ := schema["$defs"].(map[string]any)
	schematest.Walk(reflect.TypeFor[format.Lab](), func(typ reflect.Type) {
		def := schema
		if typ != reflect.TypeFor[format.Lab]() {
			name := strings.ToLower(typ.Name())
			if pkg := path.Base(typ.PkgPath()); pkg != "format" {
				name = pkg + "-" + name
			}
			found, ok := defs[name].(map[string]any)
			if !ok || found["properties"] == nil {
				return // written as one text
			}
			def = found
		}
		properties, _ := def["properties"].(map[string]any)
		require.Equal(t, false, def["additionalProperties"], typ.Name())
		var keys []string
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
			if key == "" || !typ.Field(i).IsExported() {
				continue
			}
			keys = append(keys, key)
			property, ok := properties[key].(map[string]any)
			require.True(t, ok, "%s.%s is in the schema", typ.Name(), key)
			require.NotEmpty(t, property["description"], "%s.%s has a description", typ.Name(), key)
		}
		for key := range properties {
			require.True(t, slices.Contains(keys, key), "%s.%s is known to the decoder", typ.Name(), key)
		}
	})
}

// validate holds a YAML text against the schema.
func validate(t testing.TB, text string) error {
	t.Helper()
	schema, err := format.Schema()
	require.NoError(t, err)
	return schematest.Validate(t, schema, format.SchemaID, text)
}

func TestTheSchemaAcceptsWhatTheDecoderReads(t *testing.T) {
	text := strings.ReplaceAll(whole, "redis-cli, -p, 6379", `redis-cli, -p, "6379"`) // the decoder is kinder to lists of words
	require.NoError(t, validate(t, text))
}

func TestTheSchemaRefusesWhatTheDecoderRefuses(t *testing.T) {
	for _, change := range [][2]string{
		{"pattern: ambassador", "patern: ambassador"}, {"chapter: 3", "chapter: three"}, {"chapter: 3", "chapter: 300"},
		{"version: 1", "version: 2"}, {"title: Sharded Redis\n", ""}, {"process: poisson", "process: poison"},
		{"stats: {port: 22222}", "stats: [22222]"}, {"stats: {port: 22222}", "stats: {port: 222222}"}, {"within: 20s", "within: 20"},
		{"target: redis://proxy:22121", "target: gopher://proxy"},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		_, err := format.Decode("lab.yaml", []byte(text))
		require.Error(t, err, change[1])
		require.Error(t, validate(t, text), change[1])
	}
}

func TestEveryLabOfTheCatalogueFitsTheSchema(t *testing.T) {
	labs, err := filepath.Glob("../ch*/*/lab.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, labs)
	for _, name := range labs {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, validate(t, string(text)), name)
	}
}
