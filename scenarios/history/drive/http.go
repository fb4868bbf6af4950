package drive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// httpStore asks a service over HTTP. The target's path, which ends with /, and a key are a resource:
//
//	GET  PATH/KEY           its value, with an ETag; 404 where there is none
//	PUT  PATH/KEY           sets it; with If-Match: ETAG, or If-None-Match: *, only if that is so, else 412
//	POST PATH/KEY/add?by=1  adds to it
//
// An answer from 400 to 499 says that nothing was done. What another failure has done is not known.
type httpStore struct {
	client *http.Client
	base   string
}

func openHTTP(target workload.Target) *httpStore {
	return &httpStore{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}, base: "http://" + target.Address() + strings.TrimSuffix(target.Path, "/") + "/"}
}

func (s *httpStore) close() { s.client.CloseIdleConnections() }

// maxHTTPAnswer is more than a value is long.
const maxHTTPAnswer = 1 << 20

// ask gives an answer's body and ETag; found is false for 404.
func (s *httpStore) ask(ctx context.Context, method, key, rest, body string, header ...string) (answer, tag string, found bool, err error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base+url.PathEscape(key)+rest, strings.NewReader(body))
	if err != nil {
		return "", "", false, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" { // nothing was sent: nobody is there, or has that name
			err = fmt.Errorf("%w: %w", history.ErrRefused, err)
		}
		return "", "", false, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxHTTPAnswer))
	switch {
	case response.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return "", "", false, nil
	case response.StatusCode >= 400 && response.StatusCode < 500:
		return "", "", false, fmt.Errorf("%w: %s", history.ErrRefused, response.Status)
	case response.StatusCode >= 300:
		return "", "", false, errors.New(response.Status)
	}
	return strings.TrimSpace(string(text)), response.Header.Get("ETag"), true, err
}

func (s *httpStore) read(ctx context.Context, key string) (*string, error) {
	v, _, found, err := s.ask(ctx, http.MethodGet, key, "", "")
	if err != nil || !found {
		return nil, err
	}
	return &v, nil
}

func (s *httpStore) write(ctx context.Context, key, value string) error {
	_, _, _, err := s.ask(ctx, http.MethodPut, key, "", value)
	return err
}

// cas compares the value itself, and lets the service compare its tag. A tag that has changed is a value that was another one for a moment,
// since no two writes of a history have one value.
func (s *httpStore) cas(ctx context.Context, key string, expected *string, value string) error {
	v, tag, found, err := s.ask(ctx, http.MethodGet, key, "", "")
	switch {
	case err != nil: // nothing was written
		return fmt.Errorf("%w: %w", history.ErrRefused, err)
	case found != (expected != nil) || found && v != *expected:
		return errEmpty
	case found && tag == "":
		return fmt.Errorf("%w: the answer has no ETag to compare", history.ErrRefused)
	}
	condition := []string{"If-None-Match", "*"}
	if found {
		condition = []string{"If-Match", tag}
	}
	_, _, _, err = s.ask(ctx, http.MethodPut, key, "", value, condition...)
	return err
}

func (s *httpStore) add(ctx context.Context, key string, delta int64) error {
	_, _, _, err := s.ask(ctx, http.MethodPost, key, "/add?by="+strconv.FormatInt(delta, 10), "")
	return err
}

func (s *httpStore) sum(ctx context.Context, key string) (int64, error) {
	v, err := s.read(ctx, key)
	if err != nil || v == nil {
		return 0, err
	}
	return strconv.ParseInt(*v, 10, 64)
}

// errNotOverHTTP is for what Validate refuses before it is tried.
var errNotOverHTTP = fmt.Errorf("%w: not over HTTP", history.ErrRefused)

func (s *httpStore) acquire(context.Context, string, time.Duration) (int64, error) {
	return 0, errNotOverHTTP
}
func (s *httpStore) release(context.Context, string) error           { return errNotOverHTTP }
func (s *httpStore) enqueue(context.Context, string, string) error   { return errNotOverHTTP }
func (s *httpStore) dequeue(context.Context, string) (string, error) { return "", errNotOverHTTP }
func (s *httpStore) insert(context.Context, string, string) error    { return errNotOverHTTP }
func (s *httpStore) items(context.Context, string) ([]string, error) { return nil, errNotOverHTTP }
