package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// etcd is one member of a cluster.
type etcd struct {
	*embed.Etcd
	stop func() // may be called twice
}

// member starts one member of a cluster.
func member(t *testing.T, name string, client, peer *url.URL, all []string) etcd {
	config := embed.NewConfig()
	config.Name, config.Dir = name, filepath.Join(t.TempDir(), name)
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	config.InitialCluster = strings.Join(all, ",")
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	server, err := embed.StartEtcd(config)
	require.NoError(t, err)
	stop := sync.OnceFunc(server.Close)
	t.Cleanup(stop)
	return etcd{server, stop}
}

// cluster starts three members on loopback.
func cluster(t *testing.T) (members []etcd, endpoints []string) {
	var peers, clients []*url.URL
	var all []string
	for i := range 3 {
		clients, peers = append(clients, free(t)), append(peers, free(t))
		all = append(all, fmt.Sprintf("m%d=%s", i, peers[i]))
		endpoints = append(endpoints, clients[i].String())
	}
	members = make([]etcd, 3)
	for i := range 3 {
		members[i] = member(t, fmt.Sprintf("m%d", i), clients[i], peers[i], all)
	}
	for _, m := range members {
		select {
		case <-m.Server.ReadyNotify():
		case <-time.After(time.Minute):
			t.Fatal("the cluster was not ready")
		}
	}
	return members, endpoints
}

// free is an address that nobody listens at. Its port is below those that connections get by themselves, so that none takes it meanwhile.
func free(t *testing.T) *url.URL {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return &url.URL{Scheme: "http", Host: l.Addr().String()}
		}
	}
	t.Fatal("no port is free")
	return nil
}

func TestAClusterThatLosesAMemberGoesOn(t *testing.T) {
	members, endpoints := cluster(t)
	s, err := External(t.Context(), Cluster{Endpoints: endpoints, Prefix: "/course/one"})
	require.NoError(t, err)
	defer s.Close()
	other, err := External(t.Context(), Cluster{Endpoints: endpoints, Prefix: "/course/two"})
	require.NoError(t, err)
	defer other.Close()

	var all sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	lost := make(chan struct{})
	for i := range 10 {
		who := joined(t, s, fmt.Sprint("student ", i))
		all.Go(func() {
			after := 0
			for j := 0; after < 20; j++ {
				sub := submission("cache")
				r, _, err := s.Submit(t.Context(), who.ID, sub, now)
				require.NoError(t, err, "the loss of a member is gone around")
				mu.Lock()
				acknowledged[who.ID+"/"+r.Key] = true
				enough := len(acknowledged) >= 50
				mu.Unlock()
				if enough && i == 0 && j > 0 {
					select {
					case <-lost:
					default:
						// The leader, which is the worst to lose.
						for _, m := range members {
							if m.Server.Leader() == m.Server.MemberID() {
								m.stop()
								break
							}
						}
						close(lost)
					}
				}
				select {
				case <-lost:
					after++
				default:
				}
			}
		})
	}
	all.Wait()
	got := contents(t, s)
	for key := range acknowledged {
		require.Contains(t, got, key)
	}
	require.Len(t, got, len(acknowledged))
	require.Empty(t, contents(t, other), "another prefix is another class")
}

func TestAClusterThatIsNotThereIsSaid(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := External(ctx, Cluster{Endpoints: []string{free(t).Host}})
	require.ErrorContains(t, err, "reach etcd")
}
