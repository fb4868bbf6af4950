package script

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite comments.json")

func TestTheCommentsAreThoseOfTheTypes(t *testing.T) {
	r := jsonschema.Reflector{}
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, folder := range []string{"scenarios/script", "scenarios/figure", "scenarios/history/drive", "labs/workload"} {
		t.Chdir(here + "/../../" + folder)
		require.NoError(t, r.AddGoComments("github.com/ddsctl/ddsctl/"+folder, "."))
	}
	t.Chdir(here)
	used := map[string]string{}
	walkTypes(reflect.TypeFor[Scenario](), func(typ reflect.Type) {
		for key, text := range r.CommentMap {
			name := typ.PkgPath() + "." + typ.Name()
			if key == name || strings.HasPrefix(key, name+".") {
				used[key] = text
			}
		}
	})
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(used))
	if *update {
		require.NoError(t, os.WriteFile("comments.json", want.Bytes(), 0o644))
	}
	have, err := os.ReadFile("comments.json")
	require.NoError(t, err)
	require.Equal(t, want.String(), string(have), "run `go test ./scenarios/script -update`")
}

// walkTypes visits every struct that a scenario is made of.
func walkTypes(t reflect.Type, visit func(reflect.Type)) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			if seen[t] {
				return
			}
			seen[t] = true
			visit(t)
			for i := range t.NumField() {
				if t.Field(i).IsExported() {
					walk(t.Field(i).Type)
				}
			}
		}
	}
	walk(t)
}

func validate(t *testing.T, text string) error {
	t.Helper()
	raw, err := Schema()
	require.NoError(t, err)
	schema, err := validator.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	compiler := validator.NewCompiler()
	require.NoError(t, compiler.AddResource(SchemaID, schema))
	compiled, err := compiler.Compile(SchemaID)
	require.NoError(t, err)
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(text), &value))
	asJSON, err := json.Marshal(value)
	require.NoError(t, err)
	instance, err := validator.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	return compiled.Validate(instance)
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
