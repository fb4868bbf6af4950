package compose_test

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/compose"
)

var update = flag.Bool("update", false, "rewrite docs/compose-support.md")

const document = "../../docs/compose-support.md"

func TestTheDocumentIsMadeFromTheTable(t *testing.T) {
	want := compose.Document() + examples(t)
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(want), 0o644))
	}
	have, err := os.ReadFile(document)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "run `go test ./labs/compose -update`")
}

// specification lists every key of the Compose specification's JSON schema, with * for names.
func specification(t *testing.T) []string {
	var root map[string]any
	require.NoError(t, json.Unmarshal([]byte(schema.Schema), &root))
	definitions, _ := root["$defs"].(map[string]any)
	if definitions == nil {
		definitions, _ = root["definitions"].(map[string]any)
	}
	found := map[string]bool{}
	var walk func(node map[string]any, path string, within []string)
	below := func(value any, path string, within []string) {
		if node, ok := value.(map[string]any); ok {
			walk(node, path, within)
		}
	}
	walk = func(node map[string]any, path string, within []string) {
		if ref, ok := node["$ref"].(string); ok {
			name := ref[strings.LastIndex(ref, "/")+1:]
			if slices.Contains(within, name) {
				return
			}
			below(definitions[name], path, append(slices.Clone(within), name))
		}
		join := func(key string) string {
			if path == "" {
				return key
			}
			return path + "." + key
		}
		properties, _ := node["properties"].(map[string]any)
		for key, value := range properties {
			found[join(key)] = true
			below(value, join(key), within)
		}
		patterns, _ := node["patternProperties"].(map[string]any)
		for pattern, value := range patterns {
			if !strings.HasPrefix(pattern, "^x-") {
				below(value, join("*"), within)
			}
		}
		below(node["additionalProperties"], join("*"), within)
		below(node["items"], path, within)
		for _, kind := range []string{"oneOf", "anyOf", "allOf"} {
			list, _ := node[kind].([]any)
			for _, item := range list {
				below(item, path, within)
			}
		}
	}
	walk(root, "", nil)
	var paths []string
	for path := range found {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// TestTheTableKnowsEveryKeyOfTheSpecification fails when a new version of compose-go brings keys nobody decided about.
func TestTheTableKnowsEveryKeyOfTheSpecification(t *testing.T) {
	table, inside := map[string]compose.Key{}, map[string]bool{}
	for _, key := range compose.Keys() {
		require.NotContains(t, table, key.Path, "twice in the table")
		table[key.Path] = key
		if i := strings.LastIndex(key.Path, "."); i >= 0 {
			inside[strings.TrimSuffix(key.Path[:i], ".*")] = true
		}
	}
	all := specification(t)
	require.Greater(t, len(all), 200)
	for _, path := range all {
		decided := false
		for around := path; !decided && around != ""; {
			key, ok := table[around]
			decided = ok && (around == path || key.Support == compose.Refused || !inside[around])
			cut := strings.LastIndex(around, ".")
			around = around[:max(0, cut)]
		}
		require.True(t, decided, "%s is in the specification and not in the table", path)
	}
	for path := range table {
		require.True(t, slices.Contains(all, path), "%s is in the table and not in the specification", path)
	}
}

func TestWhatIsNotSupportedSaysWhy(t *testing.T) {
	for _, key := range compose.Keys() {
		if key.Support != compose.Supported {
			require.NotEmpty(t, key.Note, key.Path)
		}
	}
}
