package images

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// instructions are a Dockerfile's, with continued lines joined.
func instructions(t *testing.T, name string) []string {
	text, err := fs.ReadFile(FS(), name+"/Dockerfile")
	require.NoError(t, err)
	var list []string
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// arguments are those of every instruction of that kind.
func arguments(list []string, instruction string) []string {
	var all []string
	for _, line := range list {
		if rest, ok := strings.CutPrefix(line, instruction+" "); ok {
			all = append(all, strings.Fields(rest)...)
		}
	}
	return all
}

func TestEveryImageKeepsTheHouseRules(t *testing.T) {
	require.NotEmpty(t, Names())
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			list := instructions(t, name)
			require.Equal(t, "FROM debian:trixie-slim", list[0])
			require.Equal(t, "LABEL ddsctl.image="+name, list[1], "so that layers of an interrupted build are known as ddsctl's")

			readme, err := Docs(name)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(readme, "# "+name+"\n"))

			users := arguments(list, "USER")
			require.NotEmpty(t, users, "an image does not run as root")
			user := users[len(users)-1]
			require.NotContains(t, []string{"root", "0"}, strings.Split(user, ":")[0])
			require.Contains(t, readme, "\n| user | "+user+" |")

			for _, port := range arguments(list, "EXPOSE") {
				number, protocol, given := strings.Cut(port, "/")
				if !given {
					protocol = "tcp"
				}
				require.Contains(t, readme, "\n| port | "+number+"/"+protocol+" |")
			}
			for _, folder := range arguments(list, "VOLUME") {
				require.Contains(t, readme, "\n| file | "+folder+" |")
			}
			require.Condition(t, func() bool {
				return len(arguments(list, "ENTRYPOINT"))+len(arguments(list, "CMD")) > 0
			}, "it runs something by itself")

			for _, run := range list {
				if strings.Contains(run, "apt-get install") {
					require.Contains(t, run, "apt-get update", "a layer that installs reads the lists itself")
					require.Contains(t, run, "--no-install-recommends")
					require.Contains(t, run, "rm -rf /var/lib/apt/lists/*")
				}
			}
		})
	}
}

func TestWhatAnImageCopiesIsInItsFilesAndAllOfItIsCopied(t *testing.T) {
	for _, name := range Names() {
		var sources []string
		for _, line := range instructions(t, name) {
			if rest, ok := strings.CutPrefix(line, "COPY "); ok {
				words := strings.Fields(rest)
				sources = append(sources, words[:len(words)-1]...)
			}
		}
		for _, source := range sources {
			if strings.HasPrefix(source, "fetched/") {
				source = "fetch.txt" // which says what will be there
			}
			_, err := fs.Stat(FS(), name+"/"+strings.TrimSuffix(source, "/"))
			require.NoError(t, err, name)
		}
		files, err := fs.Glob(FS(), name+"/files/*")
		require.NoError(t, err)
		for _, file := range files {
			file = strings.TrimPrefix(file, name+"/")
			require.Condition(t, func() bool {
				for _, source := range sources {
					if source == file || strings.TrimSuffix(source, "/") == "files" {
						return true
					}
				}
				return false
			}, "%s: %s is not copied", name, file)
		}
	}
}

func TestWhatIsFetchedIsPinned(t *testing.T) {
	lists, err := fs.Glob(FS(), "*/fetch.txt")
	require.NoError(t, err)
	require.NotEmpty(t, lists)
	line := regexp.MustCompile(`^[0-9a-f]{64} https://\S+$`)
	for _, list := range lists {
		text, err := fs.ReadFile(FS(), list)
		require.NoError(t, err)
		for entry := range strings.Lines(string(text)) {
			if !strings.HasPrefix(entry, "#") {
				require.Regexp(t, line, strings.TrimSuffix(entry, "\n"), list)
			}
		}
		require.Contains(t, arguments(instructions(t, strings.TrimSuffix(list, "/fetch.txt")), "COPY"), "fetched/", "what is fetched is copied")
	}
}

func TestEveryFolderIsEmbedded(t *testing.T) {
	onDisk, err := filepath.Glob("*/Dockerfile")
	require.NoError(t, err)
	require.Len(t, Names(), len(onDisk))
	for _, file := range onDisk {
		_, err := os.Stat(filepath.Join(filepath.Dir(file), "README.md"))
		require.NoError(t, err)
	}
}

func TestEveryImageHasItsRowInTheDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/images.md")
	require.NoError(t, err)
	rows := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^\| \[([a-z-]+)\]\(\.\./images/([a-z.-]+)(?:/README\.md)?\) \|`).FindAllStringSubmatch(string(text), -1) {
		rows[match[1]] = true
	}
	for _, name := range append(Names(), Node) {
		require.True(t, rows[name], "docs/images.md has no row for %s", name)
		delete(rows, name)
	}
	require.Empty(t, rows, "docs/images.md has rows for images that are not there")
}

func TestOwnNames(t *testing.T) {
	for ref, want := range map[string]string{"ddsctl/redis": "redis", "ddsctl/redis:latest": "redis", "ddsctl/node": "node"} {
		name, own := Own(ref)
		require.True(t, own)
		require.Equal(t, want, name)
	}
	for _, ref := range []string{"redis", "example.com/ddsctl/redis", "ddsctl"} {
		_, own := Own(ref)
		require.False(t, own, ref)
	}
}

func TestDocsOfAnUnknownImageNamesThoseThereAre(t *testing.T) {
	_, err := Docs("redix")
	require.ErrorContains(t, err, "redis")
	text, err := Docs(Node)
	require.NoError(t, err)
	require.Contains(t, text, "/ddsctl")
}
