// Package oddlog is a service whose log has a format of its own, as that of many services that somebody wrote in a hurry: one line for each
// request, and now and then a stack trace behind it, which is several lines in no format at all.
//
//	WARN@1764032672.123456 shop[417] {path=/cart/42 ms=13} slow answer
//
//	service, err := oddlog.New(oddlog.Options{File: "/logs/app.log", TraceEvery: 20})
//	err = service.Serve(ctx, listener)
//
// README.md is its API.
package oddlog

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say what is written.
type Options struct {
	// File is the log; lines are added at its end.
	File string
	// TraceEvery is after how many requests one ends with a stack trace; 0 is never.
	TraceEvery int
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Service answers every request, and writes about it.
type Service struct {
	options Options
	mu      sync.Mutex
	file    *os.File
	served  int
}

// New opens the log.
func New(options Options) (*Service, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	file, err := os.OpenFile(options.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // others read the log
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &Service{options: options, file: file}, nil
}

// Close closes the log.
func (s *Service) Close() error { return s.file.Close() }

// slowEvery is which request is called slow.
const slowEvery = 10

// trace is what follows a request that crashed.
var trace = []string{
	"panic: index out of range [7] with length 3",
	"\tat shop.(*Cart).Item(cart.go:117)",
	"\tat shop.(*Cart).Total(cart.go:88)",
	"\tat shop.serve(shop.go:41)",
}

// Handler is the service's API.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("POST /log", s.log)
	mux.HandleFunc("/", s.serve)
	return mux
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	start := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served++
	level, text := "INFO", "served"
	if s.served%slowEvery == 0 {
		level, text = "WARN", "slow answer"
	}
	crashed := s.options.TraceEvery > 0 && s.served%s.options.TraceEvery == 0
	if crashed {
		level, text = "ERROR", "crashed, and went on"
	}
	path := strings.Map(func(c rune) rune {
		if strings.ContainsRune(" {}=\n\r", c) {
			return '_'
		}
		return c
	}, r.URL.Path)
	lines := []string{s.line(start, level, fmt.Sprintf("path=%s ms=%d", path, s.options.Now().Sub(start).Milliseconds()), text)}
	if crashed {
		lines = append(lines, trace...)
	}
	if err := s.write(lines); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintln(w, text)
}

func (s *Service) line(at time.Time, level, fields, text string) string {
	return fmt.Sprintf("%s@%d.%06d shop[%d] {%s} %s", level, at.Unix(), at.Nanosecond()/1000, s.served, fields, text)
}

// write adds lines in one go, so that they stand together.
func (s *Service) write(lines []string) error {
	if _, err := s.file.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	return nil
}

var levelWord = regexp.MustCompile(`^[A-Z]{1,10}$`)

// textMost bounds a line of somebody's own, in bytes.
const textMost = 1000

// log writes a line of somebody's own.
func (s *Service) log(w http.ResponseWriter, r *http.Request) {
	level, text := r.URL.Query().Get("level"), r.URL.Query().Get("text")
	if !levelWord.MatchString(level) || len(text) > textMost || strings.ContainsAny(text, "\n\r") {
		http.Error(w, "level: a word in capital letters; text: one line of up to 1000 bytes", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write([]string{s.line(s.options.Now(), level, "", text)}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintln(w, "written")
}

// Serve answers on listener until ctx ends; requests under way are answered.
func (s *Service) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, s.Handler(), serving.Options{})
}
