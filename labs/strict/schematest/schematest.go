// Package schematest holds a format's JSON Schema against the Go types that it is made from, for the tests of formats.
package schematest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// module is what every package's path begins with.
const module = "github.com/ddsctl/ddsctl/"

// commentsFile is where a format's package keeps its types' comments.
const commentsFile = "comments.json"

// Walk visits every struct that a document of the type is made of, each once.
func Walk(root reflect.Type, visit func(reflect.Type)) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
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
	walk(root)
}

// Comments fails where comments.json in the test's package is not what the types' doc comments say, which stand in the module's folders; update
// writes it anew. The module's root is up folders above.
func Comments(t *testing.T, root reflect.Type, up string, folders []string, update bool) {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	r := jsonschema.Reflector{}
	for _, folder := range folders {
		t.Chdir(filepath.Join(here, up, folder)) // comments are found by the path from here
		require.NoError(t, r.AddGoComments(module+folder, "."))
	}
	t.Chdir(here)
	used := map[string]string{}
	Walk(root, func(typ reflect.Type) {
		name := typ.PkgPath() + "." + typ.Name()
		for key, text := range r.CommentMap {
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
	if update {
		require.NoError(t, os.WriteFile(commentsFile, want.Bytes(), 0o644))
	}
	have, err := os.ReadFile(commentsFile)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(have), "run this test with -update")
}

// Validate holds a document in YAML against a schema that goes by id.
func Validate(t testing.TB, schema []byte, id, document string) error {
	t.Helper()
	parsed, err := validator.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	compiler := validator.NewCompiler()
	require.NoError(t, compiler.AddResource(id, parsed))
	compiled, err := compiler.Compile(id)
	require.NoError(t, err)
	var content any // not by goccy/go-yaml, to which the alias of an anchor within another is null
	require.NoError(t, yaml.Unmarshal([]byte(document), &content))
	asJSON, err := json.Marshal(content)
	require.NoError(t, err)
	value, err := validator.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	return compiled.Validate(value)
}
