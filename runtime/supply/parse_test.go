package supply

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestBasesOfADockerfile(t *testing.T) {
	for _, c := range []struct {
		name, dockerfile, target string
		args                     map[string]string
		want                     []string
	}{
		{name: "one", dockerfile: "FROM debian:trixie-slim\nRUN true\n", want: []string{"debian:trixie-slim"}},
		{name: "nothing to start from", dockerfile: "FROM scratch\nCOPY a /a\n"},
		{name: "stages are not images", dockerfile: "FROM golang AS Build\nFROM build AS test\nFROM alpine\nCOPY --from=BUILD /a /a\nCOPY --from=0 /b /b\n", want: []string{"golang", "alpine"}},
		{name: "copied from an image", dockerfile: "FROM scratch\nCOPY --chown=1 --from=busybox:1 /bin/sh /\n", want: []string{"busybox:1"}},
		{name: "flags, case and comments", dockerfile: "# syntax=x\n\n from --platform=linux/amd64 \\\n# why\n  alpine:3 as a\n", want: []string{"alpine:3"}},
		{name: "an argument's default", dockerfile: "ARG TAG=\"12\"\nARG IMAGE=node:$TAG\nFROM ${IMAGE}\n", want: []string{"node:12"}},
		{name: "an argument that is given", dockerfile: "ARG TAG=12\nFROM node:${TAG}\n", args: map[string]string{"TAG": "20"}, want: []string{"node:20"}},
		{name: "a default where it is used", dockerfile: "ARG TAG\nFROM node:${TAG:-18}\n", want: []string{"node:18"}},
		{name: "what has no value is left to the engine", dockerfile: "FROM $BASE\n"},
		{name: "stages after the target do not count", dockerfile: "FROM a AS one\nFROM b AS two\nFROM c\n", target: "two", want: []string{"a", "b"}},
		{name: "each once", dockerfile: "FROM a\nFROM a\n", want: []string{"a"}},
		{name: "nothing at all", dockerfile: "FROM\n\\\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, bases([]byte(c.dockerfile), c.args, c.target))
		})
	}
}

func FuzzBases(f *testing.F) {
	f.Add("ARG A=1\nFROM a:$A AS b\nCOPY --from=b / /\\\n", "b")
	f.Fuzz(func(t *testing.T, dockerfile, target string) {
		seen := map[string]bool{}
		for _, ref := range bases([]byte(dockerfile), nil, target) {
			require.NotEmpty(t, ref)
			require.NotContains(t, ref, "$")
			require.False(t, seen[ref], "twice: %s", ref)
			seen[ref] = true
		}
	})
}

func TestMirrorsAreTheHostsOwn(t *testing.T) {
	public := mirrors{publicMirror, publicSecurity}
	for _, c := range []struct {
		name string
		fs   fstest.MapFS
		want mirrors
	}{
		{"nothing configured", fstest.MapFS{}, public},
		{"one line each", fstest.MapFS{"etc/apt/sources.list": {Data: []byte(
			"# deb http://old/debian trixie main\n" +
				"deb-src http://source/debian trixie main\n" +
				"deb [arch=amd64 signed-by=/k] http://mirror/debian/ bookworm main contrib # near\n" +
				"deb http://mirror/security bookworm-security main\n")}}, mirrors{"http://mirror/debian", "http://mirror/security"}},
		{"deb822", fstest.MapFS{"etc/apt/sources.list.d/debian.sources": {Data: []byte(
			"Types: deb deb-src\nURIs: http://near/debian\n# a comment\nSuites: trixie\n trixie-updates\nComponents: main\n\n" +
				"Types: deb\nURIs: http://near/debian-security/\nSuites: trixie-security\nComponents: main\n")}}, mirrors{"http://near/debian", "http://near/debian-security"}},
		{"switched off", fstest.MapFS{"etc/apt/sources.list.d/debian.sources": {Data: []byte(
			"Types: deb\nEnabled: no\nURIs: http://near/debian\nSuites: trixie\nComponents: main\n")}}, public},
		{"another distribution's", fstest.MapFS{"etc/apt/sources.list": {Data: []byte(
			"deb http://archive.ubuntu.com/ubuntu noble main\ndeb http://security.ubuntu.com/ubuntu noble-security main\n")}}, public},
		{"somebody's packages for Debian", fstest.MapFS{"etc/apt/sources.list.d/x.list": {Data: []byte("deb http://vendor/apt bookworm stable\n")}}, public},
		{"https, for which the image has no certificates", fstest.MapFS{"etc/apt/sources.list": {Data: []byte("deb https://mirror/debian trixie main\n")}}, public},
		{"a name that apt does not read", fstest.MapFS{"etc/apt/sources.list.d/debian.list.save": {Data: []byte("deb http://old/debian trixie main\n")}}, public},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, readMirrors(c.fs)) })
	}
}

func FuzzMirrors(f *testing.F) {
	f.Add("Types: deb\nURIs: http://a/debian\nSuites: trixie\nComponents: main\n", "deb [a] http://b/debian trixie main\n")
	f.Fuzz(func(t *testing.T, sources, list string) {
		found := readMirrors(fstest.MapFS{"etc/apt/sources.list": {Data: []byte(list)}, "etc/apt/sources.list.d/a.sources": {Data: []byte(sources)}})
		require.Regexp(t, `^http://`, found.main)
		require.Regexp(t, `^http://`, found.security)
	})
}

func TestDockerignoreIsFollowed(t *testing.T) {
	folder := fstest.MapFS{
		".dockerignore": {Data: []byte("# not these\n*.log\nvendor\n!vendor/keep\ndocker\n")},
		"a.go":          {},
		"a.log":         {},
		"sub/b.log":     {},
		"vendor/x":      {},
		"vendor/keep":   {},
		"docker/app.df": {},
		"docker/other":  {},
		"z":             {},
	}
	keep, err := ignoring(folder, "docker/app.df")
	require.NoError(t, err)
	var sent []string
	require.NoError(t, fs.WalkDir(buildContext{FS: folder, keep: keep, extra: &extraFile{"inline", []byte("FROM scratch")}}, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			sent = append(sent, name)
		}
		return err
	}))
	require.Equal(t, []string{".dockerignore", "a.go", "docker/app.df", "inline", "sub/b.log", "vendor/keep", "z"}, sent)
}

func TestTheHashOfAFolderIsThatOfItsContent(t *testing.T) {
	write := func(change func(dir string)) string {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "sub", "a"), []byte("1"), 0o600))
		require.NoError(t, os.Symlink("a", filepath.Join(dir, "sub", "l")))
		change(dir)
		hash, err := hashOf(os.DirFS(dir))
		require.NoError(t, err)
		return hash
	}
	original := write(func(string) {})
	require.Equal(t, original, write(func(string) {}), "times and owners do not count")
	for name, change := range map[string]func(dir string){
		"content":    func(dir string) { require.NoError(t, os.WriteFile(filepath.Join(dir, "sub", "a"), []byte("2"), 0o600)) },
		"a file":     func(dir string) { require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), nil, 0o600)) },
		"a folder":   func(dir string) { require.NoError(t, os.Mkdir(filepath.Join(dir, "c"), 0o750)) },
		"executable": func(dir string) { require.NoError(t, os.Chmod(filepath.Join(dir, "sub", "a"), 0o700)) },
		"a link": func(dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "sub", "l")))
			require.NoError(t, os.Symlink("b", filepath.Join(dir, "sub", "l")))
		},
	} {
		require.NotEqual(t, original, write(change), name)
	}
}
