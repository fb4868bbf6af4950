package source

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func serve(t *testing.T, folder string, most int) func(method, path, body string) (int, string) {
	s, err := New(folder, most)
	require.NoError(t, err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return func(method, path, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, strings.TrimSpace(string(text))
	}
}

func TestFilesAreItemsHoweverTheyCame(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "film"), []byte("from somebody else"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".new-1"), []byte("on its way"), 0o600))
	ask := serve(t, folder, 4)
	code, text := ask(http.MethodPost, "/api/v1/items", "first")
	require.Equal(t, http.StatusCreated, code)
	require.JSONEq(t, `{"item":"item-000002"}`, text)
	code, _ = ask(http.MethodPost, "/api/v1/items?name=mine", "second")
	require.Equal(t, http.StatusCreated, code)
	_, text = ask(http.MethodGet, "/api/v1/items", "")
	require.JSONEq(t, `{"kind":"ItemList","items":["film","item-000002","mine"]}`, text)
	_, text = ask(http.MethodGet, "/api/v1/items/item-000002", "")
	require.Equal(t, "first", text)
	_, text = ask(http.MethodGet, "/metrics", "")
	require.Contains(t, text, "source_items 3")

	again := serve(t, folder, 4)
	code, text = again(http.MethodPost, "/api/v1/items", "third")
	require.Equal(t, http.StatusCreated, code, text)
	require.JSONEq(t, `{"item":"item-000004"}`, text, "a name that was given is not given again")
	code, _ = again(http.MethodPost, "/api/v1/items", "too many")
	require.Equal(t, http.StatusInsufficientStorage, code)
}

func TestWhatItRefuses(t *testing.T) {
	ask := serve(t, t.TempDir(), 10)
	_, _ = ask(http.MethodPost, "/api/v1/items?name=a", "1")
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"a name that is known":  {http.MethodPost, "/api/v1/items?name=a", "2", http.StatusConflict},
		"a name that is a path": {http.MethodPost, "/api/v1/items?name=..%2Fa", "2", http.StatusBadRequest},
		"too much data":         {http.MethodPost, "/api/v1/items", strings.Repeat("x", 65<<10), http.StatusRequestEntityTooLarge},
		"no such item":          {http.MethodGet, "/api/v1/items/b", "", http.StatusNotFound},
		"a hidden file":         {http.MethodGet, "/api/v1/items/.new-1", "", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			code, text := ask(c.method, c.path, c.body)
			require.Equal(t, c.want, code, text)
		})
	}
	_, text := ask(http.MethodGet, "/api/v1/items/a", "")
	require.Equal(t, "1", text)
	_, err := New(filepath.Join(t.TempDir(), "none"), 1)
	require.Error(t, err)
}

func TestManyAtOnceGetNamesOfTheirOwn(t *testing.T) {
	s, err := New(t.TempDir(), 100)
	require.NoError(t, err)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := s.Add("", []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	all, err := s.list()
	require.NoError(t, err)
	require.Len(t, all, 20)
}
