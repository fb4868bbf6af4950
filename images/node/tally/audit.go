package tally

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Report is what became of additions.
type Report struct {
	Acknowledged int64 // by the replicas
	Counted      int64 // in the number
	Failed       int64 // those of which nobody knows
	Conflicts    int64 // tries that were made again
}

// Lost are the additions that were acknowledged and are not in the number.
func (r Report) Lost() int64 { return max(0, r.Acknowledged-r.Counted) }

// String is the report in a line.
func (r Report) String() string {
	share := 0.0
	if r.Acknowledged > 0 {
		share = 100 * float64(r.Lost()) / float64(r.Acknowledged)
	}
	return fmt.Sprintf("%d acknowledged, %d counted, %d lost (%.1f %%), %d conflicts, %d unknown", r.Acknowledged, r.Counted, r.Lost(), share, r.Conflicts, r.Failed)
}

// Audit lets clients add one to a number that nobody else uses, at the same time and as fast as they get answers, at the replicas turn by turn; when the
// last has its answer it reads the number.
func Audit(ctx context.Context, replicas []string, name string, clients, adds int) (Report, error) {
	if len(replicas) == 0 || clients < 1 || adds < 1 {
		return Report{}, errors.New("an audit needs replicas, clients and additions")
	}
	var left, acknowledged, failed, again atomic.Int64
	left.Store(int64(adds))
	var wait sync.WaitGroup
	for i := range clients {
		at := strings.TrimSuffix(replicas[i%len(replicas)], "/") + "/numbers/" + name
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				_, header, err := ask(ctx, client, http.MethodPost, at+"/add")
				if err != nil {
					failed.Add(1)
					continue
				}
				acknowledged.Add(1)
				tries, _ := strconv.ParseInt(header.Get("X-Tries"), 10, 64)
				again.Add(max(0, tries-1))
			}
		})
	}
	wait.Wait()
	text, _, err := ask(ctx, http.DefaultClient, http.MethodGet, strings.TrimSuffix(replicas[0], "/")+"/numbers/"+name)
	if err != nil {
		return Report{}, fmt.Errorf("read the number: %w", err)
	}
	counted, err := strconv.ParseInt(text, 10, 64)
	return Report{Acknowledged: acknowledged.Load(), Counted: counted, Failed: failed.Load(), Conflicts: again.Load()}, err
}

func ask(ctx context.Context, client *http.Client, method, url string) (string, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	return strings.TrimSpace(string(text)), response.Header, err
}
