// Package logstore is where normalized logs end up: it answers questions about records in one schema, whatever they were before, and counts
// whether any line was lost on the way.
//
//	store := logstore.New(logstore.Options{Records: "/out/all.json", Sources: map[string]string{"redis": "/logs/redis.log"}})
//	err := store.Serve(ctx, listener)
//
// README.md is its API.
package logstore

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say what is read.
type Options struct {
	// Records is the file of normalized records, one JSON object a line.
	Records string
	// Sources are the files that they were made from, by the name of the source.
	Sources map[string]string
}

// Record is one line of some log, in the schema that all have.
type Record struct {
	Time      time.Time         `json:"time"`
	Source    string            `json:"source"`
	Level     string            `json:"level"` // debug, info, notice, warning, error, or unknown
	Message   string            `json:"message"`
	Malformed bool              `json:"malformed"` // its format was not understood: the message is the whole line
	Fields    map[string]string `json:"fields,omitempty"`
}

var levels = []string{"debug", "info", "notice", "warning", "error", "unknown"}

// Parse reads a record, and says what is wrong with one that is not of the schema.
func Parse(line []byte) (Record, error) {
	var keys struct {
		Time      *time.Time        `json:"time"`
		Source    *string           `json:"source"`
		Level     *string           `json:"level"`
		Message   *string           `json:"message"`
		Malformed *bool             `json:"malformed"`
		Fields    map[string]string `json:"fields"`
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&keys); err != nil {
		return Record{}, err
	}
	if decoder.More() {
		return Record{}, errors.New("more than one value in a line")
	}
	if keys.Time == nil || keys.Source == nil || keys.Level == nil || keys.Message == nil || keys.Malformed == nil {
		return Record{}, errors.New("time, source, level, message and malformed are needed")
	}
	if !slices.Contains(levels, *keys.Level) {
		return Record{}, fmt.Errorf("level %q is none of %s", *keys.Level, strings.Join(levels, ", "))
	}
	return Record{*keys.Time, *keys.Source, *keys.Level, *keys.Message, *keys.Malformed, keys.Fields}, nil
}

// Count is how many lines of a source there are, and how many became records.
type Count struct {
	Source    string `json:"source"`
	Lines     int    `json:"lines"`
	Records   int    `json:"records"`
	Malformed int    `json:"malformed"` // of the records
	// MalformedShare is that as a part of all records, in percent.
	MalformedShare float64 `json:"malformed_percent"`
}

// Counts are those of all sources.
type Counts struct {
	Sources []Count `json:"sources"`
	// Invalid is how many lines of the records are not of the schema.
	Invalid int `json:"invalid"`
	// Settled: there is a record for each line, and none besides.
	Settled bool `json:"settled"`
}

// Store answers questions.
type Store struct {
	options  Options
	registry *prometheus.Registry

	mu      sync.Mutex
	sources map[string]*tail
	records *tail
	counts  map[string]*Count
	invalid int
}

// New returns a Store.
func New(options Options) *Store {
	s := &Store{options: options, registry: prometheus.NewRegistry(), records: &tail{path: options.Records}, sources: map[string]*tail{}, counts: map[string]*Count{}}
	for name, path := range options.Sources {
		s.sources[name] = &tail{path: path}
		s.counts[name] = &Count{Source: name}
	}
	s.registry.MustRegister((*collector)(s))
	return s
}

// Counts reads what is new, and counts. The records are read first: a line that is written meanwhile is only late.
func (s *Store) Counts() (Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.records.next(func(line []byte) {
		r, err := Parse(line)
		if err != nil {
			s.invalid++
			return
		}
		c := s.counts[r.Source]
		if c == nil {
			c = &Count{Source: r.Source}
			s.counts[r.Source] = c
		}
		c.Records++
		if r.Malformed {
			c.Malformed++
		}
	})
	for name, source := range s.sources {
		err = errors.Join(err, source.next(func([]byte) { s.counts[name].Lines++ }))
	}
	counts := Counts{Invalid: s.invalid, Settled: s.invalid == 0}
	for _, c := range s.counts {
		one := *c
		if one.Records > 0 {
			one.MalformedShare = 100 * float64(one.Malformed) / float64(one.Records)
		}
		counts.Settled = counts.Settled && one.Lines == one.Records
		counts.Sources = append(counts.Sources, one)
	}
	slices.SortFunc(counts.Sources, func(a, b Count) int { return cmp.Compare(a.Source, b.Source) })
	return counts, err
}

// Question narrows records down; the zero value asks for all.
type Question struct {
	Source, Level, Text string
	Malformed           *bool
	// Limit is how many are wanted: the last ones.
	Limit int
}

func (q Question) fits(r Record) bool {
	return (q.Source == "" || q.Source == r.Source) && (q.Level == "" || q.Level == r.Level) &&
		(q.Text == "" || strings.Contains(r.Message, q.Text)) && (q.Malformed == nil || *q.Malformed == r.Malformed)
}

// Find gives the records that fit, the oldest first.
func (s *Store) Find(q Question) ([]Record, error) {
	var found []Record
	whole := &tail{path: s.options.Records}
	err := whole.next(func(line []byte) {
		if r, err := Parse(line); err == nil && q.fits(r) {
			if found = append(found, r); q.Limit > 0 && len(found) > q.Limit {
				found = found[1:]
			}
		}
	})
	return found, err
}

// tail reads a file that grows.
type tail struct {
	path string
	at   int64
}

// next calls line for each whole line that is new. A file that is not there yet has none; one that became shorter is read on from its start.
func (t *tail) next(line func([]byte)) error {
	file, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < t.at {
		t.at = 0
	}
	if _, err := file.Seek(t.at, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReader(file)
	for {
		text, err := in.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil // what has no end yet is read next time
		case err != nil:
			return fmt.Errorf("read %s: %w", t.path, err)
		}
		t.at += int64(len(text))
		line(text[:len(text)-1])
	}
}

// collector gives the counts to Prometheus.
type collector Store

var (
	lines     = prometheus.NewDesc("log_lines", "Lines that a source has written.", []string{"source"}, nil)
	records   = prometheus.NewDesc("log_records", "Lines that became records.", []string{"source"}, nil)
	malformed = prometheus.NewDesc("log_malformed", "Records of lines that were not understood.", []string{"source"}, nil)
	invalid   = prometheus.NewDesc("log_invalid", "Records that are not of the schema.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lines, records, malformed, invalid} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	counts, err := (*Store)(c).Counts()
	if err != nil {
		to <- prometheus.NewInvalidMetric(invalid, err)
		return
	}
	for _, s := range counts.Sources {
		to <- prometheus.MustNewConstMetric(lines, prometheus.GaugeValue, float64(s.Lines), s.Source)
		to <- prometheus.MustNewConstMetric(records, prometheus.GaugeValue, float64(s.Records), s.Source)
		to <- prometheus.MustNewConstMetric(malformed, prometheus.GaugeValue, float64(s.Malformed), s.Source)
	}
	to <- prometheus.MustNewConstMetric(invalid, prometheus.GaugeValue, float64(counts.Invalid))
}

// Handler is the store's API.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /counts", s.serveCounts)
	mux.HandleFunc("GET /records", s.serveRecords)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	return mux
}

// look is how often the counts are looked at while somebody waits for them to settle.
const look = 50 * time.Millisecond

// serveCounts answers with the counts; with ?settled=20s it waits that long for a record of each line, and answers 409 when some are missing.
func (s *Store) serveCounts(w http.ResponseWriter, r *http.Request) {
	var within time.Duration
	if text := r.URL.Query().Get("settled"); text != "" {
		var err error
		if within, err = time.ParseDuration(text); err != nil || within <= 0 || within > time.Minute {
			http.Error(w, "settled: a duration up to 1m, such as 20s", http.StatusBadRequest)
			return
		}
	}
	deadline := time.Now().Add(within)
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		counts, err := s.Counts()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		late := !time.Now().Before(deadline)
		if counts.Settled || late {
			w.Header().Set("Content-Type", "application/json")
			if within > 0 && !counts.Settled {
				w.WriteHeader(http.StatusConflict)
			}
			_ = json.NewEncoder(w).Encode(counts)
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func (s *Store) serveRecords(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	q := Question{Source: values.Get("source"), Level: values.Get("level"), Text: values.Get("text"), Limit: 20}
	if text := values.Get("malformed"); text != "" {
		b, err := strconv.ParseBool(text)
		if err != nil {
			http.Error(w, "malformed: true or false", http.StatusBadRequest)
			return
		}
		q.Malformed = &b
	}
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "limit: a number from 1", http.StatusBadRequest)
			return
		}
		q.Limit = n
	}
	found, err := s.Find(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for _, record := range found {
		_ = out.Encode(record)
	}
}

// Serve answers on listener until ctx ends.
func (s *Store) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, s.Handler(), serving.Options{Cancel: true})
}
