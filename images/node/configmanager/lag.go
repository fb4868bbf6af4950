package configmanager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// KV is what Lag needs of etcd.
type KV interface {
	Get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error)
	Put(ctx context.Context, key, value string, options ...clientv3.OpOption) (*clientv3.PutResponse, error)
}

// mark begins the line by which Lag tells one change from another.
const mark = "# lag "

// looking is how often the page is looked at.
const looking = 2 * time.Millisecond

// Lag changes a comment at the end of the key's value and returns how long it took, from when etcd was asked to, until the page at the URL had
// the change. It ends with ctx.
func Lag(ctx context.Context, store KV, key, url string) (time.Duration, error) {
	got, err := store.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("get %s: %w", key, err)
	}
	if len(got.Kvs) == 0 {
		return 0, fmt.Errorf("get %s: no such key", key)
	}
	value, _, _ := strings.Cut(string(got.Kvs[0].Value), mark)
	line := mark + rand.Text()
	start := time.Now()
	if _, err := store.Put(ctx, key, strings.TrimRight(value, "\n")+"\n"+line+"\n"); err != nil {
		return 0, fmt.Errorf("put %s: %w", key, err)
	}
	for {
		text, err := page(ctx, url)
		if err == nil && strings.Contains(text, line) {
			return time.Since(start), nil
		}
		if waited := wait(ctx, looking); waited != nil {
			return 0, errors.Join(fmt.Errorf("after %s %s does not have the change", time.Since(start).Round(time.Millisecond), url), err)
		}
	}
}

func page(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return string(text), err
}
