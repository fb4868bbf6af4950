package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// errGone says that the lease is over.
var errGone = errors.New("the lease is over")

// poll is how long a worker waits at the queue for an item. It is short: a worker that is to end, or to have fewer slots, waits for that answer, since one that went away
// would leave its item to nobody.
const poll = time.Second

// queueClient speaks to the manager.
type queueClient struct {
	base, name string
	client     *http.Client
}

// take asks for an item; false where there is none.
func (q *queueClient) take(ctx context.Context, slots int) (api.Task, bool, error) {
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	address := fmt.Sprintf("%s/tasks?worker=%s&slots=%d&wait=%s", q.base, url.QueryEscape(q.name), max(slots, 1), poll)
	text, code, err := q.post(asking, address, "")
	if err != nil || code == http.StatusNoContent {
		return api.Task{}, false, err
	}
	var task api.Task
	if code != http.StatusOK {
		return api.Task{}, false, fmt.Errorf("the queue answers %d: %s", code, strings.TrimSpace(text))
	}
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return api.Task{}, false, fmt.Errorf("the queue's task: %w", err)
	}
	return task, true, nil
}

// say tells how an attempt went, until there is an answer, or for so long.
func (q *queueClient) say(ctx context.Context, task api.Task, verb, body string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := q.once(ctx, task, verb, body)
		if err == nil || errors.Is(err, errGone) {
			return err
		}
		wait(ctx, pause)
		if ctx.Err() != nil {
			return err
		}
	}
}

func (q *queueClient) once(ctx context.Context, task api.Task, verb, body string) error {
	text, code, err := q.post(ctx, q.base+"/tasks/"+task.Token+"/"+verb, body)
	switch {
	case err != nil:
		return err
	case code == http.StatusConflict:
		return errGone
	case code != http.StatusOK:
		return fmt.Errorf("the queue answers %d: %s", code, strings.TrimSpace(text))
	}
	return nil
}

func (q *queueClient) post(ctx context.Context, address, body string) (string, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return "", 0, err
	}
	answer, err := q.client.Do(request)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 2*api.MostData))
	return string(text), answer.StatusCode, err
}
