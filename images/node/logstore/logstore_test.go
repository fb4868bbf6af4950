package logstore

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	well   = `{"time":"2026-11-25T01:24:32.123+00:00","source":"app","level":"warning","message":"slow","malformed":false,"fields":{"ms":"13"}}`
	odd    = `{"time":"2026-11-25T01:24:33+00:00","source":"app","level":"unknown","message":"\tat cart.go","malformed":true}`
	redis  = `{"time":"2026-11-25T01:24:34+00:00","source":"redis","level":"notice","message":"ready","malformed":false}`
	broken = `{"time":"2026-11-25T01:24:34+00:00","source":"redis","lev`
)

func add(t *testing.T, path string, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func store(t *testing.T) (s *Store, records, app, server string) {
	dir := t.TempDir()
	records, app, server = filepath.Join(dir, "all.json"), filepath.Join(dir, "app.log"), filepath.Join(dir, "redis.log")
	return New(Options{Records: records, Sources: map[string]string{"app": app, "redis": server}}), records, app, server
}

func TestARecordIsOfTheSchemaOrItIsSaidWhyNot(t *testing.T) {
	r, err := Parse([]byte(well))
	require.NoError(t, err)
	require.Equal(t, Record{time.Date(2026, 11, 25, 1, 24, 32, 123e6, time.UTC), "app", "warning", "slow", false, map[string]string{"ms": "13"}},
		Record{r.Time.UTC(), r.Source, r.Level, r.Message, r.Malformed, r.Fields})
	for name, line := range map[string]string{
		"cut off":         broken,
		"no text":         "",
		"a key missing":   strings.Replace(well, `"source":"app",`, "", 1),
		"another key":     strings.Replace(well, `"source"`, `"from":"x","source"`, 1),
		"an unknown word": strings.Replace(well, `"warning"`, `"WARN"`, 1),
		"a word for true": strings.Replace(well, `"malformed":false`, `"malformed":"false"`, 1),
		"two in one line": well + well,
		"not a time":      strings.Replace(well, "2026-11-25T", "yesterday ", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(line))
			require.Error(t, err)
		})
	}
}

func TestItCountsWhetherALineWasLost(t *testing.T) {
	s, records, app, server := store(t)
	counts, err := s.Counts()
	require.NoError(t, err)
	require.True(t, counts.Settled, "nothing was written, and nothing is missing")

	add(t, app, "one\ntwo\n")
	add(t, server, "ready\n")
	add(t, records, well+"\n"+odd+"\n")
	counts, err = s.Counts()
	require.NoError(t, err)
	require.Equal(t, []Count{{"app", 2, 2, 1, 50}, {"redis", 1, 0, 0, 0}}, counts.Sources)
	require.False(t, counts.Settled, "one is on its way")

	add(t, records, redis[:20])
	counts, err = s.Counts()
	require.NoError(t, err)
	require.Zero(t, counts.Invalid, "half a record is not there yet")
	add(t, records, redis[20:]+"\n")
	counts, err = s.Counts()
	require.NoError(t, err)
	require.True(t, counts.Settled)

	add(t, records, redis+"\n")
	counts, err = s.Counts()
	require.NoError(t, err)
	require.False(t, counts.Settled, "one came twice")

	add(t, server, "ready\n")
	add(t, records, broken+"\n")
	counts, err = s.Counts()
	require.NoError(t, err)
	require.Equal(t, 1, counts.Invalid)
	require.False(t, counts.Settled)
}

func TestALogThatBeganAnewIsReadFromItsStart(t *testing.T) {
	s, _, app, _ := store(t)
	add(t, app, "one\ntwo\n")
	_, err := s.Counts()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(app, []byte("3\n"), 0o600))
	counts, err := s.Counts()
	require.NoError(t, err)
	require.Equal(t, 3, counts.Sources[0].Lines)
}

func get(t *testing.T, s *Store, path string) (int, string) {
	t.Helper()
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer.Code, answer.Body.String()
}

func TestOneQuestionAsksAllLogs(t *testing.T) {
	s, records, _, _ := store(t)
	add(t, records, well+"\n"+odd+"\n"+broken+"\n"+redis+"\n")
	for path, want := range map[string]int{
		"/records":                3,
		"/records?source=app":     2,
		"/records?level=warning":  1,
		"/records?malformed=true": 1,
		"/records?text=slow":      1,
		"/records?limit=1":        1,
		"/records?source=nobody":  0,
	} {
		code, body := get(t, s, path)
		require.Equal(t, 200, code, path)
		require.Equal(t, want, strings.Count(body, "\n"), path)
	}
	_, body := get(t, s, "/records?limit=1")
	require.Contains(t, body, `"source":"redis"`, "the last one")
	for _, path := range []string{"/records?malformed=perhaps", "/records?limit=0", "/counts?settled=ever"} {
		code, _ := get(t, s, path)
		require.Equal(t, 400, code, path)
	}
}

func TestWhoWaitsForAllLinesGetsThemOrIsTold(t *testing.T) {
	s, records, app, _ := store(t)
	add(t, app, "one\n")
	code, body := get(t, s, "/counts?settled=10ms")
	require.Equal(t, 409, code)
	var counts Counts
	require.NoError(t, json.Unmarshal([]byte(body), &counts))
	require.Equal(t, 1, counts.Sources[0].Lines)
	code, _ = get(t, s, "/counts")
	require.Equal(t, 200, code, "whoever does not wait is not told off")

	answered := make(chan int, 1)
	go func() {
		answer := httptest.NewRecorder()
		s.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/counts?settled=30s", nil))
		answered <- answer.Code
	}()
	add(t, records, well+"\n")
	require.Equal(t, 200, <-answered)
}

func TestTheCountsAreMetrics(t *testing.T) {
	s, records, app, _ := store(t)
	add(t, app, "one\n")
	add(t, records, well+"\n")
	_, body := get(t, s, "/metrics")
	require.Contains(t, body, `log_lines{source="app"} 1`)
	require.Contains(t, body, `log_records{source="app"} 1`)
	require.Contains(t, body, `log_invalid 0`)
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{well, odd, redis, broken, ""} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Parse(line)
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		require.NoError(t, err)
		_, err = Parse(again)
		require.NoError(t, err, "what was read can be written and read again: %s", again)
	})
}
