package supply

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Debian's public mirrors, where the host names none.
const (
	publicMirror   = "http://deb.debian.org/debian"
	publicSecurity = "http://deb.debian.org/debian-security"
)

// mirrors are where packages come from.
type mirrors struct{ main, security string }

// sources are the lines of sources.list for a suite, and stay in the image: apt works there as it does on the host.
func (m mirrors) sources(suite string) []string {
	return []string{
		"deb " + m.main + " " + suite + " main",
		"deb " + m.main + " " + suite + "-updates main",
		"deb " + m.security + " " + suite + "-security main",
	}
}

// debianSuites are the names by which a mirror is known as Debian's: others, such as Ubuntu's, have no trixie.
var debianSuites = []string{"bullseye", "bookworm", "trixie", "forky", "duke", "sid", "oldoldstable", "oldstable", "stable", "testing", "unstable"}

// readMirrors finds the host's own Debian mirrors in its apt configuration, both the one-line format and deb822. Mirrors in the image must be
// reached with http, since it has no certificates yet.
func readMirrors(root fs.FS) mirrors {
	found := mirrors{main: publicMirror, security: publicSecurity}
	var main, security bool
	for _, s := range aptSources(root) {
		name, isSecurity := strings.CutSuffix(s.suite, "-security")
		name, _, _ = strings.Cut(name, "/") // bullseye and older said bullseye/updates
		if !slices.Contains(debianSuites, name) || !slices.Contains(s.components, "main") || !strings.HasPrefix(s.uri, "http://") {
			continue
		}
		switch {
		case isSecurity && !security:
			found.security, security = s.uri, true
		case !isSecurity && !main:
			found.main, main = s.uri, true
		}
	}
	return found
}

// aptSource is one suite of one mirror.
type aptSource struct {
	uri, suite string
	components []string
}

func aptSources(root fs.FS) []aptSource {
	var all []aptSource
	files, _ := fs.Glob(root, "etc/apt/sources.list.d/*") // the pattern is well-formed
	for _, name := range append([]string{"etc/apt/sources.list"}, files...) {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		switch path.Ext(name) {
		case ".list":
			all = append(all, oneLine(text)...)
		case ".sources":
			all = append(all, deb822(text)...)
		}
	}
	return all
}

// oneLine reads lines such as "deb [arch=amd64] http://deb.debian.org/debian trixie main contrib".
func oneLine(text []byte) []aptSource {
	var all []aptSource
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		line, _, _ := strings.Cut(scanner.Text(), "#")
		if before, rest, ok := strings.Cut(line, "["); ok {
			_, after, _ := strings.Cut(rest, "]")
			line = before + after
		}
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "deb" {
			continue
		}
		all = append(all, aptSource{strings.TrimSuffix(words[1], "/"), words[2], words[3:]})
	}
	return all
}

// deb822 reads stanzas of "Key: value" with continued lines.
func deb822(text []byte) []aptSource {
	var all []aptSource
	stanza, key := map[string][]string{}, ""
	end := func() {
		disabled := slices.Contains(stanza["enabled"], "no")
		if slices.Contains(stanza["types"], "deb") && !disabled {
			for _, uri := range stanza["uris"] {
				for _, suite := range stanza["suites"] {
					all = append(all, aptSource{strings.TrimSuffix(uri, "/"), suite, stanza["components"]})
				}
			}
		}
		stanza, key = map[string][]string{}, ""
	}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		line := scanner.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			end()
		case line[0] == ' ' || line[0] == '\t':
			stanza[key] = append(stanza[key], strings.Fields(line)...)
		default:
			name, value, _ := strings.Cut(line, ":")
			key = strings.ToLower(name)
			stanza[key] = strings.Fields(value)
		}
	}
	end()
	return all
}
