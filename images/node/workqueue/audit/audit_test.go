package audit

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryItemIsAccountedFor(t *testing.T) {
	for name, c := range map[string]struct {
		source []string
		queue  []item
		files  []string
		want   Report
		exact  bool
	}{
		"all is well": {
			[]string{"a", "b", "c", "d"}, []item{{"a", "done", 1}, {"b", "done", 2}, {"c", "dead", 3}, {"d", "waiting", 0}}, []string{"a", "b"},
			Report{Items: 4, Done: 2, Dead: 1, Waiting: 1, Redone: 1, Files: 2}, true},
		"one is lost":          {[]string{"a", "b"}, []item{{"a", "in_flight", 1}}, nil, Report{Items: 2, InFlight: 1, Lost: 1}, false},
		"one is made up":       {nil, []item{{"a", "dead", 1}}, nil, Report{Dead: 1, Invented: 1}, false},
		"one is there twice":   {[]string{"a"}, []item{{"a", "waiting", 1}, {"a", "waiting", 1}}, nil, Report{Items: 1, Waiting: 1, Twice: 1}, false},
		"a state that is none": {[]string{"a"}, []item{{"a", "", 1}}, nil, Report{Items: 1, Twice: 1}, false},
		"done without result":  {[]string{"a"}, []item{{"a", "done", 1}}, nil, Report{Items: 1, Done: 1, Without: 1}, false},
		"a result of nothing":  {[]string{"a"}, []item{{"a", "dead", 1}}, []string{"a"}, Report{Items: 1, Dead: 1, Files: 1, Unexpected: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]bool{}
			for _, f := range c.files {
				files[f] = true
			}
			r := compare(c.source, c.queue, files, true)
			require.Equal(t, c.want, r)
			require.Equal(t, c.exact, r.Exact())
		})
	}
}

func TestItAsksLikeAnybodyElse(t *testing.T) {
	answers := map[string]string{"/api/v1/items": `{"items":["b","a"]}`, "/items": `{"items":[{"name":"a","state":"done","attempts":1},{"name":"b","state":"dead","attempts":3}]}`}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, answers[r.URL.Path]) }))
	defer server.Close()
	folder := t.TempDir()
	for _, name := range []string{"a.jpg", ".b.jpg.new", "notes"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	r, err := Compare(t.Context(), Options{Source: server.URL, Queue: server.URL, Results: folder, Ending: ".jpg"})
	require.NoError(t, err)
	require.Equal(t, Report{Items: 2, Done: 1, Dead: 1, Files: 1}, r)
	require.True(t, r.Exact())
	_, err = Compare(t.Context(), Options{Source: server.URL, Queue: server.URL, Results: folder + "/none"})
	require.Error(t, err)
	server.Close()
	_, err = Compare(t.Context(), Options{Source: server.URL, Queue: server.URL})
	require.Error(t, err)
}
