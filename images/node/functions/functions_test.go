package functions

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// behaviour makes this test's own executable a function.
const behaviour = "DDSCTL_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if how := os.Getenv(behaviour); how != "" {
		behave(how)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func behave(how string) {
	out := os.NewFile(3, "answers")
	if how == "broken" {
		os.Exit(1)
	}
	fmt.Fprintln(out, "ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var r request
		_ = json.Unmarshal(in.Bytes(), &r)
		switch how {
		case "echo":
			fmt.Fprintf(out, `{"status":201,"body":{"id":%q,"type":%q,"path":%q,"data":%s},"headers":{"X-Seen":"yes"}}`+"\n", r.ID, r.Type, r.Path, r.Data)
		case "text":
			fmt.Fprintln(out, "hello")
		case "hang":
			time.Sleep(time.Minute)
		case "flaky": // fails twice
			if r.Attempt < 3 {
				fmt.Fprintln(out, `{"error":"not yet"}`)
				break
			}
			note(r)
			fmt.Fprintln(out, `{}`)
		case "first": // the head of a chain
			note(r)
			fmt.Fprintln(out, `{"emit":[{"type":"second","data":1},{"type":"second","data":2}]}`)
		case "note":
			note(r)
			fmt.Fprintln(out, `{}`)
		case "hard":
			fmt.Fprintln(out, `{"error":"no such user","final":true,"status":422}`)
		case "stuck": // until somebody mends it
			if _, err := os.Stat(os.Getenv("MENDED")); err != nil {
				fmt.Fprintln(out, `{"status":503}`)
				break
			}
			note(r)
			fmt.Fprintln(out, `{}`)
		case "slow": // the first time
			note(r)
			if text, _ := os.ReadFile(os.Getenv("NOTES")); strings.Count(string(text), "\n") == 1 {
				time.Sleep(time.Minute)
			}
			fmt.Fprintln(out, `{}`)
		}
	}
}

// note writes down that a request came.
func note(r request) {
	f, err := os.OpenFile(os.Getenv("NOTES"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintf(f, "%s %d %s\n", r.ID, r.Attempt, r.Data)
		_ = f.Close()
	}
}

// how is the configuration of a function that behaves so.
func how(behaves string, more string) string {
	return fmt.Sprintf("  %s: {run: [%q], environment: {%s: %s}, retry: {first: 1ms, most: 2ms}, idle: 1m, timeout: 1m%s}\n", behaves, os.Args[0], behaviour, behaves, more)
}

type running struct {
	host *Host
	url  string
	stop func()
	dir  string
}

// serve runs a host in the folder.
func serve(t *testing.T, dir string, functions ...string) running {
	t.Helper()
	config, err := ParseConfig([]byte("functions:\n" + strings.Join(functions, "")))
	require.NoError(t, err)
	host, err := New(Options{Config: config, Events: filepath.Join(dir, "events.db"), Environment: []string{"NOTES=" + filepath.Join(dir, "notes"), "MENDED=" + filepath.Join(dir, "mended")}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := host.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	stop := sync.OnceFunc(func() { cancel(); wait.Wait() })
	t.Cleanup(stop)
	return running{host, "http://" + listener.Addr().String(), stop, dir}
}

type got struct {
	code   int
	body   string
	header http.Header
}

func (r running) ask(t *testing.T, method, path, body string, headers ...string) got {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return got{answer.StatusCode, strings.TrimSpace(string(text)), answer.Header}
}

func (r running) settled(t *testing.T) {
	t.Helper()
	answer := r.ask(t, http.MethodGet, "/settled?within=1m", "")
	require.Equal(t, http.StatusOK, answer.code, answer.body)
}

func (r running) notes(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "notes"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestTheFirstCallStartsAProcessAndTheNextFindsIt(t *testing.T) {
	r := serve(t, t.TempDir(), how("echo", ", route: /orders"))
	require.Zero(t, r.host.states()[0].Processes)
	answer := r.ask(t, http.MethodPost, "/call/echo", `{"a":1}`, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusCreated, answer.code)
	require.JSONEq(t, `{"id":"k1","type":"","path":"/call/echo","data":{"a":1}}`, answer.body)
	require.Equal(t, "yes", answer.header.Get("X-Seen"))
	require.Equal(t, "cold", answer.header.Get("X-Function-Start"))
	require.Contains(t, answer.header.Get("Server-Timing"), "start;dur=")
	answer = r.ask(t, http.MethodPut, "/orders/7", "no json")
	require.Contains(t, answer.body, `"path":"/orders/7","data":"no json"`)
	require.Equal(t, "warm", answer.header.Get("X-Function-Start"))
	require.Equal(t, 1, r.host.states()[0].Processes)
	require.Positive(t, r.host.states()[0].ColdStart)
	metrics := r.ask(t, http.MethodGet, "/metrics", "").body
	for _, line := range []string{`function_calls_total{function="echo",outcome="ok"} 2`, `function_cold_calls_total{function="echo"} 1`, `function_processes{function="echo"} 1`,
		`function_starts_total{function="echo",outcome="ok"} 1`, `function_start_seconds_count{function="echo"} 1`} {
		require.Contains(t, metrics, line)
	}
	require.Contains(t, metrics, "function_cold_start_seconds")
}

func TestASimpleFunctionMaySayAWord(t *testing.T) {
	r := serve(t, t.TempDir(), how("text", ""))
	answer := r.ask(t, http.MethodGet, "/call/text", "")
	require.Equal(t, got{200, "hello", answer.header}, answer)
	require.Contains(t, answer.header.Get("Content-Type"), "text/plain")
}

func TestWhatGoesWrongIsToldApart(t *testing.T) {
	r := serve(t, t.TempDir(), how("broken", ""), how("hard", ""), how("flaky", ""),
		strings.Replace(how("hang", ", concurrency: 1, waiting: 0"), "timeout: 1m", "timeout: 1s", 1))
	require.Equal(t, http.StatusNotFound, r.ask(t, http.MethodGet, "/call/none", "").code)
	require.Equal(t, http.StatusBadGateway, r.ask(t, http.MethodGet, "/call/broken", "").code)
	require.Equal(t, http.StatusUnprocessableEntity, r.ask(t, http.MethodGet, "/call/hard", "").code)
	require.Equal(t, http.StatusInternalServerError, r.ask(t, http.MethodGet, "/call/flaky", "").code)
	var wait sync.WaitGroup
	wait.Go(func() {
		if code := r.ask(t, http.MethodGet, "/call/hang", "").code; code != http.StatusGatewayTimeout {
			t.Errorf("%d", code)
		}
	})
	require.Eventually(t, func() bool { return r.host.functions["hang"].pool.Counts().Workers == 1 }, time.Minute, time.Millisecond)
	busy := r.ask(t, http.MethodGet, "/call/hang", "")
	require.Equal(t, http.StatusTooManyRequests, busy.code)
	require.Equal(t, "1", busy.header.Get("Retry-After"))
	wait.Wait()
	require.Equal(t, http.StatusNotFound, r.ask(t, http.MethodPost, "/events/any", "").code, "nobody is on events here")
}

func TestAnEventIsTriedUntilItIsDoneAndItsIdentityStays(t *testing.T) {
	r := serve(t, t.TempDir(), how("flaky", ", on: [signup]"))
	require.Equal(t, http.StatusNotFound, r.ask(t, http.MethodPost, "/events/sign-up", "{}").code)
	answer := r.ask(t, http.MethodPost, "/events/signup", `{"n":1}`, "Event-Id", "e1")
	require.Equal(t, http.StatusAccepted, answer.code)
	require.JSONEq(t, `{"id":"e1"}`, answer.body)
	r.settled(t)
	require.Equal(t, []string{`e1 3 {"n":1}`}, r.notes(t))
	require.Contains(t, r.ask(t, http.MethodGet, "/metrics", "").body, `event_deliveries_total{function="flaky",outcome="retried"} 2`)
}

func TestWhatFollowsFromAnEventHasAnIdentityOfItsOwn(t *testing.T) {
	r := serve(t, t.TempDir(), how("first", ", on: [begin]"), how("note", ", on: [second], concurrency: 1"))
	r.ask(t, http.MethodPost, "/events/begin", `0`, "Event-Id", "e1")
	r.settled(t)
	require.ElementsMatch(t, []string{"e1 1 0", "e1/first.1 1 1", "e1/first.2 1 2"}, r.notes(t))
	require.Equal(t, http.StatusOK, r.ask(t, http.MethodPost, "/call/first", "5", "Idempotency-Key", "c1").code)
	r.settled(t)
	require.Len(t, r.notes(t), 6, "a call can have events follow as well")
}

func TestAnEventThatNobodyCanDoIsSetAsideAndTriedAgainWhenItIsAskedFor(t *testing.T) {
	r := serve(t, t.TempDir(), how("stuck", ", on: [signup]"), how("hard", ", on: [signup]"))
	r.ask(t, http.MethodPost, "/events/signup", `{}`, "Event-Id", "e1")
	r.settled(t)
	var letters []struct {
		Function, Error string
		Attempt         int
	}
	require.NoError(t, json.Unmarshal([]byte(r.ask(t, http.MethodGet, "/dead", "").body), &letters))
	require.Len(t, letters, 2)
	for _, l := range letters {
		switch l.Function {
		case "stuck":
			require.Equal(t, 5, l.Attempt)
			require.Contains(t, l.Error, "503")
		case "hard":
			require.Equal(t, 1, l.Attempt, "it said that it would fail again")
			require.Equal(t, "no such user", l.Error)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "mended"), nil, 0o600))
	require.JSONEq(t, `{"again":2}`, r.ask(t, http.MethodPost, "/dead/retry", "").body)
	r.settled(t)
	require.Equal(t, []string{"e1 1 {}"}, r.notes(t))
	require.Contains(t, r.ask(t, http.MethodGet, "/settled", "").body, `"dead":1`)
}

func TestAnEventOutlivesTheHost(t *testing.T) {
	dir := t.TempDir()
	function := strings.Replace(how("slow", ", on: [signup]"), "timeout: 1m", "timeout: 2s", 1)
	r := serve(t, dir, function)
	r.ask(t, http.MethodPost, "/events/signup", `{}`, "Event-Id", "e1")
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "notes")); return err == nil }, time.Minute, 5*time.Millisecond)
	r.stop() // in the middle of the attempt
	r = serve(t, dir, function)
	r.settled(t)
	notes := r.notes(t)
	require.Len(t, notes, 2, "at least once is not exactly once")
	for _, n := range notes {
		require.True(t, strings.HasPrefix(n, "e1 "), n)
	}
}

func TestSettledSaysWhenItIsNot(t *testing.T) {
	r := serve(t, t.TempDir(), strings.Replace(how("hang", ", on: [signup]"), "timeout: 1m", "timeout: 1s", 1))
	r.ask(t, http.MethodPost, "/events/signup", `{}`)
	require.Equal(t, http.StatusConflict, r.ask(t, http.MethodGet, "/settled?within=1ms", "").code)
	require.Equal(t, http.StatusBadRequest, r.ask(t, http.MethodGet, "/settled?within=soon", "").code)
}

func TestAConfigurationIsRefusedByName(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"functions: {}", "none"},
		"an unknown key": {"functions: {a: {run: [x], concurency: 1}}", "concurency"},
		"no command":     {"functions: {a: {idle: 1s}}", "function a: run"},
		"a bad name":     {"functions: {A: {run: [x]}}", "function A"},
		"the host's own": {"functions: {a: {run: [x], route: /events/x}}", "route"},
		"a bad route":    {"functions: {a: {run: [x], route: '/{x}'}}", "route"},
		"a route twice":  {"functions: {a: {run: [x], route: /o}, b: {run: [x], route: /o}}", "/o is that of a"},
		"too many kept":  {"functions: {a: {run: [x], concurrency: 2, keep: 3}}", "keep 3"},
		"no attempts":    {"functions: {a: {run: [x], retry: {attempts: -1}}}", "attempt"},
		"too many":       {"functions: {a: {run: [x], concurrency: 5000}}", "concurrency"},
		"negative":       {"functions: {a: {run: [x], waiting: -1}}", "waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConfig([]byte(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
	c, err := ParseConfig([]byte("functions: {a: {run: [x], waiting: 0, idle: 300ms}}"))
	require.NoError(t, err)
	require.Zero(t, *c.Functions["a"].Waiting)
	require.Equal(t, 300*time.Millisecond, c.Functions["a"].Idle)
	require.Equal(t, 10, c.Functions["a"].Concurrency)
}

// A wait doubles with each attempt up to the longest, give or take half.
func TestRetriesWaitLongerEachTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Retry{First: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "first"))}
		r.Most = r.First + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "more"))
		attempt := rapid.IntRange(1, 100).Draw(t, "attempt")
		wait := r.backoff(attempt, 0.5)
		require.LessOrEqual(t, wait, r.Most)
		require.GreaterOrEqual(t, wait, r.First)
		require.GreaterOrEqual(t, r.backoff(attempt+1, 0.5), wait)
		if attempt == 1 {
			require.Equal(t, r.First, wait)
		} else if before := r.backoff(attempt-1, 0.5); 2*before <= r.Most {
			require.InDelta(t, float64(min(2*before, r.Most)), float64(wait), float64(r.Most)/2)
		}
		draw := rapid.Float64Range(0, 0.999).Draw(t, "draw")
		require.InDelta(t, float64(wait), float64(r.backoff(attempt, draw)), float64(wait)/2+1)
	})
}
