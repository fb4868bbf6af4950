package script

import (
	"encoding/json"
	"flag"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/strict/schematest"
)

var update = flag.Bool("update", false, "rewrite comments.json")

func TestTheCommentsAreThoseOfTheTypes(t *testing.T) {
	folders := []string{"scenarios/script", "scenarios/figure", "scenarios/history/drive", "labs/workload"}
	schematest.Comments(t, reflect.TypeFor[Scenario](), "../..", folders, *update)
}

func validate(t *testing.T, text string) error {
	t.Helper()
	schema, err := Schema()
	require.NoError(t, err)
	return schematest.Validate(t, schema, SchemaID, text)
}

func TestTheSchemaAgreesWithTheDecoder(t *testing.T) {
	require.NoError(t, validate(t, good))
	for _, change := range [][2]string{{"title: A", "titel: A"}, {"version: 1", "version: 2"}, {"for: 10s}", "for: soon}"}, {"model: register", "model: tree"}} {
		text := strings.Replace(good, change[0], change[1], 1)
		require.Error(t, validate(t, text), change[1])
		_, err := Decode("s.yaml", []byte(text))
		require.Error(t, err, change[1])
	}
}

func TestEveryKeyHasADescription(t *testing.T) {
	raw, err := Schema()
	require.NoError(t, err)
	var schema struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Description string `json:"description"`
				Ref         string `json:"$ref"`
			} `json:"properties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(raw, &schema))
	require.NotEmpty(t, schema.Defs)
	for name, def := range schema.Defs {
		for key, p := range def.Properties {
			require.NotEmpty(t, p.Description+p.Ref, "%s.%s", name, key)
		}
	}
}
