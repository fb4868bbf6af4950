package root

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// errLost is why a request is called off whose answer is not wanted any more, because another leaf was faster.
var errLost = errors.New("another leaf was faster")

// errNobody says that no leaf that has a part can be asked now.
var errNobody = errors.New("no leaf that has this can be asked now")

// question is one question on its way to the leaves.
type question struct {
	root  *Root
	tree  *tree
	hedge time.Duration

	mu     sync.Mutex
	asked  int // parts
	got    int // parts that were answered
	hedged int // requests more, because a leaf took long
	again  int // requests more, because a leaf failed
}

// ask gets a path from one of several leaves that have the same: from the first, and from the next where one fails or, with hedging, takes
// long. The first answer counts.
func (q *question) ask(ctx context.Context, from []*branch, path string) ([]byte, error) {
	q.count(&q.asked)
	from = q.root.usable(from)
	if len(from) == 0 {
		return nil, errNobody
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errLost)
	type outcome struct {
		body []byte
		err  error
	}
	outcomes := make(chan outcome, len(from))
	next, under := 0, 0
	launch := func() {
		b := from[next]
		next, under = next+1, under+1
		q.root.asks.Go(func() {
			body, err := q.root.get(ctx, b, path)
			outcomes <- outcome{body, err}
		})
	}
	q.root.load.primary()
	launch()
	var late <-chan time.Time
	if q.hedge > 0 && len(from) > 1 {
		timer := time.NewTimer(q.hedge)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case o := <-outcomes:
			under--
			switch {
			case o.err == nil:
				q.count(&q.got)
				return o.body, nil
			case next < len(from) && ctx.Err() == nil:
				q.count(&q.again)
				q.root.load.extra()
				launch()
			case under == 0:
				return nil, o.err
			}
		case <-late:
			late = nil
			if next == len(from) {
				break
			}
			if !q.root.load.hedge(q.root.config.Hedge.Budget) {
				q.root.metrics.denied.Inc()
				break
			}
			q.count(&q.hedged)
			q.root.metrics.hedges.Inc()
			launch()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (q *question) count(what *int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*what++
}

// usable are the leaves that are not suspended.
func (r *Root) usable(from []*branch) []*branch {
	var all []*branch
	for _, b := range from {
		if b.usable() {
			all = append(all, b)
		}
	}
	return all
}

// get asks one leaf. What it is to blame for is noted.
func (r *Root) get(ctx context.Context, b *branch, path string) ([]byte, error) {
	b.begin()
	r.metrics.requests.Inc()
	body, err := r.fetch(ctx, b.at(), path)
	switch {
	case err == nil:
		b.well()
		r.metrics.received.Add(float64(len(body)))
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded): // called off: it is not the leaf's fault
	default:
		b.ill(r.config.SuspendAfter)
		r.metrics.failures.Inc()
		r.log.Debug("a leaf failed", "leaf", b.name, "error", err)
	}
	return body, err
}

func (r *Root) fetch(ctx context.Context, address, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerMost))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the leaf at %s answers %s: %s", address, resp.Status, bytes.TrimSpace(body[:min(len(body), 200)]))
	}
	return body, nil
}
