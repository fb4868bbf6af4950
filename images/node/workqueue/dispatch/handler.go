package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
	"github.com/ddsctl/ddsctl/images/node/workqueue/queue"
)

// Handler is the manager's API.
func (m *Manager) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", api.Healthy)
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { api.Say(w, http.StatusOK, m.Stats()) })
	mux.HandleFunc("GET /items", m.serveItems)
	mux.HandleFunc("POST /dead/retry", m.serveRevive)
	mux.HandleFunc("GET /settled", m.serveSettled)
	mux.HandleFunc("POST /tasks", m.serveTake)
	mux.HandleFunc("POST /tasks/{token}/renew", m.serveRenew)
	mux.HandleFunc("POST /tasks/{token}/done", m.serveDone)
	mux.HandleFunc("POST /tasks/{token}/fail", m.serveFail)
	mux.HandleFunc("POST /tasks/{token}/release", m.serveRelease)
	return mux
}

// refuse answers a worker whose token is of no use any more with 409.
func (m *Manager) refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, queue.ErrStale) {
		m.metrics.stale.Add(1)
		api.Refuse(w, http.StatusConflict, err)
		return
	}
	api.Refuse(w, http.StatusInternalServerError, err)
}

func (m *Manager) serveTake(w http.ResponseWriter, r *http.Request) {
	wait, err := api.Within(r, "wait", 0, 30*time.Second)
	worker, slots := r.URL.Query().Get("worker"), 0
	if text := r.URL.Query().Get("slots"); text != "" && err == nil {
		if slots, err = strconv.Atoi(text); err == nil && (slots < 1 || slots > 1000) {
			err = errors.New("slots: from 1 to 1000")
		}
	}
	if worker == "" && err == nil {
		err = errors.New("worker: say who you are, such as ?worker=me")
	}
	if err != nil {
		api.Refuse(w, http.StatusBadRequest, err)
		return
	}
	m.offered(worker, slots)
	i, ok, err := m.take(r.Context(), worker, wait)
	switch {
	case err != nil:
		m.refuse(w, err)
		return
	case !ok:
		m.metrics.idle.Inc()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	data, err := m.get(r.Context(), "/api/v1/items/"+url.PathEscape(i.Name), api.MostData)
	if err != nil || r.Context().Err() != nil { // nobody would know that it has it
		if err := m.queue.Release(i.Token); err != nil {
			m.options.Log.Error("give back", "item", i.Name, "error", err)
		}
		m.level()
		api.Refuse(w, http.StatusBadGateway, fmt.Errorf("the source does not give the item %s: %w", i.Name, err))
		return
	}
	api.Say(w, http.StatusOK, api.Task{Token: i.Token, Item: i.Name, Data: string(data), Attempt: i.Attempts, Lease: m.options.Lease.Seconds()})
}

// take waits until an item is due, and gives it to the worker.
func (m *Manager) take(ctx context.Context, worker string, wait time.Duration) (queue.Item, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		i, ok, err := m.queue.Take(worker)
		if ok || err != nil {
			m.level()
			return i, ok, err
		}
		due, waits, more := m.queue.Next()
		var timer *time.Timer
		var later <-chan time.Time
		if waits {
			timer = time.NewTimer(time.Until(due))
			later = timer.C
		}
		select {
		case <-more:
		case <-later:
		case <-ctx.Done():
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return queue.Item{}, false, nil
		}
	}
}

func (m *Manager) serveRenew(w http.ResponseWriter, r *http.Request) {
	if err := m.queue.Renew(r.PathValue("token")); err != nil {
		m.refuse(w, err)
		return
	}
	if worker := r.URL.Query().Get("worker"); worker != "" {
		m.offered(worker, 0)
	}
	api.Say(w, http.StatusOK, map[string]float64{"lease_seconds": m.options.Lease.Seconds()})
}

// text reads what a worker has to say.
func text(w http.ResponseWriter, r *http.Request) (string, bool) {
	said, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MostData))
	if err != nil {
		api.Refuse(w, http.StatusRequestEntityTooLarge, err)
		return "", false
	}
	return string(said), true
}

func (m *Manager) serveDone(w http.ResponseWriter, r *http.Request) {
	result, ok := text(w, r)
	if !ok {
		return
	}
	recorded, err := m.queue.Done(r.PathValue("token"), result)
	if err != nil {
		m.refuse(w, err)
		return
	}
	m.level()
	if !recorded {
		m.metrics.replayed.Inc()
	}
	api.Say(w, http.StatusOK, map[string]bool{"recorded": recorded})
}

func (m *Manager) serveFail(w http.ResponseWriter, r *http.Request) {
	reason, ok := text(w, r)
	if !ok {
		return
	}
	i, err := m.queue.Fail(r.PathValue("token"), reason, r.URL.Query().Get("final") == "true")
	if err != nil {
		m.refuse(w, err)
		return
	}
	m.level()
	if i.State == queue.Dead {
		m.options.Log.Warn("set aside", "item", i.Name, "attempts", i.Attempts, "error", reason)
	}
	api.Say(w, http.StatusOK, map[string]any{"state": i.State, "attempts": i.Attempts})
}

func (m *Manager) serveRelease(w http.ResponseWriter, r *http.Request) {
	if err := m.queue.Release(r.PathValue("token")); err != nil {
		m.refuse(w, err)
		return
	}
	m.level()
	api.Say(w, http.StatusOK, map[string]queue.State{"state": queue.Waiting})
}

func (m *Manager) serveRevive(w http.ResponseWriter, _ *http.Request) {
	n, err := m.queue.Revive()
	if err != nil {
		m.refuse(w, err)
		return
	}
	m.level()
	api.Say(w, http.StatusOK, map[string]int{"again": n})
}

// serveItems tells of items: of all, or of those in a state, of a name, or with so many attempts; the last ones of them where there are more than limit.
func (m *Manager) serveItems(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, attempts := 20, 0
	var err error
	if text := q.Get("limit"); text != "" {
		limit, err = strconv.Atoi(text)
	}
	if text := q.Get("attempts"); text != "" && err == nil {
		attempts, err = strconv.Atoi(text)
	}
	if err != nil || limit < 0 || attempts < 0 {
		api.Refuse(w, http.StatusBadRequest, errors.New("limit and attempts are numbers; limit=0 is all"))
		return
	}
	found := m.queue.Items(func(i queue.Item) bool {
		return i.Attempts >= attempts && (q.Get("state") == "" || string(i.State) == q.Get("state")) && (q.Get("name") == "" || i.Name == q.Get("name"))
	})
	for n := range found {
		found[n].Token = "" // it is the worker's
	}
	if limit > 0 && len(found) > limit {
		found = found[len(found)-limit:]
	}
	api.Say(w, http.StatusOK, map[string]any{"items": found})
}

// serveSettled waits until no item waits or is worked on; 409 where some are in the end.
func (m *Manager) serveSettled(w http.ResponseWriter, r *http.Request) {
	within, err := api.Within(r, "within", 10*time.Second, 2*time.Minute)
	if err != nil {
		api.Refuse(w, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	// What the source has is known after the next two answers of it: the first may have been on its way.
	for from, settled := m.metrics.polled(), false; ; {
		c := m.queue.Counts()
		settled = c.Waiting+c.InFlight == 0 && m.metrics.polled() >= from+2
		if settled || ctx.Err() != nil {
			code := http.StatusOK
			if !settled {
				code = http.StatusConflict
			}
			api.Say(w, code, map[string]any{"settled": settled, "waiting": c.Waiting, "in_flight": c.InFlight, "done": c.Done, "dead": c.Dead, "unaccounted": c.Unaccounted()})
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
