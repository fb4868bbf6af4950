// Package expose shows the latest Snapshot of a lab to Prometheus.
//
// What containers do on their links has the names that coroot's agent gives it (container_net_tcp_...), with the lab's node in
// container_id and the other end in destination, so that its dashboards fit; the rest is called ddsctl_.... What a Snapshot does not know
// is not exposed, never as zero.
package expose

import (
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Exporter holds the latest Snapshot. It is safe for use by several goroutines.
type Exporter struct {
	mu       sync.Mutex
	snapshot *telemetry.Snapshot
}

// Set takes the latest Snapshot.
func (e *Exporter) Set(s telemetry.Snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.snapshot = &s
}

// Handler answers GET /metrics.
func (e *Exporter) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(e)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// Describe gives no descriptions: which figures there are depends on the lab.
func (e *Exporter) Describe(chan<- *prometheus.Desc) {}

// Collect gives the latest Snapshot's figures.
func (e *Exporter) Collect(out chan<- prometheus.Metric) {
	e.mu.Lock()
	s := e.snapshot
	e.mu.Unlock()
	if s == nil {
		return
	}
	g := gatherer{out: out, lab: s.Lab, project: s.Project}
	for _, n := range s.Nodes {
		g.node(n)
	}
	for _, l := range merged(s.Links) {
		g.link(l)
	}
	for _, t := range s.Traffic {
		g.traffic(t)
	}
	for _, f := range s.Faults {
		g.gauge("ddsctl_fault", "A fault that stands in the lab.", 1, "id", f.ID, "kind", f.Kind, "target", f.Target, "verified", f.Verified)
	}
	for _, source := range s.Sources {
		g.gauge("ddsctl_source_up", "Whether figures come from this source; degraded is half.", quality(source.State), "source", source.Name, "node", source.Node)
	}
}

func quality(state string) float64 {
	switch state {
	case "ok":
		return 1
	case "degraded":
		return 0.5
	}
	return 0
}

type gatherer struct {
	out          chan<- prometheus.Metric
	lab, project string
}

// metric gives one figure; labels are names and values in turn.
func (g gatherer) metric(kind prometheus.ValueType, name, help string, value float64, labels ...string) {
	names, values := []string{"lab", "project"}, []string{g.lab, g.project}
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...)
	if err != nil {
		m = prometheus.NewInvalidMetric(prometheus.NewDesc(name, help, nil, nil), err)
	}
	g.out <- m
}

func (g gatherer) gauge(name, help string, value float64, labels ...string) {
	g.metric(prometheus.GaugeValue, name, help, value, labels...)
}

func (g gatherer) counter(name, help string, value float64, labels ...string) {
	g.metric(prometheus.CounterValue, name, help, value, labels...)
}

func (g gatherer) node(n telemetry.Node) {
	id := []string{"container_id", n.Name, "service", n.Service}
	up := 0.0
	switch n.Health {
	case telemetry.HealthReady, telemetry.HealthUnknown, telemetry.HealthCompleted:
		up = 1
	}
	g.gauge("ddsctl_node_up", "Whether the node does its work or has done it, as far as anybody knows.", up,
		append(id, "kind", n.Kind, "role", n.Role, "phase", string(n.Phase), "health", string(n.Health))...)
	for _, figure := range []struct {
		name, help string
		value      *float64
	}{
		{"ddsctl_node_cpu_cores", "Processor time the node uses, in cores.", n.CPU},
		{"container_resources_cpu_limit_cores", "The node's limit of processor time, in cores.", n.CPULimit},
		{"ddsctl_node_memory_bytes", "Memory the node uses, without what the kernel could take back at once.", float(n.Memory)},
		{"container_resources_memory_limit_bytes", "The node's limit of memory.", float(n.MemoryLimit)},
		{"ddsctl_node_received_bytes_per_second", "What all of the node's links bring it.", n.Received},
		{"ddsctl_node_sent_bytes_per_second", "What the node sends over all of its links.", n.Sent},
	} {
		if figure.value != nil {
			g.gauge(figure.name, figure.help, *figure.value, id...)
		}
	}
	for name, value := range n.Stats {
		g.gauge("ddsctl_node_stat", "A figure that the component tells of itself.", value, append(id, "kind", n.Kind, "stat", name)...)
	}
}

func float(v *int64) *float64 {
	if v == nil {
		return nil
	}
	f := float64(*v)
	return &f
}

type ends struct{ from, destination, protocol string }

// merged sums links that have the same labels: Prometheus refuses doubles.
func merged(links []telemetry.Link) map[ends]telemetry.Link {
	sums := map[ends]telemetry.Link{}
	for _, l := range links {
		if !l.Observed {
			continue
		}
		key := ends{l.From, l.To, l.Protocol}
		if l.Port != 0 {
			key.destination = net.JoinHostPort(l.To, strconv.Itoa(int(l.Port)))
		}
		sum := sums[key]
		sum.From, sum.To, sum.Protocol = l.From, key.destination, l.Protocol
		sum.Forward, sum.Backward = add(sum.Forward, l.Forward), add(sum.Backward, l.Backward)
		sums[key] = sum
	}
	return sums
}

func add(a, b telemetry.LinkFlow) telemetry.LinkFlow {
	return telemetry.LinkFlow{Packets: a.Packets + b.Packets, Bytes: a.Bytes + b.Bytes, Dropped: a.Dropped + b.Dropped}
}

func (g gatherer) link(l telemetry.Link) {
	labels := []string{"container_id", l.From, "destination", l.To}
	if l.Protocol == "tcp" {
		g.counter("container_net_tcp_bytes_sent_total", "Bytes sent to the destination, in IP packets.", float64(l.Forward.Bytes), labels...)
		g.counter("container_net_tcp_bytes_received_total", "Bytes received from the destination, in IP packets.", float64(l.Backward.Bytes), labels...)
	} else {
		labels = append(labels, "protocol", l.Protocol)
		g.counter("ddsctl_link_bytes_sent_total", "Bytes sent to the destination, in IP packets.", float64(l.Forward.Bytes), labels...)
		g.counter("ddsctl_link_bytes_received_total", "Bytes received from the destination, in IP packets.", float64(l.Backward.Bytes), labels...)
		labels = labels[:4]
	}
	labels = append(labels, "protocol", l.Protocol)
	g.counter("ddsctl_link_packets_sent_total", "Packets sent to the destination.", float64(l.Forward.Packets), labels...)
	g.counter("ddsctl_link_packets_received_total", "Packets received from the destination.", float64(l.Backward.Packets), labels...)
	g.counter("ddsctl_link_packets_dropped_total", "Packets that faults dropped, both ways.", float64(l.Forward.Dropped+l.Backward.Dropped), labels...)
}

func (g gatherer) traffic(t telemetry.Traffic) {
	labels := []string{"workload", t.Workload, "target", t.Target}
	g.counter("ddsctl_traffic_requests_total", "Requests sent.", float64(t.TotalSent), labels...)
	g.counter("ddsctl_traffic_succeeded_total", "Requests that succeeded.", float64(t.TotalSucceeded), labels...)
	g.counter("ddsctl_traffic_failed_total", "Requests that failed.", float64(t.TotalFailed), labels...)
	g.gauge("ddsctl_traffic_asked_per_second", "Requests that fall due.", t.Asked, labels...)
	g.gauge("ddsctl_traffic_achieved_per_second", "Requests that are completed.", t.Achieved, labels...)
	g.gauge("ddsctl_traffic_in_flight", "Requests that are not over.", float64(t.InFlight), labels...)
	for kind, rate := range t.Errors {
		g.gauge("ddsctl_traffic_errors_per_second", "Requests that fail, by how.", rate, append(labels, "error", kind)...)
	}
	if t.Latency.Count == 0 {
		return
	}
	for quantile, value := range map[string]float64{"0.5": t.Latency.P50, "0.9": t.Latency.P90, "0.99": t.Latency.P99, "0.999": t.Latency.P999, "1": t.Latency.Max} {
		g.gauge("ddsctl_traffic_latency_seconds", "Latency from the intended send time.", value, append(labels, "quantile", quantile)...)
	}
}
