package export

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// compose is the project as one file that needs no other, as far as Compose can say that: variables, extends and overrides are resolved, and configs
// that are files are written into it. Paths are relative to the lab's folder.
func compose(lab *labs.Lab) ([]byte, error) {
	project := *lab.Project
	project.Configs, project.Secrets = maps.Clone(project.Configs), maps.Clone(project.Secrets)
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(project.Configs)) {
		config := project.Configs[name]
		content, ok := lab.Contents[plan.ConfigKey(name)]
		switch {
		case !ok:
		case utf8.Valid(content):
			config.Content, config.File = string(content), ""
			project.Configs[name] = config
		default:
			notes = append(notes, fmt.Sprintf("the config %s is no text, and stays the file %s", name, relative(lab, config.File)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(project.Secrets)) {
		if file := project.Secrets[name].File; file != "" {
			notes = append(notes, fmt.Sprintf("the secret %s stays the file %s", name, relative(lab, file)))
		}
	}
	project.Services = maps.Clone(project.Services)
	for name, s := range project.Services {
		// What the lab's labels and its order are, compose-go writes by itself; what only Docker Compose's own loading sets is left out.
		s.CustomLabels = nil
		project.Services[name] = s
	}
	text, err := project.MarshalYAML()
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", lab.Slug, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, as `ddsctl lab export --format compose` says it.\n", strings.Join(strings.Fields(lab.Title), " "))
	for _, note := range notes {
		fmt.Fprintf(&b, "# - %s\n", note)
	}
	// Everything is filled in: what has a dollar is meant so.
	b.WriteString(strings.ReplaceAll(string(text), "$", "$$"))
	return []byte(b.String()), nil
}

// relative is a path as seen from the lab's folder.
func relative(lab *labs.Lab, path string) string {
	if shown, err := filepath.Rel(lab.Project.WorkingDir, path); err == nil {
		return filepath.ToSlash(shown)
	}
	return path
}
