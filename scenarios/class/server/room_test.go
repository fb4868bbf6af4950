package server

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/certificate"
	"github.com/ddsctl/ddsctl/scenarios/class/client"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

var course = board.Course{Labs: []board.Lab{{Slug: "cache", Exercises: []board.Exercise{{ID: "share", Worth: 5}, {ID: "eject", Worth: 10}}}}}

// safe is a buffer that is written by several.
type safe struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Write(p) }
func (s *safe) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

// room is a class that is served for a test.
type room struct {
	t      testing.TB
	store  *store.Store
	tokens Tokens
	link   client.Link
	audit  safe
	errors safe
}

func serve(t testing.TB, change func(*Options)) *room {
	t.Helper()
	dir := t.TempDir()
	kept, err := store.Embedded(t.Context(), dir)
	require.NoError(t, err)
	_, tokens, made, err := Prepare(t.Context(), kept, "Systems <b>101</b>", false, time.Now())
	require.NoError(t, err)
	require.True(t, made)
	r := &room{t: t, store: kept, tokens: tokens}
	options := Options{Course: course, Audit: &r.audit, Errors: &r.errors}
	certify(t, &options, &r.link)
	if change != nil {
		change(&options)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	scheme := "https"
	if options.Certificate == nil {
		scheme, r.link.Pin = "http", ""
	}
	r.link.Server, r.link.Token = scheme+"://"+listener.Addr().String(), tokens.Join
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- New(kept, options).Run(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, kept.Close())
	})
	return r
}

func certify(t testing.TB, options *Options, link *client.Link) {
	own, pin, err := certificate.Own(t.TempDir(), []string{"127.0.0.1"}, time.Now())
	require.NoError(t, err)
	options.Certificate, link.Pin = &own, pin
}

func (r *room) client(bearer string) *client.Client {
	r.t.Helper()
	c, err := client.New(r.link, bearer)
	require.NoError(r.t, err)
	r.t.Cleanup(c.Close)
	return c
}

func (r *room) instructor() *client.Client { return r.client(r.tokens.Instructor) }

// member is a student with a client.
type member struct {
	class.Joined
	*client.Client
	bearer string
}

func (r *room) join(name string) member {
	r.t.Helper()
	joined, err := r.client("").Join(r.t.Context(), r.link.Token, name)
	require.NoError(r.t, err)
	bearer := joined.ID + "." + joined.Secret
	return member{joined, r.client(bearer), bearer}
}

func work(t testing.TB, points float64) class.Submission {
	passed := time.Unix(1_800_000_000, 0).UTC()
	packed, err := class.Pack([]byte(`{"version":1,"lab":"cache","exercise":"share"}`))
	require.NoError(t, err)
	return class.Submission{Version: class.Version, Key: secret.Key(), Lab: "cache", Time: passed,
		Exercises: map[string]class.Exercise{"share": {Attempts: 2, Points: points, Worth: 5, Passed: &passed, Evidence: packed.Digest}},
		Evidence:  map[string]class.Evidence{"share": packed}}
}

func status(t *testing.T, err error) int {
	t.Helper()
	var refusal *client.Refusal
	require.ErrorAs(t, err, &refusal)
	return refusal.Status
}

// request is one try at something, by somebody.
type request struct{ method, path, body string }

func (r *room) try(c *http.Client, bearer string, q request) (int, string) {
	r.t.Helper()
	ask, err := http.NewRequestWithContext(r.t.Context(), q.method, r.link.Server+q.path, strings.NewReader(q.body))
	require.NoError(r.t, err)
	if bearer != "" {
		ask.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := c.Do(ask)
	require.NoError(r.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	return answer.StatusCode, string(text)
}

func (r *room) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(r.t, err)
	transport := &http.Transport{}
	if r.link.Pin != "" {
		transport.TLSClientConfig = certificate.Pinned("127.0.0.1", r.link.Pin)
	}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
