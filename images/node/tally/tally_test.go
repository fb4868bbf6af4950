package tally

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/ddsctl/ddsctl/images/node/etcd"
)

// addresses are two on loopback where nobody listened a moment ago.
func addresses(t *testing.T) []string {
	t.Helper()
	var at []string
	for range 2 {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		at = append(at, "http://"+l.Addr().String())
	}
	return at
}

// store starts a real etcd of one member.
func store(t *testing.T) *clientv3.Client {
	t.Helper()
	at := addresses(t)
	ready := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		require.NoError(t, etcd.Run(ctx, etcd.Options{Name: "one", Dir: t.TempDir(), LogLevel: "error", Ready: func() { close(ready) },
			Clients: at[:1], AdvertiseClients: at[:1], Peers: at[1:], AdvertisePeers: at[1:]}))
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
	select {
	case <-ready:
	case <-time.After(2 * time.Minute):
		t.Fatal("etcd does not become ready")
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: at[:1], DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// replicas are some of one service.
func replicas(t *testing.T, client *clientv3.Client, count int, o Options) (all []*Tally, at []string) {
	t.Helper()
	for range count {
		one := New(client, o)
		server := httptest.NewServer(one.Handler())
		t.Cleanup(server.Close)
		all, at = append(all, one), append(at, server.URL)
	}
	return all, at
}

func TestWhoWritesBlindlyLosesAndWhoComparesDoesNot(t *testing.T) {
	client := store(t)
	for _, update := range Updates() {
		all, at := replicas(t, client, 3, Options{Update: update})
		report, err := Audit(t.Context(), at, "audit-"+string(update), 9, 300)
		require.NoError(t, err)
		require.Equal(t, int64(300), report.Acknowledged, "%v", report)
		require.Zero(t, report.Failed)
		var sum Figures
		for _, one := range all {
			f := one.Figures()
			sum.Added, sum.Conflicts = sum.Added+f.Added, sum.Conflicts+f.Conflicts
		}
		require.Equal(t, report.Acknowledged, sum.Added, "what the replicas say is what the clients were told")
		require.Equal(t, report.Conflicts, sum.Conflicts)
		if update == Blind {
			require.Positive(t, report.Lost(), "%v", report)
			require.Zero(t, report.Conflicts)
			continue
		}
		require.Zero(t, report.Lost(), "%v", report)
		require.Positive(t, report.Conflicts, "it was not free: %v", report)
	}
}

func TestAVersionIsACondition(t *testing.T) {
	one := New(store(t), Options{})
	_, err := one.Read(t.Context(), "x")
	require.ErrorIs(t, err, ErrNone)
	first, err := one.WriteOver(t.Context(), "x", 0, 5)
	require.NoError(t, err)
	_, err = one.WriteOver(t.Context(), "x", 0, 6)
	require.ErrorIs(t, err, ErrConflict, "it is there by now")
	second, err := one.WriteOver(t.Context(), "x", first.Version, 7)
	require.NoError(t, err)
	require.Greater(t, second.Version, first.Version)
	_, err = one.WriteOver(t.Context(), "x", first.Version, 8)
	require.ErrorIs(t, err, ErrConflict)
	v, err := one.Read(t.Context(), "x")
	require.NoError(t, err)
	require.Equal(t, second, v)
	require.Equal(t, int64(2), one.Figures().Refused)
	_, err = one.Write(t.Context(), "x", 9)
	require.NoError(t, err, "whoever gives no version is asked for none")
}

func TestItIsUsedOverHTTP(t *testing.T) {
	_, at := replicas(t, store(t), 1, Options{Name: "tally-1", Update: Compare})
	var tag string
	for _, step := range []struct {
		method, path, body, header string
		code                       int
		says                       string
	}{
		{http.MethodGet, "/numbers/x", "", "", 404, "no such number"},
		{http.MethodPut, "/numbers/x", "5", "", 200, "5"},
		{http.MethodGet, "/numbers/x", "", "", 200, "5"},
		{http.MethodPut, "/numbers/x", "6", "If-Match: TAG", 200, "6"},
		{http.MethodPut, "/numbers/x", "7", "If-Match: \"1\"", 412, "somebody has written meanwhile"},
		{http.MethodPut, "/numbers/x", "7", "If-Match: new", 400, "If-Match is the version"},
		{http.MethodPut, "/numbers/x", "7", "If-None-Match: *", 412, "somebody has written meanwhile"},
		{http.MethodPut, "/numbers/x", "seven", "", 400, "the body is a whole number"},
		{http.MethodPut, "/numbers/x", strings.Repeat("1", 100), "", 400, "the body is a whole number"},
		{http.MethodPost, "/numbers/x/add?by=3", "", "", 200, "9"},
		{http.MethodPost, "/numbers/y/add", "", "", 200, "1"},
		{http.MethodPost, "/numbers/y/add?by=x", "", "", 400, "by is a whole number"},
		{http.MethodGet, "/figures", "", "", 200, `"added":2`},
		{http.MethodGet, "/metrics", "", "", 200, "tally_refused_total 2"},
		{http.MethodGet, "/healthz", "", "", 200, "ok"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), step.method, at[0]+step.path, strings.NewReader(step.body))
		require.NoError(t, err)
		if name, value, ok := strings.Cut(step.header, ": "); ok {
			request.Header.Set(name, strings.ReplaceAll(value, "TAG", tag))
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, step.code, response.StatusCode, "%s %s: %s", step.method, step.path, text)
		require.Contains(t, string(text), step.says)
		require.Equal(t, "tally-1", response.Header.Get("X-Served-By"))
		if step.code == http.StatusOK && response.Header.Get("ETag") != "" {
			tag = response.Header.Get("ETag")
		}
	}
}

func TestAStoreThatIsAwayIsNoCount(t *testing.T) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://127.0.0.1:1"}, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer client.Close()
	one := New(client, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, _, err = one.Add(ctx, "x", 1)
	require.ErrorIs(t, err, errNothing, "it was not even read")
	_, err = one.Write(ctx, "x", 1)
	require.Error(t, err)
	require.NotErrorIs(t, err, errNothing, "nobody knows")
	_, err = Audit(t.Context(), nil, "x", 1, 1)
	require.Error(t, err)
}
