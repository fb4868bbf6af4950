package labs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/labs/compose"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

type readyProbe = ready.Probe

// Options changes how a lab is opened.
type Options struct {
	// Name is the name of the running instance; "" is the project's own.
	Name string
	// Variant is another form of the lab, as its lab.yaml names them.
	Variant string
	// Trust lets a lab reach beyond its folder and its containers.
	Trust bool
	// Profiles are the Compose profiles whose services are in; "*" means all.
	Profiles []string
	// Files are Compose files to read instead of the folder's own, merged in order.
	Files []string
	// Environment is what variables in the Compose file stand for. Labs of the catalogue do not see it.
	Environment map[string]string
	// EnvFiles are files of such variables. None means .env in the lab's folder, where it is there.
	EnvFiles []string

	strict bool // hold embedded files against the schema too
}

// Open opens a lab: a slug of the catalogue, a folder, or a Compose file. A word without a slash or a dot is a slug.
func Open(ctx context.Context, ref string, options Options) (*Lab, error) {
	place, err := locate(ref, options.Files)
	if err != nil {
		return nil, err
	}
	return place.open(ctx, options)
}

// location is where a lab's files are.
type location struct {
	slug   string // "" where the project says it
	source string
	dir    string // absolute, or the folder's path in the catalogue
	shown  string // how messages name the folder
	files  fs.FS
	inside fs.FS    // files, for a lab of the catalogue
	names  []string // Compose files; none means the usual ones
}

func locate(ref string, files []string) (location, error) {
	if ref == "" && len(files) > 0 {
		ref = filepath.Dir(files[0])
	}
	if isSlug(ref) && len(files) == 0 {
		folder, err := find(ref)
		if err == nil {
			return inCatalogue(embedded, folder)
		}
		if info, statErr := os.Stat(ref); statErr != nil || !info.IsDir() {
			return location{}, err
		}
	}
	dir, err := filepath.Abs(ref)
	if err != nil {
		return location{}, err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return location{}, hint.Wrap(fmt.Errorf("open the lab in %s: %w", ref, err), "`ddsctl lab list` shows the labs of the catalogue")
	case err != nil:
		return location{}, fmt.Errorf("open the lab in %s: %w", ref, err)
	}
	var names []string
	for _, file := range files {
		absolute, err := filepath.Abs(file)
		if err != nil {
			return location{}, err
		}
		names = append(names, absolute)
	}
	shown := filepath.Clean(ref)
	if !info.IsDir() {
		names = append([]string{dir}, names...)
		dir, shown = filepath.Dir(dir), filepath.Dir(shown)
	}
	return location{source: dir, dir: dir, shown: shown, files: os.DirFS(dir), names: names}, nil
}

func inCatalogue(fsys fs.FS, folder string) (location, error) {
	files, err := fs.Sub(fsys, folder)
	if err != nil {
		return location{}, err
	}
	return location{slug: path.Base(folder), source: SourceCatalogue, dir: "catalogue/" + folder, shown: "catalogue/" + folder,
		files: files, inside: files}, nil
}

func isSlug(ref string) bool {
	return ref != "" && !strings.ContainsAny(ref, `/\.`)
}

func (p location) open(ctx context.Context, options Options) (*Lab, error) {
	lab := &Lab{Slug: p.slug, Source: p.source, Variant: options.Variant, files: p.files}
	var err error
	if lab.Format, err = p.format(); err != nil {
		return nil, err
	}
	in := compose.Input{Dir: p.dir, Shown: p.shown, FS: p.inside, Files: p.names}
	if options.Variant != "" {
		if err := lab.vary(&in, options.Variant); err != nil {
			return nil, err
		}
	}
	settings := compose.Options{Name: options.Name, Profiles: options.Profiles, Trust: options.Trust && p.inside == nil, Strict: options.strict}
	if p.inside == nil {
		settings.Environment, settings.EnvFiles = options.Environment, options.EnvFiles
	}
	loaded, err := compose.Load(ctx, in, settings)
	if err != nil {
		return nil, err
	}
	lab.Project, lab.Contents, lab.Notes = loaded.Project, loaded.Contents, loaded.Notes
	lab.Slug = cmp.Or(lab.Slug, loaded.OwnName)
	lab.Title = lab.Slug
	if lab.Format != nil {
		lab.Title = lab.Format.Title
		if err := lab.Format.CheckNames(lab.composeServices()); err != nil {
			return nil, hint.Wrap(err, "the names of services in %s are those of the Compose file", FormatFile)
		}
	}
	return lab, nil
}

// format reads the lab.yaml, where there is one.
func (p location) format() (*format.Lab, error) {
	text, err := readBounded(p.files, FormatFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // a plain Compose project has none
	}
	if err != nil {
		return nil, fmt.Errorf("open the lab in %s: %w", p.shown, err)
	}
	lab, err := format.Decode(filepath.Join(p.shown, FormatFile), text)
	if err != nil {
		return nil, hint.Wrap(err, "docs/lab-format.md explains the keys; `ddsctl lab schema` lets an editor complete them")
	}
	return lab, nil
}

// composeServices are the project's services as lab.yaml refers to them, those that profiles leave out included.
func (l *Lab) composeServices() map[string]format.ComposeService {
	services := map[string]format.ComposeService{}
	for _, name := range append(l.Project.ServiceNames(), l.Project.DisabledServiceNames()...) {
		config, in := l.Project.Services[name]
		if !in {
			config = l.Project.DisabledServices[name]
		}
		service := format.ComposeService{Replicas: config.GetScale()}
		for _, p := range config.Ports {
			service.Ports = append(service.Ports, uint16(p.Target))
		}
		services[name] = service
	}
	return services
}

// vary applies a variant of the lab.
func (l *Lab) vary(in *compose.Input, name string) error {
	var names []string
	if l.Format != nil {
		for known := range l.Format.Variants {
			names = append(names, known)
		}
	}
	slices.Sort(names)
	if !slices.Contains(names, name) {
		err := fmt.Errorf("the lab has no variant %q", name)
		if len(names) == 0 {
			return hint.Wrap(err, "it has none at all: leave --variant out")
		}
		return hint.Wrap(err, "its variants are: %s", strings.Join(names, ", "))
	}
	variant := l.Format.Variants[name]
	in.Replace, in.Overlay = variant.Files, variant.Compose
	l.Format = l.Format.With(variant)
	return nil
}

// problemsOf is an error's problems, or the error as one.
func problemsOf(file string, err error) mark.Problems {
	var problems mark.Problems
	if errors.As(err, &problems) {
		return problems
	}
	return mark.Problems{{File: file, Severity: mark.Error, Text: err.Error()}}
}
