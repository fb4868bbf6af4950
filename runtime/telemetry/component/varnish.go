package component

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// varnish reads varnishstat, which reads the shared memory of varnishd: there is no port to ask
// (https://varnish-cache.org/docs/7.7/reference/varnishstat.html).
type varnish struct{}

func (varnish) Command() []string { return []string{"varnishstat", "-1", "-j"} }

func (varnish) Parse(in io.Reader) (Reading, error) {
	var page struct {
		Counters map[string]struct {
			Value float64 `json:"value"`
		} `json:"counters"`
	}
	if err := json.NewDecoder(io.LimitReader(in, maxAnswer)).Decode(&page); err != nil {
		return Reading{}, fmt.Errorf("varnishstat: %w", err)
	}
	if len(page.Counters) == 0 {
		return Reading{}, fmt.Errorf("varnishstat: no counters in the answer")
	}
	r := Reading{Gauges: map[string]float64{}, Counters: map[string]float64{}}
	gauges := map[string]string{"MAIN.uptime": "uptime_seconds", "MAIN.n_object": "keys", "MAIN.backend_conn": "backend_connections"}
	counters := map[string]string{"MAIN.cache_hit": "hits", "MAIN.cache_miss": "misses", "MAIN.cache_hitpass": "hits_for_pass",
		"MAIN.client_req": "requests", "MAIN.sess_conn": "connections", "MAIN.backend_req": "backend_requests",
		"MAIN.backend_fail": "backend_failures", "MAIN.busy_sleep": "coalesced", "MAIN.n_lru_nuked": "evictions"}
	for name, c := range page.Counters {
		if as, ok := gauges[name]; ok {
			r.Gauges[as] = c.Value
		}
		if as, ok := counters[name]; ok {
			r.Counters[as] = c.Value
		}
		// Storage: SMA.s0.g_bytes and the like.
		if strings.HasSuffix(name, ".g_bytes") {
			r.Gauges["used_memory_bytes"] += c.Value
		}
	}
	return r, nil
}
