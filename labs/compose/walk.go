package compose

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/labs/nearest"
)

// place is where something stands, and in which file.
type place struct {
	source              *mark.Source
	line, column, width int
}

func (p place) problem(field, format string, args ...any) mark.Problem {
	problem := p.source.Problem(p.line, p.column, p.width, format, args...)
	problem.Field = field
	return problem
}

// surface is the table, prepared for looking keys up.
type surface struct {
	keys   map[string]Key
	inside map[string][]string // by path: the keys below it
}

func newSurface() *surface {
	s := &surface{keys: map[string]Key{}, inside: map[string][]string{}}
	for _, key := range Keys() {
		s.keys[key.Path] = key
		parent, name := "", key.Path
		if i := strings.LastIndex(key.Path, "."); i >= 0 {
			parent, name = key.Path[:i], key.Path[i+1:]
		}
		s.inside[parent] = append(s.inside[parent], name)
		if above, named := strings.CutSuffix(parent, ".*"); named {
			if !slices.Contains(s.inside[above], "*") {
				s.inside[above] = append(s.inside[above], "*")
			}
		}
	}
	return s
}

// limits on what is read of one Compose file: it may come from a stranger.
const (
	maxBytes = 4 << 20
	maxNodes = 200_000
	maxDepth = 100
)

// walker goes through the nodes of Compose files as they are written, before anything is merged: only there do keys have lines.
type walker struct {
	surface  *surface
	problems mark.Problems
	places   map[string]place // by path with names, such as services.web.privileged; of the last file that has it
	nodes    int
	source   *mark.Source
	fill     func(text string) string // variables filled in
}

// file walks one file. What is no YAML is left to the loader, which has the better message.
func (w *walker) file(name string, data []byte) []*yaml.Node {
	w.source = mark.NewSource(name, data)
	var documents []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			w.syntax(err)
			return documents
		}
		if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
			continue
		}
		root := document.Content[0]
		if root.Kind != yaml.MappingNode {
			w.add(root, "", "a Compose file is a mapping of services and what they need")
			continue
		}
		documents = append(documents, root)
		w.mapping(root, "", "", 0)
	}
}

var yamlPlace = regexp.MustCompile(`(?: at)? ?line (\d+)(?:, column (\d+))?: `)

// syntax marks what the YAML parser says. Its messages say the line, and mostly the column.
func (w *walker) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line, column := 0, 1
	if found := yamlPlace.FindStringSubmatch(text); found != nil {
		line, _ = strconv.Atoi(found[1])
		if found[2] != "" {
			column, _ = strconv.Atoi(found[2])
		}
		text = strings.Replace(strings.Replace(text, found[0], ": ", 1), " at <unknown position>", "", 1)
	}
	w.problems = append(w.problems, w.source.Problem(line, column, 1, "is not YAML: %s", strings.Trim(text, ": \n")))
}

func (w *walker) add(node *yaml.Node, field, format string, args ...any) {
	w.problems = append(w.problems, w.place(node).problem(field, format, args...))
}

func (w *walker) place(node *yaml.Node) place {
	return place{w.source, node.Line, node.Column, max(1, utf8.RuneCountInString(node.Value))}
}

// mapping walks the keys of a mapping. Pattern is the path in the table, path the one with names.
func (w *walker) mapping(node *yaml.Node, pattern, path string, depth int) {
	if w.nodes++; w.nodes > maxNodes || depth > maxDepth {
		if w.nodes == maxNodes+1 || depth == maxDepth+1 {
			w.add(node, path, "is too large, or nested too deep, once aliases are written out")
		}
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Value == "<<" || key.Tag == "!!merge" {
			w.merge(value, pattern, path, depth)
			continue
		}
		if strings.HasPrefix(key.Value, "x-") {
			continue
		}
		inner := below(path, key.Value)
		w.remember(inner, w.place(key))
		known := w.surface.inside[pattern]
		if slices.Contains(known, "*") {
			w.value(value, below(pattern, "*"), inner, depth+1)
			continue
		}
		entry, ok := w.surface.keys[below(pattern, key.Value)]
		switch {
		case !ok:
			w.unknown(key, inner, known)
		case entry.Support == Refused && value.Tag != "!reset" && !empty(value):
			w.add(key, inner, "%s is not supported: %s", key.Value, entry.Note)
		default:
			w.value(value, entry.Path, inner, depth+1)
		}
	}
}

// empty says that a value asks for nothing, as `docker compose config` writes many.
func empty(node *yaml.Node) bool {
	node = alias(node)
	return node.Kind != yaml.ScalarNode && len(node.Content) == 0
}

func (w *walker) merge(value *yaml.Node, pattern, path string, depth int) {
	switch value = alias(value); value.Kind {
	case yaml.MappingNode:
		w.mapping(value, pattern, path, depth+1)
	case yaml.SequenceNode:
		for _, item := range value.Content {
			w.merge(item, pattern, path, depth+1)
		}
	}
}

// value walks into what has keys below it in the table.
func (w *walker) value(node *yaml.Node, pattern, path string, depth int) {
	node = alias(node)
	w.nodes++
	switch node.Kind {
	case yaml.MappingNode:
		if len(w.surface.inside[pattern]) > 0 {
			w.mapping(node, pattern, path, depth)
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if item = alias(item); item.Kind == yaml.ScalarNode {
				w.remember(path+"="+item.Value, w.place(item))
				w.ports(item, pattern, path)
				w.mounts(item, pattern, path)
				continue
			}
			w.value(item, pattern, path, depth+1)
		}
	}
}

// mounts remembers SOURCE:TARGET[:OPTIONS] by its target too, which is all that a loaded project still has of it as it was written.
func (w *walker) mounts(item *yaml.Node, pattern, path string) {
	if pattern != "services.*.volumes" {
		return
	}
	for _, part := range strings.Split(w.fill(item.Value), ":")[1:] {
		w.remember(path+"="+part, w.place(item))
	}
}

// maxRange bounds the ports of one line: compose-go writes each out, and compares it with all others.
const maxRange = 1000

var portRange = regexp.MustCompile(`(\d{1,5})-(\d{1,5})`)

func (w *walker) ports(node *yaml.Node, pattern, path string) {
	if pattern != "services.*.ports" {
		return
	}
	for _, found := range portRange.FindAllStringSubmatch(w.fill(node.Value), -1) {
		low, _ := strconv.Atoi(found[1])
		high, _ := strconv.Atoi(found[2])
		if high-low >= maxRange {
			w.add(node, path, "%s are more than %d ports on one line", found[0], maxRange)
			return
		}
	}
}

func (w *walker) remember(path string, at place) {
	if len(w.places) < maxNodes {
		w.places[path] = at
	}
}

func alias(node *yaml.Node) *yaml.Node {
	for range maxDepth {
		if node.Kind != yaml.AliasNode || node.Alias == nil {
			break
		}
		node = node.Alias
	}
	return node
}

func (w *walker) unknown(key *yaml.Node, path string, known []string) {
	switch near := nearest.Word(key.Value, known); {
	case near != "":
		w.add(key, path, "unknown key %q; did you mean %q?", key.Value, near)
	case path == key.Value:
		w.add(key, path, "unknown key %q at the top of a Compose file; known here: %s", key.Value, strings.Join(known, ", "))
	default:
		w.add(key, path, "the Compose specification has no key %q here", key.Value)
	}
}

// at finds where the first of the paths stands, or else the nearest thing around it.
func (w *walker) at(paths ...string) place {
	for _, path := range paths {
		if found, ok := w.places[path]; ok {
			return found
		}
	}
	for _, path := range paths {
		for around := path; ; {
			cut := strings.LastIndexAny(around, ".=")
			if cut < 0 {
				break
			}
			around = around[:cut]
			if found, ok := w.places[around]; ok {
				return found
			}
		}
	}
	return place{source: w.source}
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
