// Package strict decodes YAML into Go types and finds every mistake, not only the first: an unknown key (with the nearest known one),
// a wrong type, a value out of range, a key that is missing, each with its file, line and column. The types' own tags name the keys and
// bound the values, and are the same that a JSON Schema is made from.
package strict

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/labs/nearest"
)

// Bounds on a file: it may come from a stranger.
const (
	maxBytes = 1 << 20
	maxNodes = 100_000 // with aliases written out
	maxDepth = 50
)

// Decode reads a file of YAML into the struct that into points to. Name stands in front of what is found wrong, all of which is in the
// error: mark.Problems. What is what the file describes, such as "a lab", for messages. The Places tell later where a key stands.
func Decode(name string, data []byte, into any, what string) (*Places, error) {
	d := &decoder{Places: &Places{source: mark.NewSource(name, data), at: map[string]place{"": {line: 1, column: 1, width: 1}}},
		what: what, anchors: map[string]ast.Node{}, fields: map[reflect.Type][]field{}}
	d.document(data, reflect.ValueOf(into).Elem())
	if err := d.problems.Err(); err != nil {
		return nil, err
	}
	return d.Places, nil
}

// decoder walks the tree that goccy/go-yaml parses and the Go types together. It finds every problem, not only the
// first, and knows the place of each.
type decoder struct {
	*Places
	what     string
	problems mark.Problems
	anchors  map[string]ast.Node
	fields   map[reflect.Type][]field
	nodes    int
	depth    int
}

func (d *decoder) refuse(at place, path, format string, args ...any) {
	d.problems = append(d.problems, d.mark(at, path, format, args...))
}

func (d *decoder) document(data []byte, to reflect.Value) {
	if len(data) > maxBytes {
		d.refuse(place{}, "", "is larger than %d KiB", maxBytes>>10)
		return
	}
	file, err := parse(data)
	if err != nil {
		d.syntax(err)
		return
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			d.refuse(placeOf(doc.Body), "", "there is a second document; %s is one", d.what)
			return
		default:
			body = doc.Body
		}
	}
	if body == nil {
		d.refuse(place{1, 1, 1}, "", "is empty: it needs at least version and title")
		return
	}
	d.value(body, to, "")
}

// parse hands the text to the YAML parser, and turns a panic of it into an error.
func parse(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the YAML parser gave up: %v", p)
		}
	}()
	return parser.ParseBytes(data, 0)
}

func (d *decoder) syntax(err error) {
	var known yaml.Error
	if !errors.As(err, &known) {
		d.refuse(place{}, "", "is not YAML: %s", firstLine(err.Error()))
		return
	}
	d.refuse(placeOfToken(known.GetToken()), "", "is not YAML: %s", firstLine(known.GetMessage()))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// resolve follows anchors, aliases and tags to the node that counts.
func (d *decoder) resolve(node ast.Node, path string) (ast.Node, bool) {
	for range maxDepth {
		switch n := node.(type) {
		case *ast.AnchorNode:
			d.anchors[n.Name.GetToken().Value] = n.Value
			node = n.Value
		case *ast.AliasNode:
			name := n.Value.GetToken().Value
			value, ok := d.anchors[name]
			if !ok {
				d.refuse(placeOf(n), path, "alias *%s has no anchor before it", name)
				return nil, false
			}
			node = value
		case *ast.TagNode:
			if tag := n.Start.Value; !strings.HasPrefix(tag, "!!") {
				d.refuse(placeOfToken(n.Start), path, "tag %s means nothing here", tag)
				return nil, false
			}
			node = n.Value
		case *ast.CommentGroupNode, nil:
			return nil, true
		default:
			return node, true
		}
	}
	d.refuse(placeOf(node), path, "refers to itself")
	return nil, false
}

var (
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
	customType = reflect.TypeFor[yaml.InterfaceUnmarshaler]()
)

// value decodes node into to.
func (d *decoder) value(node ast.Node, to reflect.Value, path string) {
	if d.nodes++; d.nodes == maxNodes {
		d.refuse(placeOf(node), path, "has more than %d entries once aliases are written out", maxNodes)
	}
	if d.depth++; d.depth > maxDepth {
		d.refuse(placeOf(node), path, "is nested more than %d deep", maxDepth)
	}
	defer func() { d.depth-- }()
	if d.nodes >= maxNodes || d.depth > maxDepth {
		return
	}
	at := placeOf(node)
	node, ok := d.resolve(node, path)
	if !ok {
		return
	}
	if _, known := d.at[path]; !known || path == "" {
		d.at[path] = at
	}
	if empty(node) {
		d.refuse(at, path, "%s is empty: give it a value, or leave it out", Last(path))
		return
	}
	t := to.Type()
	switch pointer := reflect.PointerTo(t); {
	case pointer.Implements(customType):
		decode := func(v any) error { return yaml.NodeToValue(node, v, yaml.Strict()) }
		if err := to.Addr().Interface().(yaml.InterfaceUnmarshaler).UnmarshalYAML(decode); err != nil {
			d.refuse(at, path, "%s", firstLine(err.Error()))
		}
		return
	case pointer.Implements(textType):
		text, scalar := textOf(node)
		if !scalar {
			d.mismatch(at, path, "text", node)
			return
		}
		if err := to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			d.refuse(at, path, "%s", firstLine(err.Error()))
		}
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(t.Elem()))
		d.value(node, to.Elem(), path)
	case reflect.Struct:
		d.mapping(node, to, path)
	case reflect.Map:
		d.dictionary(node, to, path)
	case reflect.Slice:
		d.sequence(node, to, path)
	default:
		d.scalar(at, node, to, path)
	}
}

// mapping decodes the keys of a struct.
func (d *decoder) mapping(node ast.Node, to reflect.Value, path string) {
	entries, ok := d.entriesOf(node, path)
	if !ok {
		return
	}
	fields, known := d.fields[to.Type()]
	if !known {
		fields = fieldsOf(to.Type())
		d.fields[to.Type()] = fields
	}
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.key] = true
		inner := Join(path, e.key)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.key })
		if i < 0 {
			d.unknown(placeOf(e.node), inner, e.key, names(fields))
			continue
		}
		if empty(e.node.Value) { // the value stands nowhere, so that the key is marked
			d.refuse(placeOf(e.node), inner, "%s is empty: give it a value, or leave it out", e.key)
			continue
		}
		before := len(d.problems)
		d.value(e.node.Value, to.Field(fields[i].index), inner)
		if len(d.problems) == before {
			d.bounds(to.Field(fields[i].index), fields[i], inner)
		}
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			d.problems = append(d.problems, d.Problem(Join(path, f.name), "%s needs %s", d.called(path), f.name))
		}
	}
}

func empty(node ast.Node) bool { return node == nil || node.Type() == ast.NullType }

func (d *decoder) unknown(at place, path, key string, known []string) {
	if near := nearest.Word(key, known); near != "" {
		d.refuse(at, path, "unknown key %q; did you mean %q?", key, near)
		return
	}
	d.refuse(at, path, "unknown key %q; known here: %s", key, strings.Join(known, ", "))
}

// dictionary decodes a mapping whose keys are names.
func (d *decoder) dictionary(node ast.Node, to reflect.Value, path string) {
	entries, ok := d.entriesOf(node, path)
	if !ok {
		return
	}
	to.Set(reflect.MakeMapWithSize(to.Type(), len(entries)))
	for _, e := range entries {
		d.at[Join(path, e.key)] = placeOf(e.node) // what is wrong with a name is marked at the name
		item := reflect.New(to.Type().Elem()).Elem()
		d.value(e.node.Value, item, Join(path, e.key))
		to.SetMapIndex(reflect.ValueOf(e.key).Convert(to.Type().Key()), item)
	}
}

func (d *decoder) sequence(node ast.Node, to reflect.Value, path string) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		d.mismatch(placeOf(node), path, "a list", node)
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(list.Values), len(list.Values)))
	for i, item := range list.Values {
		d.value(item, to.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

// entry is one key of a mapping.
type entry struct {
	key  string
	node *ast.MappingValueNode
}

// entriesOf lists a mapping's own keys, then those that it merges in with <<, which never replace one before them.
func (d *decoder) entriesOf(node ast.Node, path string) ([]entry, bool) {
	var own []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		own = n.Values
	case *ast.MappingValueNode:
		own = []*ast.MappingValueNode{n}
	default:
		d.mismatch(placeOf(node), path, "a mapping", node)
		return nil, false
	}
	var entries []entry
	var merged []ast.Node
	for _, e := range own {
		if e.Key.IsMergeKey() {
			merged = append(merged, e.Value)
			continue
		}
		key, scalar := textOf(e.Key)
		switch {
		case !scalar:
			d.refuse(placeOf(e), path, "a key is a word")
		case has(entries, key):
			d.refuse(placeOf(e), Join(path, key), "%q stands here twice", key)
		default:
			entries = append(entries, entry{key, e})
		}
	}
	for _, value := range merged {
		entries = d.merge(entries, value, path)
	}
	return entries, true
}

func (d *decoder) merge(entries []entry, value ast.Node, path string) []entry {
	if d.nodes++; d.nodes >= maxNodes {
		return entries
	}
	if d.depth++; d.depth > maxDepth {
		d.refuse(placeOf(value), path, "is nested more than %d deep", maxDepth)
	}
	defer func() { d.depth-- }()
	if d.depth > maxDepth {
		return entries
	}
	value, ok := d.resolve(value, path)
	if !ok || value == nil {
		return entries
	}
	if list, ok := value.(*ast.SequenceNode); ok {
		for _, item := range list.Values {
			entries = d.merge(entries, item, path)
		}
		return entries
	}
	more, _ := d.entriesOf(value, path)
	for _, e := range more {
		if !has(entries, e.key) {
			entries = append(entries, e)
		}
	}
	return entries
}

func has(entries []entry, key string) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return e.key == key })
}

// Join is the path of a key within the mapping at path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Last is the last word of a path, for messages.
func Last(path string) string {
	if i := strings.LastIndex(path, "."); i >= 0 {
		path = path[i+1:]
	}
	if path == "" {
		return "the file"
	}
	return path
}

// called is how a message names the mapping at a path.
func (d *decoder) called(path string) string {
	if path == "" {
		return d.what
	}
	return path
}
