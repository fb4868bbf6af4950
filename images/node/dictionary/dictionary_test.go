package dictionary

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNumbersHaveNames(t *testing.T) {
	for n, want := range map[int]string{0: "zero", 13: "thirteen", 20: "twenty", 42: "forty-two", 100: "one hundred", 102: "one hundred and two",
		999: "nine hundred and ninety-nine", 1000: "one thousand", 1020: "one thousand and twenty", 34_500: "thirty-four thousand five hundred",
		999_999: "nine hundred and ninety-nine thousand nine hundred and ninety-nine", -1: "", 1_000_000: ""} {
		require.Equal(t, want, Name(n), n)
	}
}

func TestRomanNumerals(t *testing.T) {
	for n, want := range map[int]string{0: "", 4: "IV", 42: "XLII", 1994: "MCMXCIV", 3999: "MMMCMXCIX", 4000: ""} {
		require.Equal(t, want, Roman(n), n)
	}
}

func TestFactorsMultiplyToTheNumberAndAreSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, Most).Draw(t, "n")
		product, before := 1, 2
		for _, text := range strings.Split(Factors(n), "·") {
			p, err := strconv.Atoi(text)
			require.NoError(t, err)
			require.GreaterOrEqual(t, p, before)
			for d := 2; d*d <= p; d++ {
				require.NotZero(t, p%d, "%d is no prime", p)
			}
			product, before = product*p, p
		}
		require.Equal(t, n, product)
	})
}

func TestNoTwoNumbersShareAName(t *testing.T) {
	seen := map[string]int{}
	for n := range Most + 1 {
		if other, ok := seen[Name(n)]; ok {
			t.Fatalf("%d and %d are both called %s", n, other, Name(n))
		}
		seen[Name(n)] = n
	}
}

// start serves until the test ends, and gives the URL.
func start(t *testing.T, options Options) (url string, stop func(), ended <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(options).Serve(ctx, listener) }()
	t.Cleanup(cancel)
	return "http://" + listener.Addr().String(), cancel, done
}

func get(t *testing.T, url, cookie string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body), answer.Header
}

func untilReady(t *testing.T, url string) {
	t.Helper()
	require.Eventually(t, func() bool { code, _, _ := get(t, url+"/readyz", ""); return code == 200 }, 10*time.Second, 5*time.Millisecond)
}

func TestALookup(t *testing.T) {
	url, _, _ := start(t, Options{Name: "dictionary-1", MaxAge: 10 * time.Second})
	untilReady(t, url)
	code, body, header := get(t, url+"/42", "")
	require.Equal(t, 200, code)
	var entry Entry
	require.NoError(t, json.Unmarshal([]byte(body), &entry))
	require.Equal(t, Entry{Number: 42, Name: "forty-two", Roman: "XLII", Factors: "2·3·7", By: "dictionary-1"}, entry)
	require.Equal(t, "dictionary-1", header.Get("X-Served-By"))
	require.Equal(t, "public, max-age=10", header.Get("Cache-Control"))
	require.Empty(t, header.Get("X-Session"))
	for _, path := range []string{"/", "/dog", "/-1", "/1000000", "/1/2"} {
		code, _, header = get(t, url+path, "")
		require.Equal(t, 404, code, path)
		require.Empty(t, header.Get("Cache-Control"))
	}
	_, metrics, _ := get(t, url+"/metrics", "")
	require.Contains(t, metrics, `dictionary_lookups_total{code="200"} 1`)
	require.Contains(t, metrics, `dictionary_lookups_total{code="404"} 5`)
}

func TestWhatMustNotBeCachedSaysSo(t *testing.T) {
	url, _, _ := start(t, Options{MaxAge: -time.Second})
	untilReady(t, url)
	_, _, header := get(t, url+"/1", "")
	require.Equal(t, "no-store", header.Get("Cache-Control"))
}

func TestAReplicaThatLoadsIsAliveAndNotReady(t *testing.T) {
	url, _, _ := start(t, Options{Load: time.Hour})
	code, _, _ := get(t, url+"/healthz", "")
	require.Equal(t, 200, code)
	code, _, _ = get(t, url+"/readyz", "")
	require.Equal(t, 503, code)
	code, _, _ = get(t, url+"/42", "")
	require.Equal(t, 503, code, "whoever asks too early is refused")
}

func TestItAnswersWhileItDrains(t *testing.T) {
	url, stop, ended := start(t, Options{Drain: 300 * time.Millisecond})
	untilReady(t, url)
	stop()
	require.Eventually(t, func() bool { code, _, _ := get(t, url+"/readyz", ""); return code == 503 }, 5*time.Second, time.Millisecond)
	code, _, _ := get(t, url+"/42", "")
	require.Equal(t, 200, code)
	require.NoError(t, <-ended)
}

func TestOneWorkerDoesOneLookupAtATime(t *testing.T) {
	url, _, _ := start(t, Options{Workers: 1, Latency: 20 * time.Millisecond})
	untilReady(t, url)
	begin := time.Now()
	answers := make(chan int, 4)
	for range cap(answers) {
		go func() {
			code := 0
			if answer, err := http.Get(url + "/7"); err == nil {
				code = answer.StatusCode
				_ = answer.Body.Close()
			}
			answers <- code
		}()
	}
	for range cap(answers) {
		require.Equal(t, 200, <-answers)
	}
	require.GreaterOrEqual(t, time.Since(begin), 80*time.Millisecond)
}

func TestASessionIsNewOnceAtEachReplica(t *testing.T) {
	first, _, _ := start(t, Options{SessionCookie: "reader"})
	second, _, _ := start(t, Options{SessionCookie: "reader"})
	untilReady(t, first)
	untilReady(t, second)
	look := func(url, cookie, state, lookups string) {
		t.Helper()
		_, body, header := get(t, url+"/1", cookie)
		require.Equal(t, state, header.Get("X-Session"))
		if lookups != "" {
			require.Contains(t, body, `"lookups":`+lookups+"}")
		}
	}
	look(first, "reader=ann", "new", "1")
	look(first, "reader=ann", "kept", "2")
	look(first, "reader=bob", "new", "1")
	look(second, "reader=ann", "new", "1")
	look(first, "", "", "")
	look(first, "other=ann", "", "")
	_, metrics, _ := get(t, first+"/metrics", "")
	require.Contains(t, metrics, "dictionary_sessions 2")

	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, first+"/sessions", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "2\n", string(body))
	look(first, "reader=ann", "new", "1")
	require.Contains(t, metrics, "dictionary_sessions_started_total 2", "a counter does not forget")
}

func TestSessionsAreForgottenAndBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newSessions(2, time.Minute)
	for _, id := range []string{"a", "b"} {
		_, fresh, kept := s.look(id, now)
		require.True(t, fresh && kept)
	}
	_, fresh, kept := s.look("c", now)
	require.True(t, fresh)
	require.False(t, kept, "there is no memory for a third")
	now = now.Add(50 * time.Second)
	_, fresh, _ = s.look("a", now)
	require.False(t, fresh)
	now = now.Add(30 * time.Second)
	_, fresh, kept = s.look("c", now)
	require.True(t, fresh && kept, "b was idle for too long, and its place is free")
	lookups, fresh, _ := s.look("a", now)
	require.False(t, fresh)
	require.Equal(t, 3, lookups)
	require.InDelta(t, 4, s.begun(), 0)
}
