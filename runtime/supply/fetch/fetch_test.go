package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestAListNamesAFileInEachLine(t *testing.T) {
	files, err := Parse([]byte("# what is needed\n\n" + sumOf("a") + "  https://repo.example/org/a-1.jar\n" + sumOf("b") + " http://repo.example/b.jar?x=1"))
	require.NoError(t, err)
	require.Equal(t, []File{{Sum: sumOf("a"), URL: "https://repo.example/org/a-1.jar", Name: "a-1.jar"}, {Sum: sumOf("b"), URL: "http://repo.example/b.jar?x=1", Name: "b.jar"}}, files)
}

func TestAMistakeInAListIsNamedWithItsLine(t *testing.T) {
	for list, want := range map[string]string{
		"# x\nabc https://repo.example/a.jar":                       `line 2: "abc" is no SHA-256`,
		strings.ToUpper(sumOf("a")) + " https://repo.example/a.jar": "lower case",
		sumOf("a"):                              "want a SHA-256 and a URL",
		sumOf("a") + " file:///etc/passwd":      "no address of a file",
		sumOf("a") + " https://repo.example/..": "no address of a file",
		sumOf("a") + " https://repo.example/":   "no address of a file",
		sumOf("a") + " https://repo.example/a\n" + sumOf("b") + " https://other.example/a": "line 2: there is a second a",
	} {
		_, err := Parse([]byte(list))
		require.ErrorContains(t, err, want, list)
	}
}

func FuzzAListNamesFilesThatStayInTheirFolder(f *testing.F) {
	f.Add(sumOf("a") + " https://repo.example/a.jar")
	f.Fuzz(func(t *testing.T, list string) {
		files, err := Parse([]byte(list))
		if err != nil {
			return
		}
		for _, file := range files {
			require.NotContains(t, file.Name, "/")
			require.NotContains(t, []string{"", ".", ".."}, file.Name)
			require.Len(t, file.Sum, 64)
		}
	})
}

// shop hands out files, and counts how often each was asked for.
type shop struct {
	mu    sync.Mutex
	asked map[string]int
	give  func(w http.ResponseWriter, path string, time int)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked[r.URL.Path]++
	n := s.asked[r.URL.Path]
	s.mu.Unlock()
	s.give(w, r.URL.Path, n)
}

func open(t *testing.T, give func(w http.ResponseWriter, path string, time int)) (*shop, string) {
	s := &shop{asked: map[string]int{}, give: give}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *shop) times(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

func TestWhatWasFetchedIsKept(t *testing.T) {
	s, url := open(t, func(w http.ResponseWriter, path string, _ int) { _, _ = w.Write([]byte(path)) })
	store := Store{Folder: t.TempDir(), Pause: time.Millisecond}
	files := []File{{Sum: sumOf("/a"), URL: url + "/a", Name: "a"}, {Sum: sumOf("/b"), URL: url + "/b", Name: "b"}}
	var mu sync.Mutex
	said := map[string]int{}
	for range 2 {
		paths, err := store.Get(t.Context(), files, func(name string) { mu.Lock(); said[name]++; mu.Unlock() })
		require.NoError(t, err)
		for name, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "/"+name, string(text))
		}
		require.Len(t, paths, 2)
	}
	require.Equal(t, map[string]int{"a": 1, "b": 1}, said)

	paths, err := store.Get(t.Context(), files, nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(paths["a"], []byte("damaged"), 0o600))
	_, err = store.Get(t.Context(), files, nil)
	require.NoError(t, err)
	require.Equal(t, 2, s.times("/a"), "what is damaged is fetched anew")
	require.Equal(t, 1, s.times("/b"))
}

func TestAFileThatIsNotTheOneMeantIsRefusedAndNotKept(t *testing.T) {
	s, url := open(t, func(w http.ResponseWriter, _ string, _ int) { _, _ = w.Write([]byte("something else")) })
	folder := t.TempDir()
	_, err := Store{Folder: folder, Pause: time.Millisecond}.Get(t.Context(), []File{{Sum: sumOf("a"), URL: url + "/a", Name: "a"}}, nil)
	require.ErrorContains(t, err, "is not the file that was meant")
	require.Equal(t, 1, s.times("/a"), "a further try is in vain")
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAServerThatIsBusyIsAskedAgainAndOneThatRefusesIsNot(t *testing.T) {
	s, url := open(t, func(w http.ResponseWriter, path string, time int) {
		switch {
		case path == "/gone":
			w.WriteHeader(http.StatusNotFound)
		case path == "/down" || time < 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte(path))
		}
	})
	store := Store{Folder: t.TempDir(), Pause: time.Millisecond}
	_, err := store.Get(t.Context(), []File{{Sum: sumOf("/busy"), URL: url + "/busy", Name: "busy"}}, nil)
	require.NoError(t, err)
	for path, want := range map[string]int{"/gone": 1, "/down": 3} {
		_, err := store.Get(t.Context(), []File{{Sum: sumOf(path), URL: url + path, Name: "x"}}, nil)
		require.ErrorContains(t, err, url+path)
		require.Equal(t, want, s.times(path), path)
	}
}

func TestFetchingEndsWithItsContext(t *testing.T) {
	begun := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("begin"))
		w.(http.Flusher).Flush()
		close(begun)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := Store{Folder: t.TempDir(), Pause: time.Hour}.Get(ctx, []File{{Sum: sumOf("a"), URL: server.URL + "/a", Name: "a"}}, nil)
	require.ErrorIs(t, err, context.Canceled)
}
