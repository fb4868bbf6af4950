package format_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/strict/schematest"
)

const document = "../../docs/lab-format.md"

// TestTheExamplesOfTheDocumentAreLabs decodes every block of YAML. A block that is a part of a lab gets the head that it lacks.
func TestTheExamplesOfTheDocumentAreLabs(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.GreaterOrEqual(t, len(blocks), 6)
	for _, block := range blocks {
		example := block[1]
		if !strings.HasPrefix(example, "version:") {
			example = "version: 1\ntitle: example\n" + example
		}
		_, err := format.Decode("example", []byte(example))
		require.NoError(t, err, example)
		require.NoError(t, validate(t, example), example)
	}
}

// TestTheDocumentExplainsEveryKey fails for a key that was added and not documented.
func TestTheDocumentExplainsEveryKey(t *testing.T) {
	raw, err := os.ReadFile(document)
	require.NoError(t, err)
	text := string(raw)
	schematest.Walk(reflect.TypeFor[format.Lab](), func(typ reflect.Type) {
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
			if key == "" || !typ.Field(i).IsExported() {
				continue
			}
			require.Regexp(t, "`"+regexp.QuoteMeta(key)+"[`:]|[{ ]"+regexp.QuoteMeta(key)+": ", text, "%s.%s", typ.Name(), key)
		}
	})
}
