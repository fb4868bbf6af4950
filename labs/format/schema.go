package format

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
)

// comments are the doc comments of the format's types, by type and field: a program does not carry its own comments.
// `go test ./labs/format -update` writes them anew, and the test fails while they are stale.
//
//go:embed comments.json
var comments []byte

// SchemaID is the name that the schema goes by.
const SchemaID = "https://ddsctl.dev/schema/lab.json"

// Schema is the JSON Schema of lab.yaml, made from the Go types. Editors complete keys and mark mistakes with it:
//
//	# yaml-language-server: $schema=lab.schema.json
func Schema() ([]byte, error) {
	r, err := reflector()
	if err != nil {
		return nil, err
	}
	schema := r.Reflect(&Lab{})
	schema.ID = SchemaID
	schema.Title = "lab.yaml"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of lab.yaml: %w", err)
	}
	return append(text, '\n'), nil
}

func reflector() (*jsonschema.Reflector, error) {
	byName := map[string]string{}
	if err := json.Unmarshal(comments, &byName); err != nil {
		return nil, fmt.Errorf("read the comments of the lab format: %w", err)
	}
	return &jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, ExpandedStruct: true,
		Namer:         definition,
		LookupComment: func(t reflect.Type, field string) string { return describe(byName, t, field) }}, nil
}

// definition names a type in the schema. The types of other packages bring their package's name.
func definition(t reflect.Type) string {
	name := strings.ToLower(t.Name())
	if pkg := path.Base(t.PkgPath()); pkg != "format" && pkg != "." {
		return pkg + "-" + name
	}
	return name
}

// describe turns a doc comment into a description: the name that Go wants at its beginning goes, `Rate is in requests` becoming `in
// requests`.
func describe(byName map[string]string, t reflect.Type, name string) string {
	key := t.PkgPath() + "." + t.Name()
	if name != "" {
		key += "." + name
	}
	text := strings.Join(strings.Fields(byName[key]), " ")
	if name == "" {
		name = t.Name()
	}
	rest, found := strings.CutPrefix(text, name+" ")
	if !found {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		if without, ok := strings.CutPrefix(rest, verb); ok {
			return without
		}
	}
	return rest
}
