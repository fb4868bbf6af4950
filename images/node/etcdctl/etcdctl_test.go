package etcdctl

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// connect returns a client of a real etcd of one member.
func connect(t *testing.T) *Client {
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
	c, err := Connect(at[:1])
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestWhatIsPutIsGotAndWatchedAndDeleted(t *testing.T) {
	c := connect(t)
	var out strings.Builder
	require.ErrorIs(t, c.Get(t.Context(), &out, "a/1", GetOptions{}), ErrNoKey)

	watched := make(chan string, 1)
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() {
		var seen strings.Builder
		_ = c.Watch(t.Context(), &seen, "a/", true, 2)
		watched <- seen.String()
	})
	require.Eventually(t, func() bool { // until the watch stands it sees nothing
		return c.Put(t.Context(), &out, "a/1", "one") == nil && len(watched) == 1
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, "PUT\na/1\none\nPUT\na/1\none\n", <-watched)
	require.NoError(t, c.Put(t.Context(), &out, "a/2", "two"))

	for want, o := range map[string]GetOptions{
		"a/1\none\na/2\ntwo\n": {Prefix: true},
		"one\ntwo\n":           {Prefix: true, ValueOnly: true, Serializable: true},
		"a/1\na/2\n":           {Prefix: true, KeysOnly: true},
	} {
		out.Reset()
		require.NoError(t, c.Get(t.Context(), &out, "a/", o))
		require.Equal(t, want, out.String())
	}
	out.Reset()
	require.NoError(t, c.Delete(t.Context(), &out, "a/", true))
	require.Equal(t, "2\n", out.String())
}

func TestMembersAndStatus(t *testing.T) {
	c := connect(t)
	var out strings.Builder
	require.NoError(t, c.Members(t.Context(), &out))
	require.Contains(t, out.String(), "one")
	out.Reset()
	require.NoError(t, c.Status(t.Context(), &out))
	require.Contains(t, out.String(), "true", "a member alone leads")

	gone, err := Connect([]string{"http://127.0.0.1:1"})
	require.NoError(t, err)
	defer gone.Close()
	require.Error(t, gone.Status(t.Context(), &out))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.Error(t, gone.Put(ctx, &out, "k", "v"))
}

// cluster returns the addresses of a real etcd of three members, for clients.
func cluster(t *testing.T) []string {
	t.Helper()
	at := append(append(addresses(t), addresses(t)...), addresses(t)...)
	clients, peers := at[:3], at[3:]
	var all []string
	for i, peer := range peers {
		all = append(all, fmt.Sprintf("etcd-%d=%s", i+1, peer))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	t.Cleanup(func() { cancel(); wait.Wait() })
	ready := make(chan struct{}, 3)
	for i := range 3 {
		o := etcd.Options{Name: fmt.Sprintf("etcd-%d", i+1), Dir: t.TempDir(), LogLevel: "error", Ready: func() { ready <- struct{}{} }, InitialCluster: strings.Join(all, ","),
			Clients: clients[i : i+1], AdvertiseClients: clients[i : i+1], Peers: peers[i : i+1], AdvertisePeers: peers[i : i+1], Heartbeat: 100 * time.Millisecond, Election: 2 * time.Second}
		wait.Go(func() { require.NoError(t, etcd.Run(ctx, o)) })
	}
	for range 3 {
		select {
		case <-ready:
		case <-time.After(2 * time.Minute):
			t.Fatal("the cluster does not become ready")
		}
	}
	return clients
}

func TestTheLeadIsHandedOverByName(t *testing.T) {
	c, err := Connect(cluster(t))
	require.NoError(t, err)
	defer c.Close()
	var out strings.Builder
	for _, name := range []string{"etcd-3", "etcd-1", "etcd-1"} { // the last one leads already
		require.NoError(t, c.MoveLeader(t.Context(), &out, name))
		id, err := c.member(t.Context(), name)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			leads, _, err := c.leader(t.Context())
			return err == nil && leads == id
		}, time.Minute, 50*time.Millisecond, name)
	}
	require.ErrorContains(t, c.MoveLeader(t.Context(), &out, "etcd-9"), "there are etcd-")
}
