package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// served gives a ledger's address.
func served(t *testing.T, o Options) (*Ledger, string) {
	t.Helper()
	l := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := l.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
	return l, "http://" + listener.Addr().String()
}

func post(t *testing.T, url, body, key string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

func get(t *testing.T, l *Ledger, path string, into any) int {
	t.Helper()
	answer := httptest.NewRecorder()
	l.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if into != nil {
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), into), answer.Body.String())
	}
	return answer.Code
}

func TestItWritesDownWhatIsCompleteAndSaysWhatIsMissing(t *testing.T) {
	l, url := served(t, Options{Require: []string{"name", "color"}})
	code, text := post(t, url+"/cars", `{"name":"a"}`, "")
	require.Equal(t, http.StatusUnprocessableEntity, code)
	require.Contains(t, text, `"missing":["color"]`)
	code, _ = post(t, url+"/cars", `[1]`, "")
	require.Equal(t, http.StatusBadRequest, code)
	code, _ = post(t, url+"/cars", `null`, "")
	require.Equal(t, http.StatusBadRequest, code)
	for i := range 3 {
		code, _ = post(t, url+"/cars", fmt.Sprintf(`{"name":"n%d","color":"red"}`, i), "")
		require.Equal(t, http.StatusCreated, code)
	}
	code, _ = post(t, url+"/bikes", `{"name":"n1","color":"red"}`, "")
	require.Equal(t, http.StatusCreated, code)
	require.Equal(t, Counts{Records: 4, Distinct: 4, Refused: 1}, l.Counts())

	var found []Record
	get(t, l, "/cars?name=n1", &found)
	require.Len(t, found, 1)
	require.Equal(t, "red", found[0].Data["color"])
	get(t, l, "/cars?limit=2", &found)
	require.Len(t, found, 2)
	require.Equal(t, "n2", found[1].Data["name"])
	require.Equal(t, http.StatusBadRequest, get(t, l, "/cars?limit=x", nil))
	get(t, l, "/none", &found)
	require.Empty(t, found)
}

func TestOneThatIsToldTwiceIsCountedAsADuplicateUnlessItsKeyIsKnown(t *testing.T) {
	l, url := served(t, Options{Same: "event", Idempotent: true})
	post(t, url+"/sms", `{"event":"1"}`, "")
	post(t, url+"/sms", `{"event":"1"}`, "")
	require.Equal(t, Counts{Records: 2, Distinct: 1, Duplicates: 1, DuplicatesShare: 50}, l.Counts())
	code, first := post(t, url+"/sms", `{"event":"2"}`, "two")
	require.Equal(t, http.StatusCreated, code)
	code, again := post(t, url+"/sms", `{"event":"2"}`, "two")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, first, again)
	require.Equal(t, Counts{Records: 3, Distinct: 2, Duplicates: 1, Replayed: 1, DuplicatesShare: 100. / 3}, l.Counts())
	code, _ = post(t, url+"/mail", `{"event":"2"}`, "two")
	require.Equal(t, http.StatusCreated, code, "a key belongs to its collection")
}

func TestALostAnswerIsWrittenDownAllTheSame(t *testing.T) {
	l, url := served(t, Options{Behaviour: Behaviour{Lose: 1}})
	code, _ := post(t, url+"/sms", `{}`, "")
	require.Zero(t, code, "there is no answer")
	require.Equal(t, Counts{Records: 1, Distinct: 1, Lost: 1}, l.Counts())
}

func TestWhatWasAskedForIsDoneAlthoughNobodyWaitsForIt(t *testing.T) {
	l, url := served(t, Options{Behaviour: Behaviour{Latency: 50 * time.Millisecond}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprint(conn, "POST /sms HTTP/1.1\r\nHost: l\r\nContent-Length: 2\r\n\r\n{}")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return l.Counts().Records == 1 }, time.Minute, 5*time.Millisecond)
}

func TestItForgetsWhatItIsToldToForget(t *testing.T) {
	l, url := served(t, Options{Same: "event", Idempotent: true})
	post(t, url+"/sms", `{"event":"1"}`, "k")
	code, text := post(t, url+"/forget", "", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, text, `"records":0`)
	code, _ = post(t, url+"/sms", `{"event":"1"}`, "k")
	require.Equal(t, http.StatusCreated, code)
	require.Equal(t, Counts{Records: 1, Distinct: 1}, l.Counts())
}

func TestItBehavesAsItIsTold(t *testing.T) {
	l, url := served(t, Options{Behaviour: Behaviour{Errors: 1}})
	code, _ := post(t, url+"/sms", `{}`, "")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, Counts{Failed: 1}, l.Counts())
	code, text := post(t, url+"/behave?errors=0&latency=1ms", "", "")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"latency":"1ms","errors":0,"lose":0}`, text)
	code, _ = post(t, url+"/sms", `{}`, "")
	require.Equal(t, http.StatusCreated, code)
	for _, wrong := range []string{"errors=2", "lose=NaN", "latency=1h", "latency=x", "mood=bad"} {
		code, _ = post(t, url+"/behave?"+wrong, "", "")
		require.Equal(t, http.StatusBadRequest, code, wrong)
	}
}

func TestNewRecordsAreToldInOrder(t *testing.T) {
	told := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text := new(bytes.Buffer)
		_, _ = text.ReadFrom(r.Body)
		told <- text.String()
	}))
	defer other.Close()
	_, url := served(t, Options{Notify: other.URL, Idempotent: true})
	for _, body := range []string{`{"n":1}`, `{"n":2}`, `{"n":2}`, `{"n":3}`} {
		post(t, url+"/sms", body, body)
	}
	for _, want := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		select {
		case got := <-told:
			require.Equal(t, want, got)
		case <-time.After(30 * time.Second):
			t.Fatal("nobody was told")
		}
	}
}

func TestTheMetricsAreTheCounts(t *testing.T) {
	l, url := served(t, Options{})
	post(t, url+"/sms", `{}`, "")
	answer := httptest.NewRecorder()
	l.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Contains(t, answer.Body.String(), "\nledger_records 1\n")
}

// Every request is counted once, and what is written down is what was distinct and what was not.
func TestEachRequestIsCountedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(Options{Same: "event", Idempotent: true, Require: []string{"event"}, Seed: rapid.Uint64().Draw(t, "seed"),
			Behaviour: Behaviour{Errors: rapid.Float64Range(0, 1).Draw(t, "errors")}})
		n := rapid.IntRange(0, 60).Draw(t, "requests")
		events := map[string]bool{}
		for range n {
			event := rapid.StringMatching(`[abc]?`).Draw(t, "event")
			body := fmt.Sprintf(`{"event":%q}`, event)
			if event == "" {
				body = `{}`
			}
			request := httptest.NewRequest(http.MethodPost, "/sms", strings.NewReader(body))
			request.Header.Set("Idempotency-Key", rapid.StringMatching(`[xy]?`).Draw(t, "key"))
			answer := httptest.NewRecorder()
			l.Handler().ServeHTTP(answer, request)
			if answer.Code == http.StatusCreated {
				events[event] = true
			}
		}
		c := l.Counts()
		require.Equal(t, n, c.Records+c.Replayed+c.Refused+c.Failed)
		require.Equal(t, c.Records, c.Distinct+c.Duplicates)
		require.Len(t, events, c.Distinct)
	})
}

func TestTheOldestIsForgotten(t *testing.T) {
	m := memory[int, int]{most: 2}
	for i := range 3 {
		m.put(i, i)
		m.put(i, i+10)
	}
	_, known := m.get(0)
	require.False(t, known)
	v, known := m.get(1)
	require.True(t, known)
	require.Equal(t, 11, v)
}
