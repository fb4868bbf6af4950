// Package compose loads Compose files: with compose-go, into its Project, so that what runs is what `docker compose` would run.
//
// Before compose-go sees a file, every key in it is looked up in the table of the supported surface (Keys); what is not supported is
// refused by name and line, never ignored. Afterwards the project is confined: what reaches beyond the lab, such as a folder outside it,
// a capability or the host's network, is refused unless the lab is trusted.
//
//	loaded, err := compose.Load(ctx, compose.Input{Dir: "/home/ada/shop"}, compose.Options{})
//
// Everything is read from the lab's folder, or for a lab of the catalogue from an fs.FS, in which case nothing is written to disk.
package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Input is where a project is read from.
type Input struct {
	// Dir is the project's folder, absolute. With FS it is only a name for it.
	Dir string
	// Shown is how messages name the folder; "" is Dir.
	Shown string
	// FS is the folder's contents where they are not on disk.
	FS fs.FS
	// Files are the Compose files, merged in order, absolute or relative to Dir. None means the usual names.
	Files []string
	// Overlay is one more file, merged over the others.
	Overlay string
	// Replace gives files of the folder the contents of others: the file replaced, then the one that stands in for it.
	Replace map[string]string
}

// Options changes how a project is loaded.
type Options struct {
	// Name is the project's name; "" is the `name` of the Compose file, or else that of the folder.
	Name string
	// Profiles are the profiles whose services are in; "*" means all.
	Profiles []string
	// Environment is what variables in the files stand for, before what EnvFiles say.
	Environment map[string]string
	// EnvFiles are files of variables, absolute or relative to Dir. None means .env, where it is there.
	EnvFiles []string
	// Strict holds embedded files against the Compose specification's schema too, as all others are.
	Strict bool
	// Trust lets the project reach beyond its folder and its containers.
	Trust bool
}

// Loaded is a project and what came with it.
type Loaded struct {
	Project *types.Project
	// OwnName is the project's name as its files or its folder say it, whatever Options.Name.
	OwnName string
	// Contents holds what the configs and secrets say that are files, under "configs/NAME" and "secrets/NAME".
	Contents map[string][]byte
	// Notes tell what the user may not expect, such as a port that is published on this machine only.
	Notes []string
}

// Names are the names that a Compose file goes by, in the order in which they are looked for.
func Names() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}
}

// ErrNone says that a folder has no Compose file.
var ErrNone = errors.New("no Compose file")

// Load reads a project. What is wrong with its files is mark.Problems.
func Load(ctx context.Context, in Input, options Options) (*Loaded, error) {
	folder, err := newFolder(in, options.Trust)
	if err != nil {
		return nil, err
	}
	l := &loading{in: in, options: options, folder: folder}
	l.walker = &walker{surface: newSurface(), places: map[string]place{}, source: mark.NewSource(in.Dir, nil), fill: l.substituted}
	if err := l.readEnvironment(); err != nil {
		return nil, err
	}
	details, err := l.details()
	if err != nil {
		return nil, err
	}
	project, err := l.load(ctx, details)
	if err != nil {
		return nil, err
	}
	return l.finish(project)
}

// loading is one call of Load.
type loading struct {
	in      Input
	options Options
	folder  *folder
	walker  *walker
	env     types.Mapping
	notes   []string
	visited map[string]bool // files that were walked
	own     string          // the name that the files say
}

func (l *loading) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(l.notes, text) {
		l.notes = append(l.notes, text)
	}
}

func (l *loading) readEnvironment() error {
	l.env = types.Mapping{}
	maps.Copy(l.env, l.options.Environment)
	files, optional := l.options.EnvFiles, false
	if len(files) == 0 {
		files, optional = []string{".env"}, true
	}
	fromFiles := map[string]string{}
	for _, name := range files {
		data, err := l.folder.read(name)
		if optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("env file: %w", err)
		}
		values, err := dotenv.ParseWithLookup(strings.NewReader(string(data)), func(name string) (string, bool) {
			if value, ok := l.env[name]; ok {
				return value, true
			}
			value, ok := fromFiles[name]
			return value, ok
		})
		if err != nil {
			return fmt.Errorf("env file %s: %w", name, err)
		}
		maps.Copy(fromFiles, values)
	}
	for name, value := range fromFiles {
		if _, ok := l.env[name]; !ok {
			l.env[name] = value
		}
	}
	return nil
}

// details reads and walks the Compose files.
func (l *loading) details() (types.ConfigDetails, error) {
	details := types.ConfigDetails{WorkingDir: l.folder.dir, Environment: l.env}
	names := l.in.Files
	if len(names) == 0 {
		var err error
		if names, err = l.find(); err != nil {
			return details, err
		}
	}
	if l.in.Overlay != "" {
		names = append(slices.Clone(names), l.in.Overlay)
	}
	for _, name := range names {
		data, err := l.folder.readAny(name, maxBytes)
		if err != nil {
			return details, fmt.Errorf("read the Compose file: %w", err)
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: l.folder.absolute(name), Content: data})
		if err := l.walk(name, data, true); err != nil {
			return details, err
		}
	}
	return details, l.walker.problems.Err()
}

// find looks for the usual names, and for the override that Docker Compose merges over each.
func (l *loading) find() ([]string, error) {
	for _, name := range Names() {
		if !l.folder.exists(name) {
			continue
		}
		files := []string{name}
		base, extension, _ := strings.Cut(name, ".")
		for _, ext := range []string{extension, "yaml", "yml"} {
			if override := base + ".override." + ext; l.folder.exists(override) {
				return append(files, override), nil
			}
		}
		return files, nil
	}
	return nil, hint.Wrap(fmt.Errorf("%s: %w", l.in.Dir, ErrNone), "a lab's folder has a compose.yaml; another file is named with -f")
}

func (l *loading) load(ctx context.Context, details types.ConfigDetails) (*types.Project, error) {
	l.own = cmp.Or(loader.NormalizeProjectName(l.own), loader.NormalizeProjectName(path.Base(filepath.ToSlash(l.folder.dir))))
	// compose-go warns through logrus' standard logger; what it has to say is found out here and told as notes.
	logrus.SetOutput(io.Discard)
	project, err := loader.LoadWithContext(ctx, details, func(o *loader.Options) {
		o.SetProjectName(cmp.Or(l.options.Name, l.own), l.options.Name != "")
		o.Profiles = l.options.Profiles
		// The schema takes longer to prepare than all the rest; what is embedded was held against it by a test.
		o.SkipValidation = l.in.FS != nil && !l.options.Strict
		o.SkipResolveEnvironment, o.SkipResolveLabels = true, true // files are checked first
		o.Interpolate.Substitute = l.fill
	})
	if err != nil {
		return nil, l.placed(err)
	}
	for _, file := range details.ConfigFiles {
		project.ComposeFiles = append(project.ComposeFiles, file.Filename)
	}
	if len(project.Services) == 0 {
		return nil, hint.Wrap(fmt.Errorf("%s has no service to run", details.ConfigFiles[0].Filename), "services with `profiles` are in with --profile NAME")
	}
	return project, nil
}

// placed gives an error of compose-go, which names the key but not the line, its place.
func (l *loading) placed(err error) error {
	text := err.Error()
	best := ""
	for key := range l.walker.places {
		if len(key) > len(best) && !strings.Contains(key, "=") && strings.Contains(text, key) && strings.Contains(key, ".") {
			best = key
		}
	}
	if best == "" {
		return fmt.Errorf("load the Compose project in %s: %w", l.in.Dir, err)
	}
	return mark.Problems{l.walker.places[best].problem(best, "%s", text)}.Err()
}

// finish confines the project, reads the files it names and completes it.
func (l *loading) finish(project *types.Project) (*Loaded, error) {
	c := &confining{loading: l, project: project}
	c.all()
	if err := c.problems.Err(); err != nil {
		return nil, hint.Wrap(err, "%s", c.next())
	}
	project, err := project.WithServicesEnvironmentResolved(true)
	if err != nil {
		return nil, fmt.Errorf("load the Compose project in %s: %w", l.in.Dir, err)
	}
	if project, err = project.WithServicesLabelsResolved(true); err != nil {
		return nil, fmt.Errorf("load the Compose project in %s: %w", l.in.Dir, err)
	}
	c.project = project
	c.reserved()
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	contents, err := l.contents(project)
	if err != nil {
		return nil, err
	}
	slices.Sort(l.notes)
	return &Loaded{Project: project, OwnName: l.own, Contents: contents, Notes: l.notes}, nil
}

// contents reads the configs and secrets that are files.
func (l *loading) contents(project *types.Project) (map[string][]byte, error) {
	contents := map[string][]byte{}
	read := func(kind, name, file string) error {
		if file == "" {
			return nil
		}
		data, err := l.folder.readAny(file, maxBytes)
		if err != nil {
			at := l.walker.at(kind+"."+name+".file", kind+"."+name)
			return mark.Problems{at.problem(kind+"."+name, "%s", err)}.Err()
		}
		contents[kind+"/"+name] = data
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(project.Configs)) {
		if err := read("configs", name, project.Configs[name].File); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(project.Secrets)) {
		if err := read("secrets", name, project.Secrets[name].File); err != nil {
			return nil, err
		}
	}
	return contents, nil
}
