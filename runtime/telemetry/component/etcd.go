package component

import (
	"context"
	"fmt"
	"io"
)

// etcd reads the member's /metrics (https://etcd.io/docs/latest/metrics/).
type etcd struct{}

func (etcd) DefaultPort() uint16 { return 2379 }

func (etcd) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	return get(ctx, dial, target, "/metrics", parseEtcd)
}

func parseEtcd(in io.Reader) (Reading, error) {
	families, err := parsePrometheus(in)
	if err != nil {
		return Reading{}, fmt.Errorf("etcd metrics: %w", err)
	}
	isLeader, ok := families["etcd_server_is_leader"]
	if !ok {
		return Reading{}, fmt.Errorf("etcd metrics: no etcd_server_is_leader on the page")
	}
	r := Reading{Gauges: map[string]float64{}, Counters: map[string]float64{}}
	r.Role = "follower"
	if total(isLeader) == 1 {
		r.Role = "leader"
	}
	take := func(into map[string]float64, as, name string) {
		if f, ok := families[name]; ok {
			into[as] = total(f)
		}
	}
	take(r.Gauges, "has_leader", "etcd_server_has_leader")
	if r.Gauges["has_leader"] == 0 {
		r.Role = "candidate"
	}
	take(r.Gauges, "keys", "etcd_debugging_mvcc_keys_total")
	take(r.Gauges, "commit_index", "etcd_server_proposals_committed_total")
	take(r.Gauges, "applied_index", "etcd_server_proposals_applied_total")
	take(r.Gauges, "proposals_pending", "etcd_server_proposals_pending")
	take(r.Gauges, "database_bytes", "etcd_mvcc_db_total_size_in_bytes")
	take(r.Gauges, "watchers", "etcd_debugging_mvcc_watcher_total")
	take(r.Counters, "leader_changes", "etcd_server_leader_changes_seen_total")
	take(r.Counters, "proposals_failed", "etcd_server_proposals_failed_total")
	take(r.Counters, "proposals", "etcd_server_proposals_committed_total")
	r.Gauges["leader_changes"] = r.Counters["leader_changes"]
	return r, nil
}
