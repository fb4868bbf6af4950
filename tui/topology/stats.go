package topology

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/figure"
)

// Stat is one of a component's own figures.
type Stat struct {
	Name  string
	Value float64
}

// Text writes the figure with the unit that its name tells.
func (s Stat) Text() string {
	n := s.Name
	switch {
	case strings.HasSuffix(n, "_rate"), strings.HasSuffix(n, "_ratio"), strings.HasSuffix(n, "utilization"):
		return figure.Percent(s.Value)
	case strings.HasSuffix(n, "_bytes_per_second"):
		return figure.ByteRate(s.Value)
	case strings.HasSuffix(n, "_per_second"):
		return figure.Rate(s.Value)
	case strings.Contains(n, "bytes"), strings.HasSuffix(n, "memory"):
		return figure.Bytes(s.Value)
	case strings.HasSuffix(n, "_seconds"):
		return figure.Seconds(s.Value)
	}
	return figure.Count(s.Value)
}

// Label is the figure's name for people.
func (s Stat) Label() string {
	n := strings.TrimSuffix(s.Name, "_per_second")
	for _, end := range []string{"_bytes", "_seconds"} {
		n = strings.TrimSuffix(n, end)
	}
	return strings.ReplaceAll(n, "_", " ")
}

// Short writes figure and name in few letters, for a box.
func (s Stat) Short() string {
	switch s.Name {
	case "ops_per_second":
		return figure.Count(s.Value) + " op/s"
	case "requests_per_second":
		return figure.Count(s.Value) + " req/s"
	case "queries_per_second":
		return figure.Count(s.Value) + " query/s"
	case "messages_in_per_second":
		return figure.Count(s.Value) + " msg/s"
	case "hit_rate":
		return "hit " + figure.Percent(s.Value)
	}
	return s.Text() + " " + s.Label()
}

// telling are the figures that say most of a component, the best first.
var telling = []string{"ops_per_second", "requests_per_second", "queries_per_second", "messages_in_per_second", "hit_rate", "lag", "replication_lag",
	"under_replicated_partitions", "queue_length", "backlog", "term", "keys", "items", "commit_index", "sessions", "active_connections", "connected_clients",
	"function_processes", "event_pending", "function_cold_start_seconds", "ledger_records", "ledger_duplicates",
	"workqueue_backlog", "workqueue_done", "workqueue_dead", "worker_busy", "scaler_slots", "stage_busy", "source_items"}

func rank(name string) int {
	if i := slices.Index(telling, name); i >= 0 {
		return i
	}
	return len(telling)
}

// Stats are a node's own figures, the most telling first.
func Stats(n telemetry.Node) []Stat {
	out := make([]Stat, 0, len(n.Stats))
	for name, value := range n.Stats {
		out = append(out, Stat{name, value})
	}
	slices.SortFunc(out, func(a, b Stat) int {
		return cmp.Or(cmp.Compare(rank(a.Name), rank(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Telling are at most count of them, and only such as say something by themselves.
func Telling(n telemetry.Node, count int) []Stat {
	all := Stats(n)
	known := slices.IndexFunc(all, func(s Stat) bool { return rank(s.Name) == len(telling) })
	if known >= 0 {
		all = all[:known]
	}
	return all[:min(len(all), count)]
}
