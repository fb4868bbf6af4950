package compose

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

	"github.com/ddsctl/ddsctl/labs/mark"
)

// maxFiles bounds how many files a project may be made of.
const maxFiles = 200

// walk looks every key of a file up, and those of the files that it includes or extends from. Top says that the file is one of
// the project's own, whose name counts.
func (l *loading) walk(name string, data []byte, top bool) error {
	if l.visited == nil {
		l.visited = map[string]bool{}
	}
	key := l.folder.absolute(name)
	if l.visited[key] {
		return nil
	}
	l.visited[key] = true
	if len(l.visited) > maxFiles {
		return fmt.Errorf("the Compose project in %s is made of more than %d files", l.in.Dir, maxFiles)
	}
	documents := l.walker.file(l.shown(name), data)
	source := l.walker.source
	for _, root := range documents {
		if called := child(root, "name"); top && called != nil {
			l.own = l.substituted(called.Value)
		}
		for _, ref := range references(root) {
			if err := l.follow(source, filepath.Dir(key), ref); err != nil {
				return err
			}
		}
	}
	l.walker.source = source
	return nil
}

// shown is how messages name a file: with the folder as the user gave it.
func (l *loading) shown(name string) string {
	if inside, ok := l.folder.inside(name); ok {
		return filepath.Join(filepath.FromSlash(cmp.Or(l.in.Shown, l.in.Dir)), filepath.FromSlash(inside))
	}
	return l.folder.absolute(name)
}

// reference is a file that a Compose file refers to.
type reference struct {
	node    *yaml.Node
	field   string
	compose bool // is itself a Compose file
}

// references are the files of `include` and `extends`.
func references(root *yaml.Node) []reference {
	var refs []reference
	scalars := func(node *yaml.Node, field string, compose bool) {
		switch node = alias(node); node.Kind {
		case yaml.ScalarNode:
			refs = append(refs, reference{node, field, compose})
		case yaml.SequenceNode:
			for _, item := range node.Content {
				if item = alias(item); item.Kind == yaml.ScalarNode {
					refs = append(refs, reference{item, field, compose})
				}
			}
		}
	}
	if include := child(root, "include"); include != nil && include.Kind == yaml.SequenceNode {
		for _, item := range include.Content {
			if item = alias(item); item.Kind != yaml.MappingNode {
				scalars(item, "include", true)
				continue
			}
			for key, compose := range map[string]bool{"path": true, "project_directory": false, "env_file": false} {
				if node := child(item, key); node != nil {
					scalars(node, "include."+key, compose)
				}
			}
		}
	}
	if services := child(root, "services"); services != nil && services.Kind == yaml.MappingNode {
		for i := 1; i < len(services.Content); i += 2 {
			extends := child(alias(services.Content[i]), "extends")
			if extends == nil || extends.Kind != yaml.MappingNode {
				continue
			}
			if file := child(extends, "file"); file != nil {
				scalars(file, "services."+services.Content[i-1].Value+".extends.file", true)
			}
		}
	}
	slices.SortStableFunc(refs, func(a, b reference) int { return a.node.Line - b.node.Line })
	return refs
}

// child is the value of a key, its own or merged in with <<.
func child(mapping *yaml.Node, key string) *yaml.Node { return childWithin(mapping, key, 10) }

func childWithin(mapping *yaml.Node, key string, depth int) *yaml.Node {
	if mapping.Kind != yaml.MappingNode || depth == 0 {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return alias(mapping.Content[i+1])
		}
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value != "<<" {
			continue
		}
		merged := alias(mapping.Content[i+1])
		if merged.Kind == yaml.SequenceNode {
			for _, item := range merged.Content {
				if found := childWithin(alias(item), key, depth-1); found != nil {
					return found
				}
			}
		}
		if found := childWithin(merged, key, depth-1); found != nil {
			return found
		}
	}
	return nil
}

// follow checks that a file which is referred to may be read, and walks it when it is a Compose file.
func (l *loading) follow(source *mark.Source, dir string, ref reference) error {
	l.walker.source = source
	name := l.substituted(ref.node.Value)
	switch {
	case l.folder.fsys != nil:
		l.walker.add(ref.node, ref.field, "a lab of the catalogue is one Compose file: it cannot refer to %q", name)
		return nil
	case remote(name):
		l.walker.add(ref.node, ref.field, "%q is not on this machine; only files of the lab's folder are read", name)
		return nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	if !l.options.Trust && !l.folder.contains(name) {
		l.walker.add(ref.node, ref.field, "%q is %s; it is read only when the lab is trusted (--trust)", ref.node.Value, inFolder)
		return nil
	}
	if !ref.compose {
		if err := l.folder.plain(name); err != nil {
			l.walker.add(ref.node, ref.field, "%s", err)
		}
		return nil
	}
	data, err := l.folder.readAny(name, maxBytes)
	if err == nil {
		err = l.folder.plain(filepath.Join(filepath.Dir(name), ".env")) // compose-go reads it too
	}
	if err != nil {
		l.walker.add(ref.node, ref.field, "%s", err)
		return nil
	}
	return l.walk(name, data, false)
}

// substituted is a text with its variables filled in. What cannot be filled in is left to the loader, which says so.
func (l *loading) substituted(text string) string {
	filled, err := template.SubstituteWithOptions(text, func(name string) (string, bool) {
		value, ok := l.env[name]
		return value, ok
	}, template.WithoutLogging)
	if err != nil {
		return text
	}
	return filled
}

// remote says whether compose-go would fetch the name from somewhere else.
func remote(name string) bool {
	for _, prefix := range []string{"http://", "https://", "git://", "ssh://", "oci://", "github.com/", "git@"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// fill fills the variables of a text in, and notes those that have no value.
func (l *loading) fill(text string, mapping template.Mapping) (string, error) {
	if strings.Contains(text, "$") {
		for name, v := range template.ExtractVariables(map[string]any{"": text}, nil) {
			if _, set := mapping(name); set || v.Required || otherwise(text, name) {
				continue
			}
			l.note("the variable %s is not set, and stands for nothing", name)
		}
	}
	return template.SubstituteWithOptions(text, mapping, template.WithoutLogging)
}

// otherwise says whether the text says what stands for a variable that is not set.
func otherwise(text, name string) bool {
	for _, sign := range []string{"-", ":-", "+", ":+"} {
		if strings.Contains(text, "${"+name+sign) {
			return true
		}
	}
	return false
}
