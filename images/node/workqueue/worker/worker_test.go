package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/images/node/workqueue/audit"
	"github.com/ddsctl/ddsctl/images/node/workqueue/dispatch"
	"github.com/ddsctl/ddsctl/images/node/workqueue/job"
	"github.com/ddsctl/ddsctl/images/node/workqueue/source"
)

// running serves until the test is over, or stop is called.
func running(t *testing.T, address string, serve func(context.Context, net.Listener) error) (url string, stop func()) {
	var listener net.Listener
	require.Eventually(t, func() bool {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	}, time.Minute, time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, listener) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return "http://" + listener.Addr().String(), stop
}

// house is a source and a manager.
type house struct {
	source, queue string
	options       dispatch.Options
	stop          func()
}

func begin(t *testing.T, lease time.Duration, items ...string) *house {
	s, err := source.New(t.TempDir(), 1000)
	require.NoError(t, err)
	for _, i := range items {
		_, err := s.Add(i, []byte("data of "+i))
		require.NoError(t, err)
	}
	h := &house{}
	h.source, _ = running(t, "127.0.0.1:0", s.Serve)
	h.options = dispatch.Options{Source: h.source, Journal: filepath.Join(t.TempDir(), "q"), Lease: lease, Attempts: 3, Wait: 5 * time.Millisecond, Poll: 5 * time.Millisecond}
	h.manage(t, "127.0.0.1:0")
	return h
}

// manage begins a manager, with the journal of the one before.
func (h *house) manage(t *testing.T, address string) {
	m, err := dispatch.New(h.options)
	require.NoError(t, err)
	h.queue, h.stop = running(t, address, m.Serve)
}

func (h *house) ask(t *testing.T, method, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, h.queue+path, strings.NewReader("said"))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, strings.TrimSpace(string(text))
}

// settled waits until nothing is left to do.
func (h *house) settled(t *testing.T) audit.Report {
	t.Helper()
	code, text := h.ask(t, http.MethodGet, "/settled?within=1m")
	require.Equal(t, http.StatusOK, code, text)
	r, err := audit.Compare(t.Context(), audit.Options{Source: h.source, Queue: h.queue})
	require.NoError(t, err)
	require.True(t, r.Exact(), "%+v", r)
	return r
}

// notes are the jobs that were done.
type notes struct {
	mu   sync.Mutex
	jobs []job.Job
	do   func(ctx context.Context, j job.Job) (string, error)
}

func (n *notes) Do(ctx context.Context, j job.Job) (string, error) {
	n.mu.Lock()
	n.jobs = append(n.jobs, j)
	n.mu.Unlock()
	return n.do(ctx, j)
}

func (n *notes) all() []job.Job {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]job.Job{}, n.jobs...)
}

func (h *house) worker(t *testing.T, slots int, do *notes, change ...func(*Options)) (*Worker, string, func()) {
	o := Options{Queue: h.queue, Name: "w", Slots: slots, Do: do}
	for _, c := range change {
		c(&o)
	}
	w, err := New(o)
	require.NoError(t, err)
	url, stop := running(t, "127.0.0.1:0", w.Serve)
	return w, url, stop
}

func fine(_ context.Context, j job.Job) (string, error) { return "did " + j.Item, nil }

func TestItemsAreWorkedOnAndTheirResultsKept(t *testing.T) {
	h := begin(t, time.Minute, "a", "b")
	did := &notes{do: fine}
	h.worker(t, 1, did)
	require.Equal(t, audit.Report{Items: 2, Done: 2}, h.settled(t))
	require.Equal(t, []job.Job{{Item: "a", Data: "data of a", Attempt: 1}, {Item: "b", Data: "data of b", Attempt: 1}}, did.all())
	_, text := h.ask(t, http.MethodGet, "/items?name=b")
	require.Contains(t, text, `"result":"did b"`)
	require.NotContains(t, text, "token")
	_, text = h.ask(t, http.MethodGet, "/metrics")
	for _, line := range []string{"workqueue_items 2", "workqueue_done 2", "workqueue_unaccounted 0", "workqueue_attempts_total 2", "workqueue_arrivals_total 2", "workqueue_slots 1", "workqueue_processing_duration_seconds_count 2"} {
		require.Contains(t, text, line)
	}
}

func TestPoisonIsSetAsideAndEverybodyElseIsDone(t *testing.T) {
	h := begin(t, time.Minute, "a", "poison", "hopeless", "z")
	did := &notes{do: func(_ context.Context, j job.Job) (string, error) {
		switch j.Item {
		case "poison":
			return "", errors.New("moov atom not found")
		case "hopeless":
			return "", job.Failure{Reason: "no such film", Final: true}
		}
		return "fine", nil
	}}
	h.worker(t, 2, did)
	require.Equal(t, audit.Report{Items: 4, Done: 2, Dead: 2}, h.settled(t))
	attempts := map[string]int{}
	for _, j := range did.all() {
		attempts[j.Item]++
	}
	require.Equal(t, map[string]int{"a": 1, "poison": 3, "hopeless": 1, "z": 1}, attempts)
	_, text := h.ask(t, http.MethodGet, "/items?state=dead")
	require.Contains(t, text, "moov atom not found")
	_, text = h.ask(t, http.MethodPost, "/dead/retry")
	require.JSONEq(t, `{"again":2}`, text)
	require.Equal(t, 2, h.settled(t).Dead)
}

func TestAWorkerThatSaysNothingLosesItsItemAndIsRefused(t *testing.T) {
	h := begin(t, 500*time.Millisecond, "a")
	did := &notes{do: func(ctx context.Context, j job.Job) (string, error) {
		if j.Attempt == 1 { // longer than the lease
			select {
			case <-time.After(1200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		return fmt.Sprint("attempt ", j.Attempt), nil
	}}
	h.worker(t, 2, did, func(o *Options) { o.Silent = true })
	require.Eventually(t, func() bool {
		_, text := h.ask(t, http.MethodGet, "/metrics")
		return strings.Contains(text, "workqueue_stale_total 1") && strings.Contains(text, "workqueue_expired_total 1")
	}, time.Minute, time.Millisecond)
	require.Equal(t, audit.Report{Items: 1, Done: 1, Redone: 1}, h.settled(t))
	_, text := h.ask(t, http.MethodGet, "/items")
	require.Contains(t, text, "attempt 2")
}

func TestAWorkerThatIsAliveKeepsItsItem(t *testing.T) {
	h := begin(t, time.Second, "a")
	did := &notes{do: func(context.Context, job.Job) (string, error) { time.Sleep(2200 * time.Millisecond); return "", nil }}
	h.worker(t, 2, did)
	require.Equal(t, 1, h.settled(t).Done)
}

func TestWhatIsUnderWayWhenAWorkerEndsIsGivenBack(t *testing.T) {
	h := begin(t, time.Minute, "a")
	did := &notes{do: func(ctx context.Context, _ job.Job) (string, error) { <-ctx.Done(); return "", ctx.Err() }}
	_, _, stop := h.worker(t, 1, did)
	require.Eventually(t, func() bool { return len(did.all()) == 1 }, time.Minute, time.Millisecond)
	stop()
	again := &notes{do: fine}
	h.worker(t, 1, again)
	h.settled(t)
	require.Equal(t, 1, again.all()[0].Attempt)
}

func TestTheManagerComesBackAndTheWorkGoesOn(t *testing.T) {
	h := begin(t, time.Minute, "a", "b", "c")
	proceed := make(chan struct{})
	did := &notes{do: func(_ context.Context, j job.Job) (string, error) {
		if j.Item == "b" {
			<-proceed
		}
		return "", nil
	}}
	h.worker(t, 1, did)
	require.Eventually(t, func() bool { return len(did.all()) == 2 }, time.Minute, time.Millisecond)
	h.stop()
	close(proceed) // nobody hears that b is done
	h.manage(t, strings.TrimPrefix(h.queue, "http://"))
	require.Equal(t, audit.Report{Items: 3, Done: 3}, h.settled(t))
	require.Len(t, did.all(), 3, "nothing is done twice")
}

func TestSlotsAreChangedWhileItWorks(t *testing.T) {
	var items []string
	for i := range 40 {
		items = append(items, fmt.Sprintf("i%02d", i))
	}
	h := begin(t, time.Minute, items...)
	proceed := make(chan struct{})
	did := &notes{do: func(context.Context, job.Job) (string, error) { <-proceed; return "", nil }}
	w, url, _ := h.worker(t, 0, did)
	end := sync.OnceFunc(func() { close(proceed) })
	t.Cleanup(end) // a test that fails does not wait for work that nobody lets go on
	set := func(n int) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, fmt.Sprintf("%s/slots?n=%d", url, n), nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		return answer.StatusCode
	}
	busy := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.busy == n }, time.Minute, time.Millisecond)
	}
	require.Equal(t, http.StatusOK, set(3))
	busy(3)
	require.Equal(t, http.StatusOK, set(5))
	busy(5)
	require.Equal(t, http.StatusOK, set(1))
	// The slot that stays takes another item whenever its turn comes: work goes on until the others have ended.
	require.Eventually(t, func() bool {
		select {
		case proceed <- struct{}{}:
		default:
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.running) == 1
	}, time.Minute, 20*time.Millisecond)
	busy(1)
	require.Equal(t, 1, w.Slots())
	require.Equal(t, http.StatusBadRequest, set(1000))
	require.Equal(t, http.StatusOK, set(4))
	end()
	require.Equal(t, 40, h.settled(t).Done)
}

func TestTheManagerSaysWhatItDoesNotUnderstand(t *testing.T) {
	h := begin(t, time.Minute, "a")
	for path, want := range map[string]int{"/tasks": 400, "/tasks?worker=w&slots=0": 400, "/tasks?worker=w&wait=2h": 400, "/tasks/none/done": 409, "/tasks/none/renew": 409,
		"/tasks/none/fail": 409, "/tasks/none/release": 409} {
		code, text := h.ask(t, http.MethodPost, path)
		require.Equal(t, want, code, "%s: %s", path, text)
	}
	code, _ := h.ask(t, http.MethodGet, "/items?limit=x")
	require.Equal(t, 400, code)
	code, text := h.ask(t, http.MethodGet, "/settled?within=20ms")
	require.Equal(t, 409, code, text)
	for _, o := range []dispatch.Options{{Source: "none", Lease: 1, Attempts: 1}, {Source: h.source}} {
		_, err := dispatch.New(o)
		require.Error(t, err)
	}
	for _, o := range []Options{{Queue: "none"}, {Queue: h.queue, Slots: -1}} {
		_, err := New(o)
		require.Error(t, err)
	}
}
