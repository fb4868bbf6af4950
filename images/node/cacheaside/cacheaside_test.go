package cacheaside

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/stretchr/testify/require"
)

// cache is memcached in memory; one that is broken fails.
type cache struct {
	mu     sync.Mutex
	items  map[string][]byte
	broken bool
}

func (c *cache) Get(key string) (*memcache.Item, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch value, ok := c.items[key]; {
	case c.broken:
		return nil, errors.New("SERVER_ERROR Connection refused")
	case strings.Contains(key, " "):
		return nil, memcache.ErrMalformedKey
	case !ok:
		return nil, memcache.ErrCacheMiss
	default:
		return &memcache.Item{Key: key, Value: value}, nil
	}
}

func (c *cache) Set(item *memcache.Item) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return errors.New("SERVER_ERROR Connection refused")
	}
	c.items[item.Key] = item.Value
	return nil
}

func newService(t *testing.T, answer http.HandlerFunc) (*cache, func(path string) *httptest.ResponseRecorder) {
	store := httptest.NewServer(answer)
	t.Cleanup(store.Close)
	c := &cache{items: map[string][]byte{}}
	handler := New(Options{Cache: c, Store: store.URL, Size: 20}).Handler()
	return c, func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
}

func TestAPageIsFetchedOnceAndThenComesFromTheCache(t *testing.T) {
	asked := 0
	_, get := newService(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = w.Write([]byte(r.URL.Path))
	})
	for _, want := range []string{"MISS", "HIT", "HIT"} {
		w := get("/page/a-1")
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, want, w.Header().Get("X-Cache"))
		require.Equal(t, "/a-1................", w.Body.String(), "it is as large as it was told to be")
	}
	require.Equal(t, 1, asked)
	require.Contains(t, get("/metrics").Body.String(), `cache_requests_total{result="HIT"} 2`)
}

func TestWithoutTheCacheTheStoreAnswers(t *testing.T) {
	c, get := newService(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })
	c.broken = true
	for range 2 {
		w := get("/page/a")
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "ERROR", w.Header().Get("X-Cache"))
	}
	require.Empty(t, c.items)
}

func TestWhatTheStoreRefusesIsNotKept(t *testing.T) {
	c, get := newService(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	require.Equal(t, http.StatusBadGateway, get("/page/a").Code)
	require.Empty(t, c.items)
}

func TestKeysThatMemcachedDoesNotTakeAreRefused(t *testing.T) {
	_, get := newService(t, func(http.ResponseWriter, *http.Request) { t.Error("the store was asked") })
	require.Equal(t, http.StatusBadRequest, get("/page/a%20b").Code)
	require.Equal(t, http.StatusOK, get("/healthz").Code)
	require.Equal(t, http.StatusNotFound, get("/other").Code)
}
