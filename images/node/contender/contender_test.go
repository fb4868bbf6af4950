package contender

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/images/node/etcd"
	"github.com/ddsctl/ddsctl/images/node/vault"
)

const patience = 2 * time.Minute

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

// store starts a real etcd of one member and returns its address.
func store(t *testing.T) string {
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
	case <-time.After(patience):
		t.Fatal("etcd does not become ready")
	}
	return at[0]
}

// valve is a way to etcd that can be shut: then nothing passes, and nobody is told.
type valve struct {
	mu    sync.Mutex
	shut  bool
	conns []net.Conn
}

func (v *valve) set(shut bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = shut
}

func (v *valve) open() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.shut
}

// newValve returns a valve before etcd, and its address.
func newValve(t *testing.T, store string) (*valve, string) {
	t.Helper()
	to, err := url.Parse(store)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	v := &valve{}
	var wait sync.WaitGroup
	pass := func(from, into net.Conn) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 && v.open() {
				if _, err := into.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				_ = into.Close()
				return
			}
		}
	}
	wait.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			into, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to.Host)
			if err != nil {
				_ = from.Close()
				continue
			}
			v.mu.Lock()
			v.conns = append(v.conns, from, into)
			v.mu.Unlock()
			wait.Go(func() { pass(from, into) })
			wait.Go(func() { pass(into, from) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		v.mu.Lock()
		for _, c := range v.conns {
			_ = c.Close()
		}
		v.mu.Unlock()
		wait.Wait()
	})
	return v, "http://" + listener.Addr().String()
}

func start(t *testing.T, o Options) (c *Contender, stop func()) {
	t.Helper()
	// Long against the time in which a busy machine does nothing at all, or the lock would be lost for that.
	o.Lock, o.TTL, o.Renew, o.Every = "locks/test", 6*time.Second, 500*time.Millisecond, 20*time.Millisecond
	c = New(o)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { require.NoError(t, c.Run(ctx)) })
	stop = func() { cancel(); wait.Wait() }
	t.Cleanup(stop)
	return c, stop
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, patience, 10*time.Millisecond, what)
}

func owns(c *Contender) func() bool { return func() bool { return c.Figures().Holds } }

// use uses a vault as a contender does over HTTP.
func use(v *vault.Vault) func(context.Context, string, int64) error {
	return func(_ context.Context, owner string, token int64) error {
		if v.Use(owner, token) != nil {
			return ErrFenced
		}
		return nil
	}
}

func TestOneOwnsAndAnotherFollowsWhenItEnds(t *testing.T) {
	at, v := store(t), vault.New(vault.Options{})
	a, stop := start(t, Options{Name: "a", Endpoints: []string{at}, Use: use(v)})
	eventually(t, "a owns the lock", owns(a))
	b, _ := start(t, Options{Name: "b", Endpoints: []string{at}, Use: use(v)})
	eventually(t, "a renews", func() bool { return a.Figures().Renewals >= 3 })
	require.False(t, b.Figures().Holds)
	stop()
	require.False(t, a.Figures().Holds, "it gave the lock back")
	eventually(t, "b owns the lock", owns(b))
	require.Greater(t, b.Figures().Token, a.Figures().Token)
	eventually(t, "b uses the vault", func() bool { return b.Figures().Uses > 3 })
	require.Zero(t, v.Summary().Stale)
	require.Zero(t, a.Figures().Lost)
}

func TestTheLockIsHandedOverToWhomIsNamed(t *testing.T) {
	at, v := store(t), vault.New(vault.Options{})
	all := map[string]*Contender{}
	for _, name := range []string{"a", "b", "c"} {
		all[name], _ = start(t, Options{Name: name, Endpoints: []string{at}, Use: use(v)})
	}
	last := int64(0)
	for _, name := range []string{"c", "a", "a", "b"} {
		token, err := Take(t.Context(), []string{at}, "locks/test", name)
		require.NoError(t, err)
		require.GreaterOrEqual(t, token, last)
		last = token
		eventually(t, name+" owns the lock", owns(all[name]))
	}
	require.Zero(t, v.Summary().Stale)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Take(ctx, []string{at}, "locks/test", "nobody")
	require.ErrorContains(t, err, "nobody does not take the lock")
}

// TestWhoIsCutOff tells what becomes of an owner who cannot renew, and does not hear that the lock has run out.
func TestWhoIsCutOff(t *testing.T) {
	for name, story := range map[string]struct {
		giveUp         time.Duration
		fencing        bool
		stale, refused bool
	}{
		"goes on, and there are two owners":            {0, false, true, false},
		"is refused by a resource that fences":         {0, true, false, true},
		"gives up in time where it looks at its clock": {3 * time.Second, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			at, v := store(t), vault.New(vault.Options{Fencing: story.fencing})
			way, through := newValve(t, at)
			a, _ := start(t, Options{Name: "a", Endpoints: []string{through}, GiveUp: story.giveUp, Use: use(v)})
			eventually(t, "a owns the lock", owns(a))
			b, _ := start(t, Options{Name: "b", Endpoints: []string{at}, Use: use(v)})
			way.set(true)
			eventually(t, "b owns the lock", owns(b))
			if story.giveUp > 0 {
				require.False(t, a.Figures().Holds, "it gave up before the lock ran out")
			}
			eventually(t, "b uses the vault", func() bool { return b.Figures().Uses > 20 })
			s := v.Summary()
			require.Equal(t, story.stale, s.Stale > 0, "%+v", s)
			require.Equal(t, story.refused, s.Refused > 0, "%+v", s)
			way.set(false)
			eventually(t, "a knows", func() bool { return !a.Figures().Holds && a.Figures().Lost > 0 })
			require.True(t, b.Figures().Holds)
		})
	}
}

func TestItTellsWhatItDid(t *testing.T) {
	at, v := store(t), vault.New(vault.Options{})
	resource := httptest.NewServer(v.Handler())
	defer resource.Close()
	c := New(Options{Name: "a", Endpoints: []string{at}, Lock: "locks/test", TTL: 2 * time.Second, Every: 20 * time.Millisecond, Use: HTTP(resource.URL)})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { require.NoError(t, c.Serve(ctx, listener)) })
	defer func() { cancel(); wait.Wait() }()
	page := func(path string) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(text)
	}
	eventually(t, "it uses the vault", func() bool { return c.Figures().Uses > 2 })
	var f Figures
	require.NoError(t, json.Unmarshal([]byte(page("/status")), &f))
	require.True(t, f.Holds)
	require.Contains(t, page("/metrics"), "contender_holds 1")
	require.Equal(t, "ok", strings.TrimSpace(page("/healthz")))
	require.NotZero(t, v.Summary().Uses)

	fences := httptest.NewServer(vault.New(vault.Options{Fencing: true}).Handler())
	defer fences.Close()
	fenced := HTTP(fences.URL)
	require.NoError(t, fenced(t.Context(), "b", 9))
	require.ErrorIs(t, fenced(t.Context(), "a", 5), ErrFenced)
	require.Error(t, fenced(t.Context(), "", 5))
}
