package expose_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/expose"
)

func scrape(t *testing.T, e *expose.Exporter) string {
	t.Helper()
	answer := httptest.NewRecorder()
	e.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

func TestPrometheusReadsTheLatestSnapshot(t *testing.T) {
	cores, memory := 0.25, int64(4096)
	e := &expose.Exporter{}
	require.Empty(t, scrape(t, e), "nothing is known yet")
	e.Set(telemetry.Snapshot{Lab: "sharded-redis", Project: "demo",
		Nodes: []telemetry.Node{
			{Name: "redis-1", Service: "redis", Kind: "redis", Role: "shard", Health: telemetry.HealthReady, CPU: &cores, Memory: &memory, Stats: map[string]float64{"keys": 3}},
			{Name: "redis-2", Service: "redis", Health: telemetry.HealthDown},
		},
		Links: []telemetry.Link{
			{From: "client", To: "redis-1", Port: 6379, Protocol: "tcp", Observed: true, Forward: telemetry.LinkFlow{Bytes: 100, Packets: 2}, Backward: telemetry.LinkFlow{Bytes: 70, Dropped: 1}},
			{From: "client", To: "redis-1", Protocol: "udp", Observed: true, Forward: telemetry.LinkFlow{Bytes: 9}},
			{From: "client", To: "redis-2", Port: 6379, Protocol: "tcp", Declared: true},
		},
		Traffic: []telemetry.Traffic{{Workload: "redis", Target: "redis://redis-1:6379", TotalSent: 12, Errors: map[string]float64{"timeout": 2}, Latency: telemetry.Latency{Count: 5, P99: 0.02}}},
		Faults:  []telemetry.Fault{{ID: "f1", Kind: "kill", Target: "redis-2", Verified: "yes"}},
		Sources: []telemetry.Source{{Name: "cgroup", State: "degraded"}},
	})
	text := scrape(t, e)
	for _, line := range []string{
		`container_net_tcp_bytes_sent_total{container_id="client",destination="redis-1:6379",lab="sharded-redis",project="demo"} 100`,
		`container_net_tcp_bytes_received_total{container_id="client",destination="redis-1:6379",lab="sharded-redis",project="demo"} 70`,
		`ddsctl_link_bytes_sent_total{container_id="client",destination="redis-1",lab="sharded-redis",project="demo",protocol="udp"} 9`,
		`ddsctl_link_packets_dropped_total{container_id="client",destination="redis-1:6379",lab="sharded-redis",project="demo",protocol="tcp"} 1`,
		`ddsctl_node_cpu_cores{container_id="redis-1",lab="sharded-redis",project="demo",service="redis"} 0.25`,
		`ddsctl_node_stat{container_id="redis-1",kind="redis",lab="sharded-redis",project="demo",service="redis",stat="keys"} 3`,
		`ddsctl_node_up{container_id="redis-2",health="down",kind="",lab="sharded-redis",phase="",project="demo",role="",service="redis"} 0`,
		`ddsctl_traffic_latency_seconds{lab="sharded-redis",project="demo",quantile="0.99",target="redis://redis-1:6379",workload="redis"} 0.02`,
		`ddsctl_traffic_errors_per_second{error="timeout",lab="sharded-redis",project="demo",target="redis://redis-1:6379",workload="redis"} 2`,
		`ddsctl_fault{id="f1",kind="kill",lab="sharded-redis",project="demo",target="redis-2",verified="yes"} 1`,
		`ddsctl_source_up{lab="sharded-redis",node="",project="demo",source="cgroup"} 0.5`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, `ddsctl_node_cpu_cores{container_id="redis-2"`, "what is not known is not told")
	require.NotContains(t, text, `destination="redis-2:6379"`, "nobody has counted it")

	parser := expfmt.NewTextParser(model.UTF8Validation)
	_, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
}

func TestOnlyMetricsAreServed(t *testing.T) {
	e := &expose.Exporter{}
	for path, want := range map[string]int{"/": http.StatusNotFound, "/metrics": http.StatusOK} {
		answer := httptest.NewRecorder()
		e.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, want, answer.Code, path)
	}
	answer := httptest.NewRecorder()
	e.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/metrics", nil))
	require.Equal(t, http.StatusMethodNotAllowed, answer.Code)
}
