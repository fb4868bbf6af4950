package leaf

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/images/node/search/index"
)

const verses = `Ge1:1 In the beginning God created the heaven and the earth.
Ge1:3 And God said, Let there be light: and there was light.
Ge1:4 And God saw the light, that it was good: and God divided the light from the darkness.
Ge1:5 And God called the light Day, and the darkness he called Night.
`

func corpus(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "corpus.txt")
	require.NoError(t, os.WriteFile(file, []byte(verses), 0o600))
	return file
}

// start serves a leaf until the test ends.
func start(t *testing.T, config Config) (url string, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	l, err := New(Options{Name: "leaf-1", Corpus: corpus(t), Config: config, Seed: 1})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx, listener) }()
	t.Cleanup(cancel)
	return "http://" + listener.Addr().String(), cancel, done
}

func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestALeafAnswersForThePartThatItWasToldToHold(t *testing.T) {
	url, _, _ := start(t, Config{})
	code, text := ask(t, "GET", url+"/search?q=light", "")
	require.Equal(t, 409, code, text)
	code, text = ask(t, "PUT", url+"/hold", `{"documents":["0/2"]}`)
	require.Equal(t, 200, code, text)
	var status Status
	require.NoError(t, json.Unmarshal([]byte(text), &status))
	require.Equal(t, 2, status.Size.Documents)
	require.Equal(t, 4, status.Size.Corpus)

	code, text = ask(t, "GET", url+"/search?q=god&shard=0/2", "")
	require.Equal(t, 200, code, text)
	var found index.Found
	require.NoError(t, json.Unmarshal([]byte(text), &found))
	require.Equal(t, 2, found.Total)
	code, _ = ask(t, "GET", url+"/search?q=god&shard=1/2", "")
	require.Equal(t, 409, code)
	code, _ = ask(t, "GET", url+"/postings?word=god", "")
	require.Equal(t, 409, code)

	code, _ = ask(t, "PUT", url+"/hold", `{"words":["0/1"]}`)
	require.Equal(t, 200, code)
	code, text = ask(t, "GET", url+"/postings?word=god", "")
	require.Equal(t, 200, code)
	list, err := index.Decode([]byte(text))
	require.NoError(t, err)
	require.Len(t, list, 4)
	code, _ = ask(t, "GET", url+"/documents?number=0", "")
	require.Equal(t, 409, code, "words are held, and no texts")

	_, metrics := ask(t, "GET", url+"/metrics", "")
	require.Contains(t, metrics, `leaf_requests_total{what="search"} 3`)
	require.Contains(t, metrics, `leaf_held{what="documents"} 0`)
}

func TestTextsAreGivenByTheirNumbers(t *testing.T) {
	url, _, _ := start(t, Config{})
	code, _ := ask(t, "PUT", url+"/hold", `{"documents":["0/1"]}`)
	require.Equal(t, 200, code)
	code, text := ask(t, "GET", url+"/documents?number=3&number=0", "")
	require.Equal(t, 200, code)
	var documents []index.Document
	require.NoError(t, json.Unmarshal([]byte(text), &documents))
	require.Len(t, documents, 2)
	require.Equal(t, uint32(3), documents[0].Number)
	require.NotEmpty(t, documents[0].Text)
}

func TestQuestionsThatMakeNoSenseAreRefused(t *testing.T) {
	url, _, _ := start(t, Config{})
	code, _ := ask(t, "PUT", url+"/hold", `{"documents":["0/1"]}`)
	require.Equal(t, 200, code)
	for _, path := range []string{"/search", "/search?q=a&shard=2/2", "/search?q=a&limit=-1", "/search?q=a&limit=1000", "/postings?word=a+b", "/postings",
		"/documents", "/documents?number=x", "/documents?number=-1"} {
		code, _ := ask(t, "GET", url+path, "")
		require.Equal(t, 400, code, path)
	}
	for _, body := range []string{"", "{", `{"documents":["2/2"]}`, `{"pages":["0/1"]}`} {
		code, _ := ask(t, "PUT", url+"/hold", body)
		require.Equal(t, 400, code, body)
	}
	code, _ = ask(t, "GET", url+"/documents?number=4000000", "")
	require.Equal(t, 409, code)
}

func TestAnAskerThatGoesAwayFreesTheWorker(t *testing.T) {
	url, _, _ := start(t, Config{Latency: 30 * time.Second, Workers: 1})
	code, _ := ask(t, "PUT", url+"/hold", `{"documents":["0/1"]}`)
	require.Equal(t, 200, code)
	canceled := make(chan error, 2)
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 { // one is worked on, the other waits
		go func() {
			req, err := http.NewRequestWithContext(ctx, "GET", url+"/search?q=god", nil)
			if err == nil {
				var resp *http.Response
				if resp, err = http.DefaultClient.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			}
			canceled <- err
		}()
	}
	metric := func(text string) func() bool {
		return func() bool { _, m := ask(t, "GET", url+"/metrics", ""); return strings.Contains(m, text) }
	}
	require.Eventually(t, metric(`leaf_requests_total{what="search"} 2`), 10*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-canceled, context.Canceled)
	require.ErrorIs(t, <-canceled, context.Canceled)
	require.Eventually(t, metric("leaf_canceled_total 2"), 10*time.Second, 5*time.Millisecond)
}

func TestSomeAnswersAreSlowAsOftenAsTheyAreToBe(t *testing.T) {
	c := Config{Latency: time.Millisecond, Lookup: 10 * time.Millisecond, Slow: Slow{Share: 0.1, Least: 200 * time.Millisecond, Mean: 100 * time.Millisecond}}
	dice := rand.New(rand.NewPCG(1, 2))
	const all = 10_000
	slow, sum := 0, time.Duration(0)
	for range all {
		took, isSlow := c.draw(dice, 2)
		if !isSlow {
			require.Equal(t, 21*time.Millisecond, took)
			continue
		}
		slow, sum = slow+1, sum+took
		require.GreaterOrEqual(t, took, 221*time.Millisecond)
	}
	require.InDelta(t, 0.1*all, slow, 120, "4 standard deviations")
	require.InDelta(t, 0.321, (sum / time.Duration(slow)).Seconds(), 0.02)
}

func TestAConfigurationIsReadStrictly(t *testing.T) {
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "leaf.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	c, err := ReadConfig(write("latency: 4ms\nlookup: 1ms\nslow: {share: 0.01, least: 250ms, mean: 100ms}\nworkers: 2\n"))
	require.NoError(t, err)
	require.Equal(t, Config{4 * time.Millisecond, time.Millisecond, Slow{0.01, 250 * time.Millisecond, 100 * time.Millisecond}, 2}, c)
	c, err = ReadConfig(write("# nothing\n"))
	require.NoError(t, err)
	require.Zero(t, c)
	for _, text := range []string{"latenzy: 4ms", "latency: -1ms", "latency: 2h", "slow: {share: 2}", "workers: -1", "latency: fast"} {
		_, err := ReadConfig(write(text))
		require.Error(t, err, text)
	}
	_, err = ReadConfig("/no/such/file")
	require.Error(t, err)
	_, err = New(Options{Corpus: "/no/such/file"})
	require.Error(t, err)
}

func TestItEndsWhenItIsToldTo(t *testing.T) {
	url, stop, ended := start(t, Config{})
	code, _ := ask(t, "GET", url+"/healthz", "")
	require.Equal(t, 200, code)
	stop()
	require.NoError(t, <-ended)
}
