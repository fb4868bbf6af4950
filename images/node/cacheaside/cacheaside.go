// Package cacheaside is a service that has its pages from a slow store and keeps them in memcached: it looks aside, into the cache, first,
// and fills it itself.
//
//	service := cacheaside.New(cacheaside.Options{Cache: memcache.New("twemproxy:22121"), Store: "http://store:8080"})
//	err := http.Serve(listener, service.Handler())
//
// README.md is its API.
package cacheaside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Cache keeps pages.
type Cache interface {
	Get(key string) (*memcache.Item, error)
	Set(item *memcache.Item) error
}

// Options say where the pages are. Cache and Store are needed.
type Options struct {
	Cache Cache
	// Store is the URL of the store, which has every page at its key.
	Store string
	// Size is how large a page is, in bytes; what the store gives is filled up.
	Size int
	// Timeout is how long the store may take, 2 s by default.
	Timeout time.Duration
	Log     *slog.Logger // nil discards
}

// What became of a request to the cache; the header X-Cache of each answer.
const (
	hit    = "HIT"
	miss   = "MISS"
	failed = "ERROR"
)

// maxPage bounds what is read from the store.
const maxPage = 1 << 20

// Service is the service.
type Service struct {
	options  Options
	client   *http.Client
	registry *prometheus.Registry
	asked    *prometheus.CounterVec
}

// New returns a Service.
func New(options Options) *Service {
	if options.Timeout <= 0 {
		options.Timeout = 2 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{options: options, registry: prometheus.NewRegistry(),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}},
		asked:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cache_requests_total", Help: "What the cache said, by result."}, []string{"result"}),
	}
	s.registry.MustRegister(s.asked)
	return s
}

// Handler is the service's API.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /page/{key}", s.page)
	return mux
}

// page answers from the cache, and from the store where the cache does not have it or cannot be asked.
func (s *Service) page(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	result := hit
	item, err := s.options.Cache.Get(key)
	switch {
	case errors.Is(err, memcache.ErrMalformedKey):
		http.Error(w, "a key has at most 250 letters, and no space", http.StatusBadRequest)
		return
	case errors.Is(err, memcache.ErrCacheMiss):
		result = miss
	case err != nil:
		s.options.Log.Debug("the cache cannot be asked", "key", key, "error", err)
		result = failed
	}
	s.asked.WithLabelValues(result).Inc()
	w.Header().Set("X-Cache", result)
	if result == hit {
		_, _ = w.Write(item.Value)
		return
	}
	text, err := s.fetch(r.Context(), key)
	if err != nil {
		s.options.Log.Warn("the store does not answer well", "key", key, "error", err)
		http.Error(w, "the store does not answer well", http.StatusBadGateway)
		return
	}
	if result == miss {
		if err := s.options.Cache.Set(&memcache.Item{Key: key, Value: text}); err != nil {
			s.options.Log.Debug("the cache does not take the page", "key", key, "error", err)
		}
	}
	_, _ = w.Write(text)
}

// fetch asks the store.
func (s *Service) fetch(ctx context.Context, key string) (text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.options.Store+"/"+url.PathEscape(key), nil)
	if err != nil {
		return nil, fmt.Errorf("ask the store: %w", err)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the store: %w", err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	text, err = io.ReadAll(io.LimitReader(answer.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read the store's answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the store: it answers %s", answer.Status)
	}
	if missing := s.options.Size - len(text); missing > 0 {
		text = append(text, bytes.Repeat([]byte{'.'}, missing)...)
	}
	return text, nil
}
