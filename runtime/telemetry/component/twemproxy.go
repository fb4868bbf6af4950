package component

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// twemproxy reads its statistics port, which writes one JSON object to whoever connects
// (https://github.com/twitter/twemproxy#observability).
type twemproxy struct{}

func (twemproxy) DefaultPort() uint16 { return 22222 }

func (twemproxy) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	return converse(ctx, dial, target.Address, "", parseTwemproxyStats)
}

func parseTwemproxyStats(in io.Reader) (Reading, error) {
	var top map[string]json.RawMessage
	if err := json.NewDecoder(in).Decode(&top); err != nil {
		return Reading{}, fmt.Errorf("twemproxy statistics: %w", err)
	}
	r := Reading{Gauges: map[string]float64{}, Counters: map[string]float64{}}
	number := func(raw json.RawMessage) (float64, bool) {
		var n float64
		return n, json.Unmarshal(raw, &n) == nil
	}
	if n, ok := number(top["uptime"]); ok {
		r.Gauges["uptime_seconds"] = n
	}
	if n, ok := number(top["curr_connections"]); ok {
		r.Gauges["connections_open"] = n
	}
	pools := 0
	for _, raw := range top {
		var pool map[string]json.RawMessage
		if json.Unmarshal(raw, &pool) != nil || pool["client_connections"] == nil {
			continue
		}
		pools++
		add := func(into map[string]float64, as string, raw json.RawMessage) {
			if n, ok := number(raw); ok {
				into[as] += n
			}
		}
		add(r.Gauges, "connected_clients", pool["client_connections"])
		add(r.Counters, "client_errors", pool["client_err"])
		add(r.Counters, "server_ejects", pool["server_ejects"])
		add(r.Counters, "forward_errors", pool["forward_error"])
		for name, raw := range pool {
			var server map[string]json.RawMessage
			if json.Unmarshal(raw, &server) != nil || server["server_connections"] == nil {
				continue
			}
			add(r.Counters, "requests", server["requests"])
			add(r.Counters, "responses", server["responses"])
			add(r.Counters, "server_errors", server["server_err"])
			add(r.Counters, "server_timeouts", server["server_timedout"])
			add(r.Gauges, "in_queue", server["in_queue"])
			// A shard's own figures, so that a hot or lost shard shows.
			add(r.Counters, "requests_"+name, server["requests"])
			if n, ok := number(server["server_ejected_at"]); ok && n > 0 {
				r.Gauges["last_ejected_"+name] = n
			}
		}
	}
	if pools == 0 {
		return Reading{}, fmt.Errorf("twemproxy statistics: no server pool in the answer")
	}
	return r, nil
}
