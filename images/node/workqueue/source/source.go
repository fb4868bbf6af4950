// Package source is where a work queue's items come from: a folder, each file of which is an item. Files come over HTTP, or are put there by whoever shares the folder.
//
//	s, err := source.New("/data", 10_000)
//	err = s.Serve(ctx, listener)
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// ErrKnown says that there is an item of that name; ErrFull that there are as many as there may be.
var (
	ErrKnown = errors.New("there is an item of that name")
	ErrFull  = errors.New("the source is full")
)

var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Source has items.
type Source struct {
	folder string
	most   int

	mu   sync.Mutex
	next int // number of the next item that has no name of its own
	had  int
}

// New returns the source of a folder's files, which takes items until there are most.
func New(folder string, most int) (*Source, error) {
	s := &Source{folder: folder, most: most}
	all, err := s.list()
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	s.next, s.had = len(all)+1, len(all)
	return s, nil
}

// list are the items' names. Files whose name begins with a dot are on their way.
func (s *Source) list() ([]string, error) {
	files, err := os.ReadDir(s.folder)
	if err != nil {
		return nil, err
	}
	all := []string{}
	for _, f := range files {
		if !f.IsDir() && names.MatchString(f.Name()) {
			all = append(all, f.Name())
		}
	}
	return all, nil
}

// Add makes an item; without a name it gets a number. It is on disk, whole, when Add returns.
func (s *Source) Add(name string, data []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.had >= s.most {
		return "", ErrFull
	}
	for given := name; ; {
		if given == "" {
			name = fmt.Sprintf("item-%06d", s.next)
		}
		_, err := os.Lstat(filepath.Join(s.folder, name))
		switch {
		case err == nil && given != "":
			return "", ErrKnown
		case err == nil:
			s.next++
			continue
		case !errors.Is(err, os.ErrNotExist):
			return "", fmt.Errorf("source: %w", err)
		}
		break
	}
	if err := s.write(name, data); err != nil {
		return "", fmt.Errorf("source: %w", err)
	}
	s.had++
	s.next++
	return name, nil
}

func (s *Source) write(name string, data []byte) (err error) {
	f, err := os.CreateTemp(s.folder, ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(s.folder, name))
}

// Serve answers on listener until ctx ends.
func (s *Source) Serve(ctx context.Context, listener net.Listener) error {
	return api.Serve(ctx, listener, s.Handler())
}

// Handler is the source's API.
func (s *Source) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	asked := prometheus.NewCounter(prometheus.CounterOpts{Name: "source_lists_total", Help: "How often somebody asked for the list."})
	registry.MustRegister(asked, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "source_items", Help: "Items that there are."}, func() float64 {
		all, err := s.list()
		if err != nil {
			return -1
		}
		return float64(len(all))
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", api.Healthy)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/items", func(w http.ResponseWriter, _ *http.Request) {
		asked.Inc()
		all, err := s.list()
		if err != nil {
			api.Refuse(w, http.StatusInternalServerError, err)
			return
		}
		slices.Sort(all)
		api.Say(w, http.StatusOK, api.ItemList{Kind: "ItemList", Items: all})
	})
	mux.HandleFunc("GET /api/v1/items/{name}", s.serveItem)
	mux.HandleFunc("POST /api/v1/items", s.serveAdd)
	return mux
}

func (s *Source) serveItem(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !names.MatchString(name) {
		api.Refuse(w, http.StatusNotFound, fmt.Errorf("no item is called %q", name))
		return
	}
	text, err := os.ReadFile(filepath.Join(s.folder, name)) //nolint:gosec // names has no separators
	switch {
	case errors.Is(err, os.ErrNotExist):
		api.Refuse(w, http.StatusNotFound, fmt.Errorf("no item is called %q", name))
	case err != nil:
		api.Refuse(w, http.StatusInternalServerError, err)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(text)
	}
}

func (s *Source) serveAdd(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if name != "" && !names.MatchString(name) {
		api.Refuse(w, http.StatusBadRequest, fmt.Errorf("name: letters, digits, and - . _ after the first, not %q", name))
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MostData))
	if err != nil {
		api.Refuse(w, http.StatusRequestEntityTooLarge, err)
		return
	}
	if name, err = s.Add(name, []byte(strings.ToValidUTF8(string(data), "?"))); err != nil {
		code := http.StatusInternalServerError
		switch {
		case errors.Is(err, ErrKnown):
			code = http.StatusConflict
		case errors.Is(err, ErrFull):
			code = http.StatusInsufficientStorage
		}
		api.Refuse(w, code, err)
		return
	}
	api.Say(w, http.StatusCreated, map[string]string{"item": name})
}
