package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	openapi "github.com/google/gnostic-models/openapiv2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"
	"sigs.k8s.io/yaml"
)

// decoder knows Kubernetes' types, and refuses what they do not have.
var decoder = sync.OnceValues(func() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	return codecs.UniversalDeserializer(), nil
})

// strict decodes an object into Kubernetes' types and refuses what they do not know, and keys that stand twice.
func strict(t *testing.T, document []byte) runtime.Object {
	t.Helper()
	types, err := decoder()
	require.NoError(t, err)
	object, _, err := types.Decode(document, nil, nil)
	require.NoError(t, err, string(document))
	return object
}

// definitions is the schema that a Kubernetes API server publishes, closed: a field that it does not have is a mistake.
var definitions = sync.OnceValues(func() (map[string]any, error) {
	release := kubernetesapi.DefaultOpenAPI
	raw := kubernetesapi.OpenAPIMustAsset[release]("kubernetesapi/" + strings.ReplaceAll(release, ".", "_") + "/swagger.pb")
	var document openapi.Document
	if err := proto.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	text, err := document.YAMLValue("")
	if err != nil {
		return nil, err
	}
	var whole struct {
		Definitions map[string]any `json:"definitions"`
	}
	if err := yaml.Unmarshal(text, &whole); err != nil {
		return nil, err
	}
	for _, d := range whole.Definitions {
		closed(d)
	}
	return whole.Definitions, nil
})

func closed(value any) {
	switch value := value.(type) {
	case map[string]any:
		if value["format"] == "int-or-string" {
			value["type"] = []any{"integer", "string"}
		}
		delete(value, "format") // int32, double, ... are no formats of JSON Schema
		if _, has := value["properties"].(map[string]any); has && value["additionalProperties"] == nil {
			value["additionalProperties"] = false
		}
		for _, inner := range value {
			closed(inner)
		}
	case []any:
		for _, inner := range value {
			closed(inner)
		}
	}
}

// schemas are compiled once for each kind.
var schemas sync.Map

func schemaOf(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	if schema, ok := schemas.Load(name); ok {
		return schema.(*jsonschema.Schema)
	}
	known, err := definitions()
	require.NoError(t, err)
	require.Contains(t, known, name)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	require.NoError(t, compiler.AddResource("mem:///k8s", map[string]any{"definitions": known, "$ref": "#/definitions/" + name}))
	schema, err := compiler.Compile("mem:///k8s")
	require.NoError(t, err)
	schemas.Store(name, schema)
	return schema
}

// fits holds an object against the schema.
func fits(t *testing.T, document []byte) {
	t.Helper()
	text, err := yaml.YAMLToJSON(document)
	require.NoError(t, err)
	var head struct{ APIVersion, Kind string }
	require.NoError(t, json.Unmarshal(text, &head))
	group, version, grouped := strings.Cut(head.APIVersion, "/")
	if !grouped {
		group, version = "core", head.APIVersion
	}
	group, _, _ = strings.Cut(group, ".")
	name := fmt.Sprintf("io.k8s.api.%s.%s.%s", group, version, head.Kind)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, schemaOf(t, name).Validate(value), string(document))
}

func TestTheSchemaRefusesWhatItShould(t *testing.T) {
	schema := schemaOf(t, "io.k8s.api.apps.v1.Deployment")
	for text, holds := range map[string]bool{
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"selector":{},"template":{"spec":{"containers":[{"name":"a"}]}}}}`:              true,
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"a"}]}}}}`:                            false,
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"selector":{},"template":{"spec":{"containers":[{"name":"a","imagee":"x"}]}}}}`: false,
		`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"selector":{},"replicas":"3","template":{"spec":{"containers":[]}}}}`:           false,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, holds, schema.Validate(value) == nil, text)
	}
}
