package functions

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/functions/pool"
	"github.com/ddsctl/ddsctl/images/node/functions/queue"
)

// mostBody bounds a request's body.
const mostBody = 1 << 20

// reserved is what the host's own paths begin with.
var reserved = []string{"call", "events", "functions", "dead", "settled", "metrics", "healthz"}

// Handler is the host's API.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /functions", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, h.states()) })
	mux.HandleFunc("/call/{function}", func(w http.ResponseWriter, r *http.Request) {
		f := h.functions[r.PathValue("function")]
		if f == nil {
			problem(w, http.StatusNotFound, fmt.Errorf("no function %q", r.PathValue("function")))
			return
		}
		h.call(w, r, f)
	})
	for _, f := range h.functions {
		if f.Route != "" {
			call := func(w http.ResponseWriter, r *http.Request) { h.call(w, r, f) }
			mux.HandleFunc(f.Route, call)
			mux.HandleFunc(f.Route+"/", call)
		}
	}
	if h.queue != nil {
		mux.HandleFunc("POST /events/{type}", h.serveEvent)
		mux.HandleFunc("GET /dead", h.serveDead)
		mux.HandleFunc("POST /dead/retry", h.serveRevive)
		mux.HandleFunc("GET /settled", h.serveSettled)
	}
	return mux
}

func say(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(value)
}

func problem(w http.ResponseWriter, code int, err error) {
	say(w, code, map[string]string{"error": err.Error()})
}

func httpStatus(code int) string { return strconv.Itoa(code) + " " + http.StatusText(code) }

// body reads what came as JSON: as it is where it is JSON, else as a text.
func body(w http.ResponseWriter, r *http.Request) (json.RawMessage, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	switch {
	case err != nil:
		return nil, err
	case len(text) == 0:
		return json.RawMessage("null"), nil
	case json.Valid(text):
		return text, nil
	}
	return json.Marshal(string(text))
}

// first takes the first value of each.
func first(values map[string][]string) map[string]string {
	flat := map[string]string{}
	for name, all := range values {
		if len(all) > 0 {
			flat[name] = all[0]
		}
	}
	return flat
}

// call has a function answer a request that somebody waits for.
func (h *Host) call(w http.ResponseWriter, r *http.Request, f *function) {
	data, err := body(w, r)
	if err != nil {
		problem(w, http.StatusRequestEntityTooLarge, err)
		return
	}
	asked := request{ID: r.Header.Get("Idempotency-Key"), Attempt: 1, Time: time.Now(), Data: data,
		Method: r.Method, Path: r.URL.Path, Query: first(r.URL.Query()), Headers: first(r.Header)}
	if asked.ID == "" {
		asked.ID = rand.Text()
	}
	s, trip, err := h.ask(r.Context(), f, asked)
	w.Header().Set("X-Function", f.name)
	if err != nil {
		h.fail(w, r, f, err)
		return
	}
	start := "warm"
	if trip.Cold {
		start = "cold"
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	w.Header().Set("X-Function-Start", start)
	w.Header().Set("Server-Timing", fmt.Sprintf("wait;dur=%.1f, start;dur=%.1f, work;dur=%.1f", ms(trip.Waited), ms(trip.Started), ms(trip.Worked)))
	if s.Error == "" {
		if err := h.takeOn(f, asked, s); err != nil {
			problem(w, http.StatusBadGateway, err)
			return
		}
	}
	answer(w, s)
}

// takeOn writes the events down that followed from a call.
func (h *Host) takeOn(f *function, r request, s said) error {
	emitted, err := h.follow(f, r, s)
	if err != nil {
		return err
	}
	for _, e := range emitted {
		if err := h.queue.Add(e.Event, e.Functions...); err != nil {
			return err
		}
		h.metrics.events.WithLabelValues(e.Event.Type).Inc()
	}
	return nil
}

func answer(w http.ResponseWriter, s said) {
	if s.Error != "" {
		problem(w, s.Status, errors.New(s.Error))
		return
	}
	content := "application/json"
	var text string
	out := append([]byte(s.Body), '\n')
	switch {
	case len(s.Body) == 0 || string(s.Body) == "null":
		out, content = nil, "text/plain; charset=utf-8"
	case json.Unmarshal(s.Body, &text) == nil:
		out, content = append([]byte(text), '\n'), "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", content)
	for name, value := range s.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(s.Status)
	_, _ = w.Write(out)
}

// fail says why there is no answer of the function.
func (h *Host) fail(w http.ResponseWriter, r *http.Request, f *function, err error) {
	code := http.StatusBadGateway
	switch {
	case r.Context().Err() != nil:
		return // nobody is there any more
	case errors.Is(err, pool.ErrBusy):
		w.Header().Set("Retry-After", "1")
		code = http.StatusTooManyRequests
	case errors.Is(err, pool.ErrClosed):
		code = http.StatusServiceUnavailable
	case errors.Is(err, pool.ErrLate):
		code = http.StatusGatewayTimeout
	}
	problem(w, code, fmt.Errorf("function %s: %w", f.name, err))
}

// serveEvent takes an event on: 202 says that it is on disk, not that anything was done.
func (h *Host) serveEvent(w http.ResponseWriter, r *http.Request) {
	kind := r.PathValue("type")
	to := h.listeners[kind]
	if len(to) == 0 {
		problem(w, http.StatusNotFound, fmt.Errorf("no function is on the event %q", kind))
		return
	}
	data, err := body(w, r)
	if err != nil {
		problem(w, http.StatusRequestEntityTooLarge, err)
		return
	}
	event := queue.Event{ID: r.Header.Get("Event-Id"), Type: kind, Time: time.Now(), Data: data}
	if event.ID == "" {
		event.ID = rand.Text()
	}
	if err := h.queue.Add(event, to...); err != nil {
		problem(w, http.StatusServiceUnavailable, err)
		return
	}
	h.metrics.events.WithLabelValues(kind).Inc()
	say(w, http.StatusAccepted, map[string]string{"id": event.ID})
}

func (h *Host) serveDead(w http.ResponseWriter, _ *http.Request) {
	letters, err := h.queue.Dead()
	if err != nil {
		problem(w, http.StatusInternalServerError, err)
		return
	}
	say(w, http.StatusOK, letters)
}

func (h *Host) serveRevive(w http.ResponseWriter, _ *http.Request) {
	n, err := h.queue.Revive()
	if err != nil {
		problem(w, http.StatusInternalServerError, err)
		return
	}
	say(w, http.StatusOK, map[string]int{"again": n})
}

// look is how often the queue is looked at while somebody waits for it.
const look = 50 * time.Millisecond

// serveSettled waits until no delivery is left to do; 409 where some are in the end.
func (h *Host) serveSettled(w http.ResponseWriter, r *http.Request) {
	within := 10 * time.Second
	if text := r.URL.Query().Get("within"); text != "" {
		var err error
		if within, err = time.ParseDuration(text); err != nil || within <= 0 || within > 2*time.Minute {
			problem(w, http.StatusBadRequest, errors.New("within: a duration up to 2m, such as 20s"))
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		c := h.queue.Counts()
		if len(c.Pending) == 0 || ctx.Err() != nil {
			code := http.StatusOK
			if len(c.Pending) > 0 {
				code = http.StatusConflict
			}
			say(w, code, map[string]any{"settled": code == http.StatusOK, "pending": c.Pending, "dead": c.Dead})
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
