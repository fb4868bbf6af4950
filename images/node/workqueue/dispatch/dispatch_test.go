package dispatch

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// start has a manager whose source has these items; missing are those that it does not give.
func start(t *testing.T, items []string, missing *bool) (*Manager, func(path, body string) (int, string)) {
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, one := strings.CutPrefix(r.URL.Path, "/api/v1/items/"); one {
			if *missing {
				http.NotFound(w, r)
				return
			}
			fmt.Fprint(w, "data of ", name)
			return
		}
		api.Say(w, http.StatusOK, api.ItemList{Items: items})
	}))
	t.Cleanup(source.Close)
	m, err := New(Options{Source: source.URL, Journal: filepath.Join(t.TempDir(), "q"), Lease: time.Minute, Attempts: 2})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.queue.Close() })
	server := httptest.NewServer(m.Handler())
	t.Cleanup(server.Close)
	return m, func(path, body string) (int, string) {
		answer, err := http.Post(server.URL+path, "text/plain", strings.NewReader(body))
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, strings.TrimSpace(string(text))
	}
}

// What a worker in any language says and hears.
func TestAWorkersWords(t *testing.T) {
	missing := false
	m, say := start(t, []string{"a", "b"}, &missing)
	code, _ := say("/tasks?worker=me", "")
	require.Equal(t, http.StatusNoContent, code)
	m.poll(t.Context())
	code, text := say("/tasks?worker=me&slots=2", "")
	require.Equal(t, http.StatusOK, code)
	var task api.Task
	require.NoError(t, json.Unmarshal([]byte(text), &task))
	require.Equal(t, api.Task{Token: task.Token, Item: "a", Data: "data of a", Attempt: 1, Lease: 60}, task)
	_, text = say("/tasks/"+task.Token+"/renew", "")
	require.JSONEq(t, `{"lease_seconds":60}`, text)
	_, text = say("/tasks/"+task.Token+"/done", "fine")
	require.JSONEq(t, `{"recorded":true}`, text)
	_, text = say("/tasks/"+task.Token+"/done", "fine")
	require.JSONEq(t, `{"recorded":false}`, text)
	code, _ = say("/tasks/"+task.Token+"/done", strings.Repeat("x", api.MostData+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, code)

	for _, want := range []string{`{"state":"waiting","attempts":1}`, `{"state":"dead","attempts":2}`} {
		_, text = say("/tasks?worker=me", "")
		require.NoError(t, json.Unmarshal([]byte(text), &task))
		require.Equal(t, "b", task.Item)
		_, text = say("/tasks/"+task.Token+"/fail", "no")
		require.JSONEq(t, want, text)
	}
	s := m.Stats()
	require.Equal(t, [7]int{2, 1, 1, 0, 0, 2, 1}, [7]int{s.Items, s.Done, s.Dead, s.Backlog, s.Unaccounted, s.SlotsNow, s.Workers})
	m.poll(t.Context())
	require.Equal(t, 2, m.Stats().Items, "what is known is not taken on again")
}

func TestAnItemThatTheSourceDoesNotGiveIsNoAttempt(t *testing.T) {
	missing := true
	m, say := start(t, []string{"a"}, &missing)
	m.poll(t.Context())
	code, text := say("/tasks?worker=me", "")
	require.Equal(t, http.StatusBadGateway, code, text)
	require.Equal(t, 1, m.Stats().Waiting)
	missing = false
	_, text = say("/tasks?worker=me", "")
	require.Contains(t, text, `"attempt":1`)
}
