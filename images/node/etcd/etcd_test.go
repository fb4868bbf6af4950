package etcd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// free are n addresses on loopback where nobody listened a moment ago.
func free(t *testing.T, n int) []string {
	t.Helper()
	var urls []string
	for range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		urls = append(urls, "http://"+l.Addr().String())
	}
	return urls
}

// run starts a member and returns what is closed when it is ready; the test's end waits for its end.
func run(t *testing.T, o Options) <-chan struct{} {
	t.Helper()
	ready := make(chan struct{})
	o.Ready, o.LogLevel = func() { close(ready) }, "error"
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { require.NoError(t, Run(ctx, o)) })
	t.Cleanup(func() { cancel(); wait.Wait() })
	return ready
}

func await(t *testing.T, ready <-chan struct{}) {
	t.Helper()
	select {
	case <-ready:
	case <-time.After(2 * time.Minute):
		t.Fatal("the member does not become ready")
	}
}

func client(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestThreeMembersAgree(t *testing.T) {
	clients, peers := free(t, 3), free(t, 3)
	var all []string
	for i, peer := range peers {
		all = append(all, fmt.Sprintf("etcd-%d=%s", i+1, peer))
	}
	var ready []<-chan struct{}
	for i := range 3 {
		ready = append(ready, run(t, Options{Name: fmt.Sprintf("etcd-%d", i+1), Dir: t.TempDir(), State: "new", Token: "test",
			Clients: clients[i : i+1], AdvertiseClients: clients[i : i+1], Peers: peers[i : i+1], AdvertisePeers: peers[i : i+1],
			InitialCluster: strings.Join(all, ","), Heartbeat: 100 * time.Millisecond, Election: 2 * time.Second}))
	}
	for _, r := range ready {
		await(t, r)
	}
	_, err := client(t, clients[0]).Put(t.Context(), "k", "v")
	require.NoError(t, err)
	got, err := client(t, clients[2]).Get(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "v", string(got.Kvs[0].Value), "a read at another member is linearizable")
}

func TestAMemberAloneIsACluster(t *testing.T) {
	at := free(t, 2)
	await(t, run(t, Options{Name: "one", Dir: t.TempDir(), Clients: at[:1], AdvertiseClients: at[:1], Peers: at[1:], AdvertisePeers: at[1:]}))
	members, err := client(t, at[0]).MemberList(t.Context())
	require.NoError(t, err)
	require.Len(t, members.Members, 1)
}

func TestWhatCannotBeConfiguredSaysWhy(t *testing.T) {
	ok := []string{"http://127.0.0.1:2379"}
	for want, o := range map[string]Options{
		"listen-client-urls": {Name: "x", Dir: t.TempDir(), Clients: []string{"nonsense"}},
		"election":           {Name: "x", Dir: t.TempDir(), Clients: ok, AdvertiseClients: ok, Peers: ok, AdvertisePeers: ok, Heartbeat: time.Second, Election: time.Second},
	} {
		err := Run(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}
