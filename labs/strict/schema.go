package strict

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
)

// Schema is the JSON Schema of what Decode reads into a struct: of points to one. A program does not carry its own comments, so those that
// become descriptions are handed in, as JSON by type and field; a test of the format's package keeps them fresh.
func Schema(of any, id, title string, comments []byte) ([]byte, error) {
	byName := map[string]string{}
	if err := json.Unmarshal(comments, &byName); err != nil {
		return nil, fmt.Errorf("read the comments of %s: %w", title, err)
	}
	home := reflect.TypeOf(of).Elem().PkgPath()
	r := &jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, ExpandedStruct: true, Namer: definition(home),
		LookupComment: func(t reflect.Type, field string) string { return describe(byName, t, field) }}
	schema := r.Reflect(of)
	schema.ID = jsonschema.ID(id)
	schema.Title = title
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", title, err)
	}
	return append(text, '\n'), nil
}

// definition names a type in the schema. The types of other packages bring their package's name.
func definition(home string) func(reflect.Type) string {
	return func(t reflect.Type) string {
		name := strings.ToLower(t.Name())
		if pkg := t.PkgPath(); pkg != home && pkg != "" {
			return path.Base(pkg) + "-" + name
		}
		return name
	}
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
