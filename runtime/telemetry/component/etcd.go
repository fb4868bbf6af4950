package component

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// etcd reads the member's /metrics (https://etcd.io/docs/latest/metrics/), and the Raft term, which is not there, from its gateway
// (https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/).
type etcd struct{}

func (etcd) DefaultPort() uint16 { return 2379 }

func (etcd) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	r, err := get(ctx, dial, target, "/metrics", parseEtcd)
	if err != nil || target.Path != "" { // another page than etcd's own: there need be no gateway beside it
		return r, err
	}
	if term, err := etcdTerm(ctx, dial, target); err == nil {
		r.Gauges["term"] = term
	}
	return r, nil
}

// etcdTerm is the Raft term that the member is in. A member whose gateway is turned off, or that does not answer, tells none.
func etcdTerm(ctx context.Context, dial Dialer, target Target) (float64, error) {
	r, err := fetch(ctx, dial, target, http.MethodPost, "/v3/maintenance/status", "{}", func(in io.Reader) (Reading, error) {
		var status struct {
			Term string `json:"raftTerm"`
		}
		if err := json.NewDecoder(in).Decode(&status); err != nil {
			return Reading{}, fmt.Errorf("etcd status: %w", err)
		}
		term, err := strconv.ParseFloat(status.Term, 64)
		return Reading{Gauges: map[string]float64{"term": term}}, err
	})
	return r.Gauges["term"], err
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
