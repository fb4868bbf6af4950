package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// start serves until the test ends, and gives the URL.
func start(t *testing.T, options Options) (string, *Server, context.CancelFunc, <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	server := New(options)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(cancel)
	return "http://" + listener.Addr().String(), server, cancel, ended
}

func get(t *testing.T, url string) (int, string, http.Header) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body), resp.Header
}

func untilReady(t *testing.T, url string) {
	t.Helper()
	require.Eventually(t, func() bool { code, _, _ := get(t, url+"/readyz"); return code == 200 }, 10*time.Second, 5*time.Millisecond)
}

func TestItSaysWhoAnswered(t *testing.T) {
	url, _, _, _ := start(t, Options{Name: "web-1", Version: "v2"})
	untilReady(t, url)
	code, body, header := get(t, url+"/hello")
	require.Equal(t, 200, code)
	require.Equal(t, "web-1 v2 /hello\n", body)
	require.Equal(t, "web-1", header.Get("X-Served-By"))
	require.Equal(t, "v2", header.Get("X-Version"))
}

func TestASlowStarterIsAliveAndNotReady(t *testing.T) {
	url, _, _, _ := start(t, Options{StartDelay: time.Hour})
	code, _, _ := get(t, url+"/healthz")
	require.Equal(t, 200, code)
	code, _, _ = get(t, url+"/readyz")
	require.Equal(t, 503, code)
	code, _, _ = get(t, url+"/")
	require.Equal(t, 503, code, "whoever asks too early is refused")
}

func TestItFailsAsOftenAsItIsTold(t *testing.T) {
	url, _, _, _ := start(t, Options{Errors: 0.3, Seed: 1})
	untilReady(t, url)
	failed := 0
	for range 300 {
		if code, _, _ := get(t, url+"/"); code == 500 {
			failed++
		}
	}
	require.InDelta(t, 90, failed, 30)
	_, metrics, _ := get(t, url+"/metrics")
	require.Contains(t, metrics, `http_requests_total{code="500"}`)
}

func TestOneWorkerDoesOneThingAfterAnother(t *testing.T) {
	url, _, _, _ := start(t, Options{Workers: 1, Latency: 30 * time.Millisecond})
	untilReady(t, url)
	begin := time.Now()
	done := make(chan int, 5)
	for range 5 {
		go func() { code, _, _ := get(t, url+"/"); done <- code }()
	}
	for range 5 {
		require.Equal(t, 200, <-done)
	}
	require.GreaterOrEqual(t, time.Since(begin), 150*time.Millisecond)
}

func TestAConfigurationIsReadAnewAndABadOneIsNotTaken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte("color: blue\n"), 0o600))
	url, server, _, _ := start(t, Options{ConfigFile: file})
	_, body, _ := get(t, url+"/config")
	require.Equal(t, "color: blue\n", body)
	require.NoError(t, os.WriteFile(file, []byte("color: green\n"), 0o600))
	_, body, _ = get(t, url+"/config")
	require.Equal(t, "color: blue\n", body, "not before it is told")
	server.Reload()
	_, body, header := get(t, url+"/config")
	require.Equal(t, "color: green\n", body)
	require.Equal(t, "2", header.Get("X-Config-Loads"))
	require.NoError(t, os.Remove(file))
	server.Reload()
	_, body, header = get(t, url+"/config")
	require.Equal(t, "color: green\n", body)
	require.NotEmpty(t, header.Get("X-Config-Error"))
}

func TestItAnswersWhatIsUnderWayWhenItEnds(t *testing.T) {
	url, _, cancel, ended := start(t, Options{Latency: 200 * time.Millisecond, Drain: 50 * time.Millisecond})
	untilReady(t, url)
	answered := make(chan int, 1)
	go func() { code, _, _ := get(t, url+"/"); answered <- code }()
	require.Eventually(t, func() bool {
		_, m, _ := get(t, url+"/metrics")
		return strings.Contains(m, "http_requests_in_flight 1")
	}, 10*time.Second, time.Millisecond)
	cancel()
	require.Equal(t, 200, <-answered)
	require.NoError(t, <-ended)
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	url, _, _, _ := start(t, Options{})
	untilReady(t, url)
	code, _, _ := get(t, url+"/?sleep=forever")
	require.Equal(t, 400, code)
	for _, d := range []string{"", "-1s", "2h"} {
		resp, err := http.Post(url+"/hog?for="+d, "", nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 400, resp.StatusCode)
	}
	resp, err := http.Post(url+"/hog?for=10ms", "", nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
}
