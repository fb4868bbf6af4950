// Package images holds the folders that lab images are built from: real components from Debian's packages, each with the
// README that is its interface.
//
//	name, own := images.Own("ddsctl/redis") // "redis", true
//	text, err := images.Docs("redis")
//
// A folder has a Dockerfile, a README.md and, where the Dockerfile copies something, the folder files. Where it copies what Debian does not have, the list
// fetch.txt names it. Adding an image is adding a folder: docs/images.md says how.
package images

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed */Dockerfile */README.md */files */fetch.txt
var folders embed.FS

//go:embed node.md
var nodeDocs string

// Prefix is what the names of ddsctl's own images begin with. They are never asked of a registry: whoever owned that name there would
// run code on the learner's machine.
const Prefix = "ddsctl/"

// Node is the image that is not built from a folder: the running executable itself.
const Node = "node"

// FS holds the folders by name.
func FS() fs.FS { return folders }

// Own says which of ddsctl's own images a reference names: "ddsctl/redis" and "ddsctl/redis:latest" are "redis".
func Own(ref string) (name string, ok bool) {
	name, ok = strings.CutPrefix(ref, Prefix)
	if !ok {
		return "", false
	}
	return strings.TrimSuffix(name, ":latest"), true
}

// Names lists the images that have a folder, sorted.
func Names() []string { return NamesIn(folders) }

// NamesIn lists the images that have a folder in fsys, sorted.
func NamesIn(fsys fs.FS) []string {
	found, _ := fs.Glob(fsys, "*/Dockerfile") // the pattern is well-formed
	for i, path := range found {
		found[i] = strings.TrimSuffix(path, "/Dockerfile")
	}
	slices.Sort(found)
	return found
}

// Docs is an image's README: its ports, parameters, files and user, as Markdown.
func Docs(name string) (string, error) {
	if name == Node {
		return nodeDocs, nil
	}
	text, err := fs.ReadFile(folders, name+"/README.md")
	if err != nil {
		return "", fmt.Errorf("no image %q; there are %s", name, strings.Join(append(Names(), Node), ", "))
	}
	return string(text), nil
}
