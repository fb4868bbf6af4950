package root

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/images/node/search/index"
	"github.com/ddsctl/ddsctl/images/node/search/leaf"
)

// verses is a corpus of 60 documents in few words.
func verses() string {
	words := []string{"light", "darkness", "God", "the", "earth", "day", "night", "waters"}
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "v%d", i)
		for k := range 1 + i%7 {
			fmt.Fprintf(&b, " %s", words[(i*(k+3)+k)%len(words)])
		}
		b.WriteString(" end\n")
	}
	return b.String()
}

// grove is some leaves, each of which can be replaced by a new one or taken away, at an address that stays.
type grove struct {
	t        *testing.T
	corpus   string
	whole    *index.Index
	handlers []*atomic.Pointer[http.Handler]
	servers  []*httptest.Server
	requests []*atomic.Int64
}

func plant(t *testing.T, n int, config func(i int) leaf.Config) *grove {
	t.Helper()
	g := &grove{t: t, corpus: filepath.Join(t.TempDir(), "corpus.txt")}
	require.NoError(t, os.WriteFile(g.corpus, []byte(verses()), 0o600))
	corpus, err := index.Read(g.corpus)
	require.NoError(t, err)
	g.whole = index.Build(corpus, index.Holding{Documents: []index.Shard{index.Whole}})
	for i := range n {
		handler, requests := &atomic.Pointer[http.Handler]{}, &atomic.Int64{}
		g.handlers, g.requests = append(g.handlers, handler), append(g.requests, requests)
		var c leaf.Config
		if config != nil {
			c = config(i)
		}
		g.replace(i, c)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				requests.Add(1)
			}
			(*handler.Load()).ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		g.servers = append(g.servers, server)
	}
	return g
}

// replace puts a new leaf, which holds nothing, in the place of one.
func (g *grove) replace(i int, c leaf.Config) {
	l, err := leaf.New(leaf.Options{Name: fmt.Sprintf("leaf-%d", i), Corpus: g.corpus, Config: c, Seed: 1})
	require.NoError(g.t, err)
	h := l.Handler()
	g.handlers[i].Store(&h)
}

// fell makes a leaf answer nothing but errors.
func (g *grove) fell(i int) {
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "felled", http.StatusInternalServerError) })
	g.handlers[i].Store(&h)
}

func (g *grove) addresses() []string {
	var all []string
	for _, s := range g.servers {
		all = append(all, s.Listener.Addr().String())
	}
	return all
}

// serve runs a root until the test ends, and waits until it is ready.
func serve(t *testing.T, o Options) (string, *Root) {
	t.Helper()
	r, err := New(o)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, listener) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	base := "http://" + listener.Addr().String()
	require.Eventually(t, func() bool { code, _, _ := get(t, base+"/readyz"); return code == 200 }, 10*time.Second, 5*time.Millisecond)
	return base, r
}

func get(t require.TestingT, url string) (int, string, http.Header) {
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body), resp.Header
}

// search asks, and wants an answer.
func search(t require.TestingT, base, query string) Answer {
	code, body, header := get(t, base+"/search?"+query)
	require.Equal(t, 200, code, body)
	var a Answer
	require.NoError(t, json.Unmarshal([]byte(body), &a))
	want := AnswerPartial
	if a.Complete {
		want = AnswerComplete
	}
	require.Equal(t, want, header.Get(AnswerHeader))
	require.Equal(t, fmt.Sprintf("%d/%d", a.Answered, a.Asked), header.Get(LeavesHeader))
	return a
}

// However the index is divided, the root's answer is that of an index that holds everything.
func TestEveryDistributionFindsWhatOneIndexFinds(t *testing.T) {
	for _, tc := range []struct {
		config Config
		more   []string // of each question
	}{
		{Config{Distribution: Copies}, []string{"", "&ask=question"}},
		{Config{Distribution: Documents, Copies: 2, Divisions: []int{1, 2, 3}}, []string{"", "&leaves=1", "&leaves=2&hedge=1ms", "&leaves=3", "&leaves=5"}},
		{Config{Distribution: Words}, []string{""}},
		{Config{Distribution: Words, Copies: 2}, []string{"&hedge=off"}},
	} {
		t.Run(fmt.Sprintf("%s/%d", tc.config.Distribution, tc.config.Copies), func(t *testing.T) {
			g := plant(t, 5, nil)
			config := tc.config
			config.Leaves, config.Deadline = g.addresses(), time.Minute
			base, _ := serve(t, Options{Config: config})
			rapid.Check(t, func(t *rapid.T) {
				words := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"light", "god", "the", "earth", "day", "night", "end", "nowhere"}), 1, 4, rapid.ID[string]).Draw(t, "words")
				limit := rapid.IntRange(0, 20).Draw(t, "limit")
				want, err := g.whole.Search(words, index.Whole, limit)
				require.NoError(t, err)
				for _, more := range tc.more {
					a := search(t, base, url.Values{"q": {strings.Join(words, " ")}, "limit": {fmt.Sprint(limit)}}.Encode()+more)
					require.True(t, a.Complete)
					require.Equal(t, want, a.Found)
					require.Equal(t, words, a.Words)
				}
			})
		})
	}
}

func TestADeadLeafTakesItsDocumentsWithItAndTheAnswerSaysSo(t *testing.T) {
	g := plant(t, 4, nil)
	base, _ := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Documents, Deadline: time.Minute}})
	require.Equal(t, 60, search(t, base, "q=end").Total)
	g.fell(2)
	a := search(t, base, "q=end")
	require.False(t, a.Complete)
	require.Equal(t, 45, a.Total)
	require.Equal(t, []string{"documents 2/4"}, a.Missing)
	require.Equal(t, 3, a.Answered)
	for i := range 4 {
		g.fell(i)
	}
	code, _, header := get(t, base+"/search?q=end")
	require.Equal(t, 503, code, "nothing is not a part")
	require.Equal(t, AnswerNone, header.Get(AnswerHeader))
}

func TestARootThatWantsAllOrNothing(t *testing.T) {
	g := plant(t, 3, nil)
	base, _ := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Documents, Partial: PartialRefuse, Deadline: time.Minute}})
	require.True(t, search(t, base, "q=end").Complete)
	g.fell(0)
	code, body, header := get(t, base+"/search?q=end")
	require.Equal(t, 503, code)
	require.Contains(t, body, "1 of 3")
	require.Equal(t, "2/3", header.Get(LeavesHeader))
}

func TestADeadLeafTakesItsWordsWithItAndNoOthers(t *testing.T) {
	g := plant(t, 4, nil)
	base, _ := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Words, Deadline: time.Minute}})
	lost := index.ShardOfWord("light", 4)
	other := ""
	for _, w := range []string{"end", "god", "the", "day", "earth", "night"} {
		if index.ShardOfWord(w, 4) != lost {
			other = w
		}
	}
	whole := search(t, base, "limit=0&q="+other)
	g.fell(lost)
	require.Equal(t, whole, search(t, base, "limit=0&q="+other), "a question without the lost words does not notice")
	code, _, _ := get(t, base+"/search?limit=0&q=light")
	require.Equal(t, 503, code)
	a := search(t, base, "limit=0&q=light+"+other)
	require.False(t, a.Complete)
	require.Equal(t, []string{"word light"}, a.Missing)
	require.Equal(t, whole.Total, a.Total, "what is left of the question was answered")
}

func TestACopyElsewhereStepsIn(t *testing.T) {
	for _, config := range []Config{{Distribution: Documents, Copies: 2}, {Distribution: Words, Copies: 2}, {Distribution: Copies}} {
		g := plant(t, 4, nil)
		config.Leaves, config.Deadline = g.addresses(), time.Minute
		base, _ := serve(t, Options{Config: config})
		g.fell(1)
		repeated := 0
		for _, w := range []string{"end", "god", "the", "day", "earth", "night"} {
			a := search(t, base, "q="+w)
			require.True(t, a.Complete)
			repeated += a.Repeated
		}
		require.Positive(t, repeated)
	}
}

func TestASlowLeafIsWaitedForUntilTheDeadlineOnly(t *testing.T) {
	g := plant(t, 3, func(i int) leaf.Config {
		if i == 1 {
			return leaf.Config{Latency: time.Minute}
		}
		return leaf.Config{}
	})
	base, _ := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Documents, Deadline: 100 * time.Millisecond}})
	a := search(t, base, "q=end")
	require.Equal(t, []string{"documents 1/3"}, a.Missing)
	require.Equal(t, 40, a.Total)
}

func TestAHedgedRequestOvertakesASlowLeafAndCallsItOff(t *testing.T) {
	g := plant(t, 3, func(i int) leaf.Config {
		if i == 1 {
			return leaf.Config{Latency: time.Minute}
		}
		return leaf.Config{}
	})
	base, r := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Documents, Copies: 2, Deadline: time.Minute, Hedge: Hedge{After: 5 * time.Millisecond, Budget: 1}}})
	a := search(t, base, "q=end")
	require.True(t, a.Complete)
	require.Positive(t, a.Hedged)
	require.Equal(t, 60, a.Total)
	require.Eventually(t, func() bool {
		_, m, _ := get(t, g.servers[1].URL+"/metrics")
		return strings.Contains(m, "leaf_canceled_total 1")
	}, 10*time.Second, 5*time.Millisecond, "the slow leaf is told that it need not go on")
	require.False(t, r.tree.Load().branches[1].inDoubt(), "to be overtaken is no failure")
	_, m, _ := get(t, base+"/metrics")
	require.Contains(t, m, "search_hedges_total ")
}

func TestALeafThatFailsAgainAndAgainIsLeftAloneUntilItIsWell(t *testing.T) {
	g := plant(t, 2, nil)
	base, _ := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Documents, Deadline: time.Minute, SuspendAfter: 2}})
	g.fell(1)
	for range 2 {
		require.Equal(t, 1, search(t, base, "q=end").Answered)
	}
	before := g.requests[1].Load()
	require.Equal(t, []string{"documents 1/2"}, search(t, base, "q=end").Missing)
	require.Equal(t, before, g.requests[1].Load(), "it is not asked")
	_, m, _ := get(t, base+"/metrics")
	require.Contains(t, m, "search_leaves_usable 1")
	g.replace(1, leaf.Config{})
	require.Eventually(t, func() bool { return search(t, base, "q=end").Complete }, 20*time.Second, 20*time.Millisecond, "until it is well again")
}

func TestALeafThatComesBackEmptyIsToldWhatToHold(t *testing.T) {
	g := plant(t, 3, nil)
	base, _ := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Documents, Deadline: time.Minute, SuspendAfter: 1}})
	g.replace(2, leaf.Config{})
	require.False(t, search(t, base, "q=end").Complete, "it holds nothing yet")
	require.Eventually(t, func() bool { return search(t, base, "q=end").Complete }, 20*time.Second, 20*time.Millisecond)
}

func TestLeavesOfOneNameComeAndGoAndNoQuestionFails(t *testing.T) {
	var listeners []net.Listener
	first, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(first.Addr().String())
	require.NoError(t, err)
	listeners = append(listeners, first)
	for i := 2; i <= 4; i++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:%s", i, port))
		if err != nil {
			t.Skipf("this machine has one loopback address only: %v", err)
		}
		listeners = append(listeners, l)
	}
	g := plant(t, len(listeners), nil)
	for i, l := range listeners {
		server := &http.Server{Handler: g.servers[i].Config.Handler, ReadHeaderTimeout: time.Second}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	var there atomic.Int64
	there.Store(2)
	resolver := func(context.Context, string) ([]string, error) {
		var all []string
		for i := there.Load(); i > 0; i-- { // in no order
			all = append(all, fmt.Sprintf("127.0.0.%d", i))
		}
		return all, nil
	}
	base, _ := serve(t, Options{Resolver: resolver, Config: Config{Leaves: []string{"leaf:" + port}, Distribution: Documents, Divisions: []int{2, 4}, Deadline: time.Minute}})
	for _, n := range []int64{2, 4, 3} {
		there.Store(n)
		require.Eventually(t, func() bool {
			a := search(t, base, "q=end")
			require.True(t, a.Complete)
			require.Equal(t, 60, a.Total)
			return a.Asked == int(n)
		}, 20*time.Second, 10*time.Millisecond)
	}
	require.Equal(t, 3, search(t, base, "q=end&leaves=4").Asked, "there are no more")
	require.Equal(t, 2, search(t, base, "q=end&leaves=2").Asked)
	code, _, _ := get(t, base+"/search?q=end&leaves=1")
	require.Equal(t, 400, code, "nobody holds the whole")
}

func TestQuestionsThatMakeNoSenseAreRefused(t *testing.T) {
	g := plant(t, 2, nil)
	base, _ := serve(t, Options{Config: Config{Leaves: g.addresses(), Distribution: Documents}})
	for _, query := range []string{"", "q=", "q=a&limit=x", "q=a&leaves=0", "q=a&leaves=7", "q=a&hedge=soon", "q=a&ask=somebody"} {
		code, _, _ := get(t, base+"/search?"+query)
		require.Equal(t, 400, code, query)
	}
	code, text, _ := get(t, base+"/leaves")
	require.Equal(t, 200, code)
	require.Contains(t, text, `"holding":{"documents":["1/2"]}`)
}

func TestARootWithoutLeavesIsNotReady(t *testing.T) {
	r, err := New(Options{Config: Config{Leaves: []string{"nowhere:1"}}})
	require.NoError(t, err)
	for path, want := range map[string]int{"/readyz": 503, "/search?q=a": 503, "/healthz": 200, "/leaves": 200} {
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		require.Equal(t, want, w.Code, path)
	}
}
