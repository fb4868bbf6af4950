package drive

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// resources is a service that keeps values over HTTP. Careless, it looks away between reading and writing.
type resources struct {
	mu       sync.Mutex
	values   map[string]string
	versions map[string]int
	careless bool
	asked    chan struct{} // two who add at once meet here
}

func (r *resources) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{key}", func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		v, ok := r.values[q.PathValue("key")]
		if !ok {
			http.NotFound(w, q)
			return
		}
		w.Header().Set("ETag", strconv.Quote(strconv.Itoa(r.versions[q.PathValue("key")])))
		_, _ = io.WriteString(w, v)
	})
	mux.HandleFunc("PUT /things/{key}", func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		key := q.PathValue("key")
		if match := q.Header.Get("If-Match"); match != "" && match != strconv.Quote(strconv.Itoa(r.versions[key])) || q.Header.Get("If-None-Match") != "" && r.versions[key] > 0 {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		r.set(key, string(text))
	})
	mux.HandleFunc("POST /things/{key}/add", func(_ http.ResponseWriter, q *http.Request) {
		key := q.PathValue("key")
		by, _ := strconv.Atoi(q.URL.Query().Get("by"))
		r.mu.Lock()
		n, _ := strconv.Atoi(r.values[key])
		if r.careless {
			r.mu.Unlock()
			select {
			case r.asked <- struct{}{}:
			case <-r.asked:
			case <-time.After(50 * time.Millisecond):
			}
			r.mu.Lock()
		}
		r.set(key, strconv.Itoa(n+by))
		r.mu.Unlock()
	})
	return mux
}

func (r *resources) set(key, value string) {
	r.values[key] = value
	r.versions[key]++
}

func serve(t *testing.T, r *resources) string {
	t.Helper()
	r.values, r.versions, r.asked = map[string]string{}, map[string]int{}, make(chan struct{})
	server := httptest.NewServer(r.handler())
	t.Cleanup(server.Close)
	return server.URL + "/things/"
}

func TestAServiceOverHTTPThatKeepsItsPromisesPasses(t *testing.T) {
	for _, model := range []history.Model{history.Register, history.Counter} {
		t.Run(string(model), func(t *testing.T) {
			events := record(t, Spec{Model: model, Targets: workload.Targets{serve(t, &resources{})}, Rate: 300, Keys: 2, Duration: workload.Duration(700 * time.Millisecond)})
			result, err := history.Check(events, model, history.Options{})
			require.NoError(t, err)
			require.Equal(t, expect.Holds, result.Verdict, "%v", result)
			require.Greater(t, result.Counts["ok"], 10)
			require.Zero(t, result.Counts["info"])
		})
	}
}

func TestUpdatesThatAreLostAreCounted(t *testing.T) {
	for name, spec := range map[string]Spec{
		"over HTTP":          {Targets: workload.Targets{serve(t, &resources{careless: true})}},
		"unguarded in redis": {Targets: workload.Targets{"redis://" + miniredis.RunT(t).Addr()}, Unguarded: true},
		"unguarded in etcd":  {Targets: workload.Targets{etcdMember(t)}, Unguarded: true},
	} {
		t.Run(name, func(t *testing.T) {
			spec.Model, spec.Rate, spec.Keys, spec.Clients = history.Counter, 5000, 1, 8
			lost := 0
			for range 20 { // whether two meet is chance
				spec.Duration = workload.Duration(500 * time.Millisecond)
				events := record(t, spec)
				result, err := history.Check(events, history.Counter, history.Options{})
				require.NoError(t, err)
				if lost = result.Counts["lost"]; lost > 0 {
					require.Equal(t, expect.Fails, result.Verdict)
					return
				}
				spec.Prefix += "again-"
			}
			t.Fatal("no update was ever lost")
		})
	}
}

func TestWhatHTTPRefusedDidNotHappenAndWhatFailedIsNotKnown(t *testing.T) {
	for status, want := range map[int]history.Type{http.StatusConflict: history.Fail, http.StatusTooManyRequests: history.Fail, http.StatusBadGateway: history.Info} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		target, err := workload.ParseTarget(server.URL + "/x")
		require.NoError(t, err)
		s := openHTTP(target)
		require.True(t, strings.HasSuffix(s.base, "/x/"))
		require.Equal(t, want, history.OutcomeOf(s.add(t.Context(), "k", 1)), status)
		require.Equal(t, want, history.OutcomeOf(s.write(t.Context(), "k", "v")), status)
		s.close()
		server.Close()
	}
	target, err := workload.ParseTarget("http://127.0.0.1:1/")
	require.NoError(t, err)
	require.Equal(t, history.Fail, history.OutcomeOf(openHTTP(target).add(t.Context(), "k", 1)), "nobody is there")
}

func TestAMemberThatAnswersFromWhatItHasIsAskedSo(t *testing.T) {
	spec := Spec{Model: history.Register, Targets: workload.Targets{etcdMember(t)}, Serializable: true, Duration: workload.Duration(300 * time.Millisecond), Rate: 200}
	result, err := history.Check(record(t, spec), history.Register, history.Options{})
	require.NoError(t, err)
	require.Equal(t, expect.Holds, result.Verdict, "one member alone has everything")
}
