package labs

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// The labs of the book: folders chNN-PATTERN/SLUG. Adding a lab is adding a folder.
//
//go:embed ch*
var embedded embed.FS

// Entry is one lab of the catalogue as a list shows it.
type Entry struct {
	Slug    string `json:"slug"`
	Title   string `json:"title"`
	Chapter int    `json:"chapter"`
	Pattern string `json:"pattern,omitempty"`
	Summary string `json:"summary,omitempty"`
	// Path is the lab's folder in the catalogue, such as ch03-ambassadors/sharded-redis.
	Path string `json:"path"`
}

// Catalogue lists the embedded labs by chapter. It reads only the head of each lab.yaml.
func Catalogue() ([]Entry, error) { return catalogueOf(embedded) }

func catalogueOf(fsys fs.FS) ([]Entry, error) {
	folders, err := foldersOf(fsys)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(folders))
	for _, folder := range folders {
		text, err := fs.ReadFile(fsys, path.Join(folder, FormatFile))
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		head, err := format.ReadHeader(text)
		if err != nil {
			return nil, fmt.Errorf("read the head of %s/%s: %w", folder, FormatFile, err)
		}
		entries = append(entries, Entry{Slug: path.Base(folder), Title: head.Title, Chapter: head.Chapter, Pattern: head.Pattern,
			Summary: head.Summary, Path: folder})
	}
	return entries, nil
}

// foldersOf are the folders of labs, sorted: chNN-PATTERN/SLUG.
func foldersOf(fsys fs.FS) ([]string, error) {
	folders, err := fs.Glob(fsys, "ch*/*/"+FormatFile)
	if err != nil {
		return nil, err
	}
	for i := range folders {
		folders[i] = path.Dir(folders[i])
	}
	slices.Sort(folders)
	return folders, nil
}

// find is the folder of a lab in the catalogue.
func find(slug string) (string, error) {
	folders, err := foldersOf(embedded)
	if err != nil {
		return "", err
	}
	var slugs []string
	for _, folder := range folders {
		if path.Base(folder) == slug {
			return folder, nil
		}
		slugs = append(slugs, path.Base(folder))
	}
	return "", unknown(slug, slugs)
}

func unknown(ref string, slugs []string) error {
	err := fmt.Errorf("there is no lab %q: %w", ref, fs.ErrNotExist)
	if near := nearest.Word(ref, slugs); near != "" {
		return hint.Wrap(err, "did you mean %s? `ddsctl lab list` shows all of them; a folder is named with a slash, such as ./%s", near, ref)
	}
	for _, slug := range slugs { // a part of the name
		if len(ref) > 2 && strings.Contains(slug, strings.ToLower(ref)) {
			return hint.Wrap(err, "did you mean %s? `ddsctl lab list` shows all of them; a folder is named with a slash, such as ./%s", slug, ref)
		}
	}
	return hint.Wrap(err, "`ddsctl lab list` shows the labs; a folder is named with a slash, such as ./%s", ref)
}

// maxText bounds what is read of a lab.yaml or a guide.
const maxText = 1 << 20

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case info.Size() > maxText:
		return nil, fmt.Errorf("%s is larger than %d KiB", name, maxText>>10)
	}
	return io.ReadAll(io.LimitReader(file, maxText))
}
