package supply_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/supply/fetch"
)

// lineFor is the line of a list for a file with that content.
func lineFor(content, url string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:]) + " " + url + "\n"
}

func TestWhatAnImageNeedsIsFetchedAndHandedToItsBuild(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.URL.Path) }))
	defer server.Close()
	b := newBench(t, "debian:trixie-slim")
	b.options.Fetched = fetch.Store{Folder: t.TempDir()}
	b.change("proxy/fetch.txt", "# what it needs\n"+lineFor("/x/a.jar", server.URL+"/x/a.jar")+lineFor("/b.jar", server.URL+"/b.jar"))
	seen := map[string]string{}
	b.build = func(_ context.Context, spec engine.BuildSpec) error {
		return fs.WalkDir(spec.Context, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			require.NoError(t, err)
			require.Equal(t, entry.Name(), info.Name())
			text, err := fs.ReadFile(spec.Context, name)
			require.Equal(t, int64(len(text)), info.Size())
			seen[name] = string(text)
			return err
		})
	}
	_, err := b.ensure(t.Context(), refs("ddsctl/proxy")...)
	require.NoError(t, err)
	require.Equal(t, "/x/a.jar", seen["fetched/a.jar"])
	require.Equal(t, "/b.jar", seen["fetched/b.jar"])
	require.Contains(t, seen, "Dockerfile")
	require.Contains(t, seen, "files/p.yml")
	var said []string
	for _, p := range b.said {
		if strings.HasPrefix(p.Text, "fetching ") {
			said = append(said, p.Text)
		}
	}
	require.ElementsMatch(t, []string{"fetching a.jar", "fetching b.jar"}, said)

	server.Close() // an image that is there needs nothing more
	_, err = b.ensure(t.Context(), refs("ddsctl/proxy")...)
	require.NoError(t, err)
	require.Equal(t, []string{"ddsctl/proxy present"}, b.ready())
	b.change("proxy/fetch.txt", lineFor("/b.jar", server.URL+"/b.jar"))
	clear(seen)
	_, err = b.ensure(t.Context(), refs("ddsctl/proxy")...)
	require.NoError(t, err, "nor does one that is built anew from what was kept")
	require.Contains(t, b.ready(), "ddsctl/proxy built")
	require.NotContains(t, seen, "fetched/a.jar")
}

func TestWithoutWhatAnImageNeedsItIsNotBuilt(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for list, want := range map[string]string{
		lineFor("a", server.URL+"/a.jar"): server.URL + "/a.jar: 404 Not Found",
		"abc":                             "fetch.txt: line 1",
	} {
		b := newBench(t, "debian:trixie-slim")
		b.options.Fetched = fetch.Store{Folder: t.TempDir(), Pause: time.Millisecond}
		b.change("proxy/fetch.txt", list)
		_, err := b.ensure(t.Context(), refs("ddsctl/proxy")...)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "image ddsctl/proxy")
		require.Empty(t, b.made())
		if strings.Contains(want, "404") {
			require.Contains(t, hint.Of(err), "fetch.txt")
		}
	}
}
