package expect

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// functions sum a window's samples up to one value.
var functions = []string{"avg", "max", "min", "first", "last", "increase", "count"}

// metric is one figure of a Snapshot.
type metric struct {
	name      string
	dimension Dimension
	labels    []string
	counter   bool // only grows
	// fold sums up a window where no function is given.
	fold  fold
	needs []string // of labels, those without which it means nothing
	// check says what is wrong with the labels' values; nil is nothing.
	check func(labels map[string]string) error
	// of counts the requests of a figure that is a share of them.
	of ofRequests
	// read returns the figure, and false where this Snapshot does not have it.
	read func(s telemetry.Snapshot, labels map[string]string) (float64, bool)
}

// fold is how a metric is summed up over a window when the text names no function.
type fold string

const (
	foldMean     fold = "avg"
	foldLast     fold = "last"
	foldIncrease fold = "increase"
	// foldRequests weighs each sample by the requests it stands for: the share of all requests of the window.
	foldRequests fold = "requests"
	// foldHistogram merges the window's histograms, so that p99 is that of all requests, not a mean of p99s.
	foldHistogram fold = "histogram"
)

func (c call) dimension() Dimension {
	if c.function == "count" {
		return Count
	}
	return c.metric.dimension
}

// neededExamples are values of the labels that some metric needs.
var neededExamples = map[string]string{"by": "v2", "than": "100ms"}

var (
	trafficLabels = []string{"workload"}
	answerLabels  = []string{"workload", "by"}
	nodeLabels    = []string{"node", "service"}
	linkLabels    = []string{"from", "to"}
)

// percentiles of a latency by the metric's name.
var percentiles = map[string]float64{"p50": 0.50, "p90": 0.90, "p99": 0.99, "p999": 0.999}

func lookupMetric(name string) (metric, error) {
	for _, m := range metrics() {
		if m.name == name {
			return m, nil
		}
	}
	if stat, ok := strings.CutPrefix(name, "stat:"); ok && stat != "" {
		return statMetric(name, stat), nil
	}
	if name == "" {
		return metric{}, fmt.Errorf("expected a metric, found the end")
	}
	return metric{}, fmt.Errorf("unknown metric %q: there are %s, and stat:NAME for a component's own figures", name, strings.Join(MetricNames(), ", "))
}

// MetricNames are the metrics that a text may use, sorted.
func MetricNames() []string {
	var names []string
	for _, m := range metrics() {
		names = append(names, m.name)
	}
	sort.Strings(names)
	return names
}

func metrics() []metric {
	traffic := func(name string, d Dimension, f fold, read func(telemetry.Traffic) float64) metric {
		return metric{name: name, dimension: d, labels: trafficLabels, fold: f, read: overTraffic(read)}
	}
	node := func(name string, d Dimension, f fold, read func(telemetry.Node) (float64, bool)) metric {
		return metric{name: name, dimension: d, labels: nodeLabels, fold: f, read: overNodes(read)}
	}
	list := []metric{
		traffic("asked", Rate, foldMean, func(t telemetry.Traffic) float64 { return t.Asked }),
		traffic("achieved", Rate, foldMean, func(t telemetry.Traffic) float64 { return t.Achieved }),
		traffic("succeeded", Rate, foldMean, func(t telemetry.Traffic) float64 { return t.Succeeded }),
		traffic("dropped", Rate, foldMean, func(t telemetry.Traffic) float64 { return t.Dropped }),
		traffic("in_flight", Count, foldMean, func(t telemetry.Traffic) float64 { return float64(t.InFlight) }),
		{name: "errors", dimension: Ratio, labels: answerLabels, fold: foldRequests, of: failedRequests, read: ofRequests(failedRequests).read},
		{name: "share", dimension: Ratio, labels: answerLabels, needs: []string{"by"}, fold: foldRequests, of: answeredBy, read: ofRequests(answeredBy).read},
		{name: "slower", dimension: Ratio, labels: []string{"workload", "than"}, needs: []string{"than"}, check: checkSlower, fold: foldRequests, of: slowerThan, read: ofRequests(slowerThan).read},
		counter(traffic("sent", Count, foldIncrease, func(t telemetry.Traffic) float64 { return float64(t.TotalSent) })),
		counter(traffic("failed", Count, foldIncrease, func(t telemetry.Traffic) float64 { return float64(t.TotalFailed) })),
		node("cpu", Cores, foldMean, func(n telemetry.Node) (float64, bool) { return known(n.CPU) }),
		node("memory", Bytes, foldMean, func(n telemetry.Node) (float64, bool) { return knownInt(n.Memory) }),
		node("received", ByteRate, foldMean, func(n telemetry.Node) (float64, bool) { return known(n.Received) }),
		node("nodes_ready", Count, foldLast, func(n telemetry.Node) (float64, bool) { return truth(n.Health == telemetry.HealthReady), true }),
		node("nodes_down", Count, foldLast, func(n telemetry.Node) (float64, bool) { return truth(n.Health == telemetry.HealthDown), true }),
		node("leaders", Count, foldLast, func(n telemetry.Node) (float64, bool) { return truth(n.Role == "leader"), true }),
		{name: "leader_changes", dimension: Count, labels: nodeLabels, fold: foldIncrease, counter: true, read: leaderChanges},
		{name: "link_bytes", dimension: ByteRate, labels: linkLabels, fold: foldMean, read: overLinks(func(l telemetry.Link) float64 {
			return l.Forward.BytesPerSecond + l.Backward.BytesPerSecond
		})},
		{name: "link_packets", dimension: Rate, labels: linkLabels, fold: foldMean, read: overLinks(func(l telemetry.Link) float64 {
			return l.Forward.PacketsPerSecond + l.Backward.PacketsPerSecond
		})},
		{name: "faults", dimension: Count, fold: foldLast, read: func(s telemetry.Snapshot, _ map[string]string) (float64, bool) {
			return float64(len(s.Faults)), true
		}},
	}
	for _, name := range []string{"p50", "p90", "p99", "p999", "max_latency"} {
		list = append(list, metric{name: name, dimension: Duration, labels: trafficLabels, fold: foldHistogram, read: latency(name)})
	}
	return list
}

func counter(m metric) metric {
	m.counter = true
	return m
}

func known(v *float64) (float64, bool) {
	if v == nil {
		return 0, false
	}
	return *v, true
}

func knownInt(v *int64) (float64, bool) {
	if v == nil {
		return 0, false
	}
	return float64(*v), true
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// selected are the workloads that the labels choose.
func selected(s telemetry.Snapshot, labels map[string]string) []telemetry.Traffic {
	return slices.DeleteFunc(slices.Clone(s.Traffic), func(t telemetry.Traffic) bool {
		want, ok := labels["workload"]
		return ok && want != t.Workload
	})
}

// overTraffic sums a figure over the chosen workloads.
func overTraffic(read func(telemetry.Traffic) float64) func(telemetry.Snapshot, map[string]string) (float64, bool) {
	return func(s telemetry.Snapshot, labels map[string]string) (float64, bool) {
		chosen := selected(s, labels)
		var sum float64
		for _, t := range chosen {
			sum += read(t)
		}
		return sum, len(chosen) > 0
	}
}

// latency is a percentile of one Snapshot; of several workloads the worst counts.
func latency(name string) func(telemetry.Snapshot, map[string]string) (float64, bool) {
	pick := map[string]func(telemetry.Latency) float64{
		"p50": func(l telemetry.Latency) float64 { return l.P50 }, "p90": func(l telemetry.Latency) float64 { return l.P90 },
		"p99": func(l telemetry.Latency) float64 { return l.P99 }, "p999": func(l telemetry.Latency) float64 { return l.P999 },
		"max_latency": func(l telemetry.Latency) float64 { return l.Max },
	}[name]
	return func(s telemetry.Snapshot, labels map[string]string) (float64, bool) {
		worst, found := 0.0, false
		for _, t := range selected(s, labels) {
			if t.Latency.Count > 0 {
				worst, found = max(worst, pick(t.Latency)), true
			}
		}
		return worst, found
	}
}

func chosenNode(n telemetry.Node, labels map[string]string) bool {
	node, byNode := labels["node"]
	service, byService := labels["service"]
	return (!byNode || node == n.Name) && (!byService || service == n.Service)
}

// overNodes sums a figure over the chosen nodes that know it.
func overNodes(read func(telemetry.Node) (float64, bool)) func(telemetry.Snapshot, map[string]string) (float64, bool) {
	return func(s telemetry.Snapshot, labels map[string]string) (float64, bool) {
		var sum float64
		found := false
		for _, n := range s.Nodes {
			if !chosenNode(n, labels) {
				continue
			}
			if v, ok := read(n); ok {
				sum, found = sum+v, true
			}
		}
		return sum, found
	}
}

// leaderChanges is the largest count of changes that any of the chosen members saw: all members see the same changes.
func leaderChanges(s telemetry.Snapshot, labels map[string]string) (float64, bool) {
	most, found := 0.0, false
	for _, n := range s.Nodes {
		if v, ok := n.Stats["leader_changes"]; ok && chosenNode(n, labels) {
			most, found = max(most, v), true
		}
	}
	return most, found
}

func statMetric(name, stat string) metric {
	return metric{name: name, dimension: Count, labels: nodeLabels, fold: foldMean, counter: true,
		read: overNodes(func(n telemetry.Node) (float64, bool) {
			v, ok := n.Stats[stat]
			return v, ok
		})}
}

func overLinks(read func(telemetry.Link) float64) func(telemetry.Snapshot, map[string]string) (float64, bool) {
	return func(s telemetry.Snapshot, labels map[string]string) (float64, bool) {
		var sum float64
		found := false
		for _, l := range s.Links {
			from, byFrom := labels["from"]
			to, byTo := labels["to"]
			if (byFrom && from != l.From) || (byTo && to != l.To) {
				continue
			}
			sum, found = sum+read(l), true
		}
		return sum, found
	}
}
