package component

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// recorded is an answer that the real program gave.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return content
}

// serveTCP answers every connection with content, after reading a request when expect is not empty.
func serveTCP(t *testing.T, expect string, content []byte) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			got := make([]byte, len(expect))
			if _, err := io.ReadFull(conn, got); err == nil && string(got) == expect {
				_, _ = conn.Write(content)
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

func serveHTTP(t *testing.T, path string, content []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestEachComponentIsReadFromWhatItReallyAnswers(t *testing.T) {
	tests := []struct {
		kind     string
		address  func(t *testing.T) string
		gauges   map[string]float64
		counters map[string]float64
		role     string
	}{
		{
			kind:     "redis",
			address:  func(t *testing.T) string { return serveTCP(t, "*1\r\n$4\r\nINFO\r\n", recorded(t, "redis.info")) },
			gauges:   map[string]float64{"connected_clients": 1},
			counters: map[string]float64{"misses": 16},
		},
		{
			kind:     "memcached",
			address:  func(t *testing.T) string { return serveTCP(t, "stats\r\nquit\r\n", recorded(t, "memcached.stats")) },
			gauges:   map[string]float64{"keys": 1},
			counters: map[string]float64{"hits": 1, "misses": 1, "sets": 1, "gets": 2},
		},
		{
			kind:     "twemproxy",
			address:  func(t *testing.T) string { return serveTCP(t, "", recorded(t, "twemproxy.json")) },
			counters: map[string]float64{"requests": 8, "responses": 8, "requests_redis-1": 8, "requests_redis-2": 0},
		},
		{
			kind:     "nginx",
			address:  func(t *testing.T) string { return serveHTTP(t, "/stub_status", recorded(t, "nginx.txt")) },
			gauges:   map[string]float64{"connections_open": 4, "writing": 1, "waiting": 3},
			counters: map[string]float64{"requests": 5},
		},
		{
			kind:     "haproxy",
			address:  func(t *testing.T) string { return serveHTTP(t, "/stats;csv", recorded(t, "haproxy.csv")) },
			gauges:   map[string]float64{"servers_up": 1, "servers_down": 1},
			counters: map[string]float64{"requests": 4},
		},
		{
			kind:    "etcd",
			address: func(t *testing.T) string { return serveHTTP(t, "/metrics", recorded(t, "etcd.metrics")) },
			gauges:  map[string]float64{"has_leader": 1, "leader_changes": 1},
			role:    "leader",
		},
		{
			kind:     "prometheus",
			address:  func(t *testing.T) string { return serveHTTP(t, "/metrics", recorded(t, "etcd.metrics")) },
			gauges:   map[string]float64{"etcd_server_is_leader": 1},
			counters: map[string]float64{"etcd_server_leader_changes_seen_total": 1},
		},
	}
	for _, tc := range tests {
		t.Run(tc.kind, func(t *testing.T) {
			reading, err := Readers()[tc.kind].Read(t.Context(), &net.Dialer{}, Target{Address: tc.address(t)})
			require.NoError(t, err)
			for name, want := range tc.gauges {
				require.Contains(t, reading.Gauges, name)
				require.InDelta(t, want, reading.Gauges[name], 0, name)
			}
			for name, want := range tc.counters {
				require.Contains(t, reading.Counters, name)
				require.InDelta(t, want, reading.Counters[name], 0, name)
			}
			require.Equal(t, tc.role, reading.Role)
		})
	}
}

func TestTheRaftTermOfEtcdIsRead(t *testing.T) {
	for name, test := range map[string]struct {
		gateway http.HandlerFunc
		want    map[string]float64
	}{
		"from its gateway": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"leader":"8e9e05c52164694d","raftTerm":"7"}`))
		}, map[string]float64{"term": 7}},
		"and is absent without one":      {http.NotFound, nil},
		"and where it says other things": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<html>`)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(recorded(t, "etcd.metrics")) })
			mux.HandleFunc("POST /v3/maintenance/status", test.gateway)
			server := httptest.NewServer(mux)
			defer server.Close()
			reading, err := etcd{}.Read(t.Context(), &net.Dialer{}, Target{Address: strings.TrimPrefix(server.URL, "http://")})
			require.NoError(t, err)
			require.Equal(t, "leader", reading.Role)
			have, ok := reading.Gauges["term"]
			require.Equal(t, test.want != nil, ok)
			require.InDelta(t, test.want["term"], have, 0)
		})
	}
}

func TestVarnishIsReadThroughItsCommand(t *testing.T) {
	reading, err := CommandReaders()["varnish"].Parse(bytes.NewReader(recorded(t, "varnish.json")))
	require.NoError(t, err)
	require.InDelta(t, 3, reading.Counters["requests"], 0)
	require.InDelta(t, 3, reading.Counters["hits"]+reading.Counters["misses"], 0)
}

func TestKafkaMetadataTellsTheControllerAndWhatLacksReplicas(t *testing.T) {
	m := kmsg.NewPtrMetadataResponse()
	m.ControllerID = 2
	for id, host := range map[int32]string{1: "kafka-1", 2: "kafka-2"} {
		m.Brokers = append(m.Brokers, kmsg.MetadataResponseBroker{NodeID: id, Host: host})
	}
	m.Topics = []kmsg.MetadataResponseTopic{{Partitions: []kmsg.MetadataResponseTopicPartition{
		{Leader: 2, Replicas: []int32{1, 2}, ISR: []int32{2}},
		{Leader: -1, Replicas: []int32{1}, ISR: nil},
	}}}
	r := kafkaReading(m, "kafka-2")
	require.Equal(t, "controller", r.Role)
	require.Equal(t, map[string]float64{"brokers": 2, "topics": 1, "partitions": 2, "partitions_leaderless": 1,
		"partitions_under_replicated": 2, "partitions_led": 1}, r.Gauges)
	require.Equal(t, "broker", kafkaReading(m, "kafka-1").Role)
	require.Empty(t, kafkaReading(m, "elsewhere").Role)
}

func TestMySQLStatusBecomesTheFieldsNames(t *testing.T) {
	r := mysqlReading(map[string]string{"Threads_connected": "7", "Questions": "120", "Ssl_version": "TLSv1.3"})
	require.Equal(t, map[string]float64{"connected_clients": 7}, r.Gauges)
	require.Equal(t, map[string]float64{"queries": 120}, r.Counters)
}

func TestAReplicaSaysSo(t *testing.T) {
	info := "redis_version:8.0\r\nrole:slave\r\nmaster_link_status:down\r\ndb0:keys=3,expires=0\r\ndb1:keys=4,expires=0\r\n"
	r, err := parseRedisInfo(bufio.NewReader(strings.NewReader(fmt.Sprintf("$%d\r\n%s\r\n", len(info), info))))
	require.NoError(t, err)
	require.Equal(t, "replica", r.Role)
	require.InDelta(t, 7, r.Gauges["keys"], 0)
	require.Contains(t, r.Gauges, "master_link_up")
}

func TestRatesSkipACounterThatShrank(t *testing.T) {
	before := Reading{Counters: map[string]float64{"commands": 100, "hits": 10, "misses": 10, "new": 5}}
	after := Reading{Counters: map[string]float64{"commands": 300, "hits": 40, "misses": 20, "evictions": 9}}
	require.Equal(t, map[string]float64{"commands_per_second": 100, "hits_per_second": 15, "misses_per_second": 5},
		Rates(before, after, 2*time.Second))

	rate, ok := HitRate(before, after)
	require.True(t, ok)
	require.InDelta(t, 0.75, rate, 1e-9)

	require.Empty(t, Rates(after, before, 0))
	_, ok = HitRate(after, before)
	require.False(t, ok, "a restarted component has no hit rate this time")
	_, ok = HitRate(after, after)
	require.False(t, ok, "nothing looked up, nothing known")
}

func TestASilentComponentCostsATimeoutNotAHang(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, never answers
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	for kind, reader := range Readers() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := reader.Read(ctx, &net.Dialer{}, Target{Address: listener.Addr().String()})
		cancel()
		require.Error(t, err, kind)
	}
}

func TestNonsenseIsAnErrorThatNamesTheComponent(t *testing.T) {
	for kind, reader := range Readers() {
		if kind == "kafka" || kind == "mysql" {
			continue // their libraries name the error
		}
		nonsense := []byte("<html>not what you want</html>\r\n")
		address := serveTCP(t, "", nonsense)
		switch kind {
		case "etcd", "haproxy", "nginx", "prometheus": // asked by HTTP: an answer that comes before its question is another mistake
			address = serveHTTP(t, "/", nonsense)
		}
		_, err := reader.Read(t.Context(), &net.Dialer{}, Target{Address: address, Path: "/"})
		require.ErrorContains(t, err, kind, "the answer of %s", kind)
	}
}

func FuzzWhatComponentsAnswer(f *testing.F) {
	for _, name := range []string{"redis.info", "memcached.stats", "twemproxy.json", "nginx.txt", "haproxy.csv", "etcd.metrics", "varnish.json"} {
		f.Add(recorded(f, name))
	}
	parsers := map[string]func(io.Reader) (Reading, error){
		"redis":     func(r io.Reader) (Reading, error) { return parseRedisInfo(bufio.NewReader(r)) },
		"memcached": parseMemcachedStats, "twemproxy": parseTwemproxyStats, "nginx": parseStubStatus,
		"haproxy": parseHAProxyCSV, "etcd": parseEtcd, "varnish": varnish{}.Parse,
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		for kind, parse := range parsers {
			reading, err := parse(bytes.NewReader(answer))
			if err == nil && reading.Gauges == nil {
				t.Errorf("%s: no error and no reading", kind)
			}
		}
	})
}
