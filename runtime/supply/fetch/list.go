// Package fetch brings files to this machine that an image needs and Debian does not have: each is known by its SHA-256 beforehand, so that it does not
// matter who hands it over. They are fetched on the host, with its proxies and its certificates, and kept for the next build.
//
//	files, err := fetch.Parse(list)
//	dir, err := fetch.Store{}.Get(ctx, files, nil)
//
// A list has a file in each line: its SHA-256, and the address that it is fetched from.
package fetch

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// File is one file of a list.
type File struct {
	// Sum is the SHA-256 of its content, in hexadecimal, lower case.
	Sum string
	// URL is where it is fetched from, by http or https.
	URL string
	// Name is the last element of the URL's path.
	Name string
}

// Parse reads a list. Empty lines and those that begin with # say nothing. Two files of one name are a mistake.
func Parse(list []byte) ([]File, error) {
	var files []File
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(string(list)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f, err := parseLine(line)
		if err == nil && seen[f.Name] {
			err = fmt.Errorf("there is a second %s", f.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		seen[f.Name] = true
		files = append(files, f)
	}
	return files, nil
}

func parseLine(line string) (File, error) {
	words := strings.Fields(line)
	if len(words) != 2 {
		return File{}, fmt.Errorf("want a SHA-256 and a URL, found %q", line)
	}
	if sum, err := hex.DecodeString(words[0]); err != nil || len(sum) != 32 || strings.ToLower(words[0]) != words[0] {
		return File{}, fmt.Errorf("%q is no SHA-256 in lower case", words[0])
	}
	u, err := url.Parse(words[1])
	if err != nil {
		return File{}, err
	}
	name := path.Base(u.Path)
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || name == "." || name == "/" || name == ".." || strings.ContainsAny(name, `\:`) {
		return File{}, fmt.Errorf("%q is no address of a file", words[1])
	}
	return File{Sum: words[0], URL: words[1], Name: name}, nil
}
