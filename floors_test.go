package ddsctl_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ddsctl/ddsctl"

// floors are the rooms of the house from the lowest to the highest; a package imports its own floor and those below. What measures
// the house (bench) stands outside: nothing imports it.
var floors = []string{"images", "runtime", "labs", "scenarios", "tui", "cmd", "bench"}

// kept are packages that belong to one room: whoever else needs them asks that room.
var kept = []struct {
	what  string   // import path, and all below it
	rooms []string // folders, and all below them, that may import it
	tests bool     // tests may import it anywhere
}{
	{what: "github.com/moby/moby", rooms: []string{"runtime/engine/docker"}, tests: true},
	{what: "github.com/google/nftables", rooms: []string{"runtime/wire"}, tests: true},
	{what: "github.com/vishvananda/netlink", rooms: []string{"runtime/wire"}, tests: true},
	{what: "github.com/florianl/go-nfqueue", rooms: []string{"runtime/wire"}, tests: true},
	{what: "charm.land/bubbletea", rooms: []string{"tui"}},
	{what: "charm.land/bubbles", rooms: []string{"tui"}},
	{what: "charm.land/lipgloss", rooms: []string{"tui", "cmd/ddsctl"}},
	{what: "github.com/spf13/cobra", rooms: []string{"cmd"}},
	{what: "charm.land/fang", rooms: []string{"cmd"}},
	{what: "github.com/anishathalye/porcupine", rooms: []string{"scenarios/history"}},
	{what: module + "/images/node", rooms: []string{"cmd/ddsctl", "images/node"}},
}

// leftovers are names of packages that say nothing of what is in them.
var leftovers = []string{"common", "context", "helpers", "manager", "misc", "types", "util", "utils"}

// source is a Go file of the house, for whatever platform.
type source struct {
	file    string // path in the repository, with slashes
	pkg     string
	imports []string
}

func (s source) room() string { return path.Dir(s.file) }
func (s source) test() bool   { return strings.HasSuffix(s.file, "_test.go") }

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go" || filepath.Dir(name) == ".":
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{file: filepath.ToSlash(name), pkg: parsed.Name.Name}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d Go files: this test looks in the wrong place", len(all))
	}
	return all
}

// within says whether a path is the folder, or lies below it. "charm.land/fang" holds "charm.land/fang/v2".
func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func floorOf(name string) int {
	return slices.IndexFunc(floors, func(floor string) bool { return within(name, floor) })
}

func TestEveryPackageStandsOnAFloor(t *testing.T) {
	for _, s := range sources(t) {
		if floorOf(s.room()) < 0 {
			t.Errorf("%s stands on none of the floors %v", s.file, floors)
		}
	}
}

func TestImportsPointDownwards(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			room, ours := strings.CutPrefix(imported, module+"/")
			if ours && floorOf(room) > floorOf(s.room()) {
				t.Errorf("%s imports %s, which is on a higher floor", s.file, room)
			}
		}
	}
}

func TestPackagesStayInTheirRooms(t *testing.T) {
	for _, s := range sources(t) {
		for _, k := range kept {
			if k.tests && s.test() || slices.ContainsFunc(k.rooms, func(room string) bool { return within(s.room(), room) }) {
				continue
			}
			for _, imported := range s.imports {
				if within(imported, k.what) {
					t.Errorf("%s imports %s, which belongs to %s", s.file, imported, strings.Join(k.rooms, ", "))
				}
			}
		}
	}
}

func TestPackagesAreNamedForWhatIsInThem(t *testing.T) {
	for _, s := range sources(t) {
		name := strings.TrimSuffix(s.pkg, "_test")
		if slices.Contains(leftovers, name) {
			t.Errorf("%s: the name of package %s does not say what is in it", s.file, s.pkg)
		}
		if name == "runtime" {
			t.Errorf("%s: package runtime shadows the standard library's", s.file)
		}
	}
}

// The map of the house in ARCHITECTURE.md names rooms as FLOOR/ROOM.
func TestTheMapShowsEveryRoom(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, room := range regexp.MustCompile(`\b(`+strings.Join(floors, "|")+`)/[a-z]+`).FindAllString(string(text), -1) {
		named[room] = true
	}
	for _, s := range sources(t) {
		parts := strings.Split(s.room(), "/")
		if len(parts) < 2 || parts[0] == "bench" {
			continue
		}
		if room := parts[0] + "/" + parts[1]; !named[room] {
			t.Errorf("ARCHITECTURE.md does not name %s", room)
			named[room] = true
		}
	}
	for room := range named {
		if _, err := os.Stat(room); err != nil && !strings.HasPrefix(room, "labs/ch") {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", room)
		}
	}
}
