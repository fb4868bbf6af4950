package format

import (
	_ "embed"

	"github.com/ddsctl/ddsctl/labs/strict"
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
func Schema() ([]byte, error) { return strict.Schema(&Lab{}, SchemaID, "lab.yaml", comments) }
