// Package library is the scenarios that come with ddsctl, and the way to those in files of one's own.
//
//	entries, err := library.List()
//	found, err := library.Open("shard-loss")        // of the library
//	found, err := library.Open("./tests/loss.yaml") // a file
//
// Adding a scenario is adding a file: SLUG.yaml.
package library

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/scenarios/script"
)

//go:embed *.yaml
var embedded embed.FS

// ending is what files of scenarios end in.
const ending = ".yaml"

// maxBytes bounds a file that is read.
const maxBytes = 1 << 20

// Found is a scenario that was opened.
type Found struct {
	// Name is the slug, or the file's name without its ending.
	Name string
	// File is the file's path, "" for one of the library.
	File     string
	Scenario *script.Scenario
	// Text is the file as it is.
	Text []byte
}

// Lab is the lab that the scenario runs on, as labs.Open takes it: a folder is relative to the scenario's file.
func (f Found) Lab() string {
	lab := f.Scenario.Lab
	if f.File == "" || !strings.ContainsAny(lab, `/\`) || filepath.IsAbs(lab) {
		return lab
	}
	joined := filepath.Join(filepath.Dir(f.File), lab)
	if filepath.IsAbs(joined) {
		return joined
	}
	return "." + string(filepath.Separator) + joined
}

// List gives the scenarios of the library, by lab and name.
func List() ([]Found, error) {
	files, err := fs.Glob(embedded, "*"+ending)
	if err != nil {
		return nil, err
	}
	var all []Found
	for _, file := range files {
		found, err := Open(strings.TrimSuffix(file, ending))
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	slices.SortFunc(all, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Scenario.Lab, b.Scenario.Lab), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// Names are the slugs of the library, sorted.
func Names() []string {
	files, _ := fs.Glob(embedded, "*"+ending) // the pattern is right
	for i := range files {
		files[i] = strings.TrimSuffix(files[i], ending)
	}
	return files
}

// Open reads a scenario: a slug of the library, or a file. The error about what is wrong with it names file, line and column.
func Open(ref string) (Found, error) {
	if strings.ContainsAny(ref, `/\`) || strings.HasSuffix(ref, ".yaml") || strings.HasSuffix(ref, ".yml") {
		return openFile(ref)
	}
	text, err := embedded.ReadFile(ref + ending)
	if err != nil {
		err := fmt.Errorf("there is no scenario %q: %w", ref, fs.ErrNotExist)
		if near := nearest.Word(ref, Names()); near != "" {
			return Found{}, hint.Wrap(err, "did you mean %s? `ddsctl scenario list` shows all; a file is named with its ending, such as ./%s.yaml", near, ref)
		}
		return Found{}, hint.Wrap(err, "`ddsctl scenario list` shows all; a file is named with its ending, such as ./%s.yaml", ref)
	}
	s, err := script.Decode(ref+ending, text)
	if err != nil {
		return Found{}, err
	}
	return Found{Name: ref, Scenario: s, Text: text}, nil
}

func openFile(path string) (Found, error) {
	file, err := os.Open(path)
	if err != nil {
		return Found{}, fmt.Errorf("read the scenario: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	switch {
	case err != nil:
		return Found{}, fmt.Errorf("read the scenario: %w", err)
	case len(text) > maxBytes:
		return Found{}, fmt.Errorf("read the scenario: %s is larger than %d KiB", path, maxBytes>>10)
	}
	s, err := script.Decode(path, text)
	if err != nil {
		return Found{}, err
	}
	name := filepath.Base(path)
	return Found{Name: strings.TrimSuffix(name, filepath.Ext(name)), File: path, Scenario: s, Text: text}, nil
}
