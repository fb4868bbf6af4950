package component

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// redis reads INFO (https://redis.io/docs/latest/commands/info/).
type redis struct{}

func (redis) DefaultPort() uint16 { return 6379 }

func (redis) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	request := "*1\r\n$4\r\nINFO\r\n"
	if target.Password != "" {
		request = fmt.Sprintf("*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(target.Password), target.Password) + request
	}
	return converse(ctx, dial, target.Address, request, func(r io.Reader) (Reading, error) {
		br := bufio.NewReader(r)
		if target.Password != "" {
			if line, err := br.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
				return Reading{}, fmt.Errorf("redis refused AUTH: %s", strings.TrimSpace(line))
			}
		}
		return parseRedisInfo(br)
	})
}

// parseRedisInfo reads INFO's answer: a RESP bulk string of NAME:VALUE lines.
func parseRedisInfo(br *bufio.Reader) (Reading, error) {
	head, err := br.ReadString('\n')
	if err != nil {
		return Reading{}, fmt.Errorf("redis INFO: %w", err)
	}
	head = strings.TrimSpace(head)
	size, err := strconv.Atoi(strings.TrimPrefix(head, "$"))
	if !strings.HasPrefix(head, "$") || err != nil || size < 0 || size > maxAnswer {
		return Reading{}, fmt.Errorf("redis INFO: unexpected answer %.80q", head)
	}
	r := Reading{Gauges: map[string]float64{}, Counters: map[string]float64{}}
	info := map[string]string{}
	var keys float64
	scanner := bufio.NewScanner(io.LimitReader(br, int64(size)))
	for scanner.Scan() {
		name, value, ok := strings.Cut(strings.TrimSpace(scanner.Text()), ":")
		if !ok {
			continue
		}
		info[name] = value
		// Keyspace lines: db0:keys=312,expires=0,avg_ttl=0
		if strings.HasPrefix(name, "db") {
			if first, _, _ := strings.Cut(value, ","); strings.HasPrefix(first, "keys=") {
				if n, err := strconv.ParseFloat(first[len("keys="):], 64); err == nil {
					keys += n
				}
			}
		}
	}
	if err := scanner.Err(); err != nil {
		return Reading{}, fmt.Errorf("redis INFO: %w", err)
	}
	if info["redis_version"] == "" {
		return Reading{}, fmt.Errorf("redis INFO: no redis_version in the answer")
	}
	r.Gauges["keys"] = keys
	take := func(into map[string]float64, as, name string) {
		if n, err := strconv.ParseFloat(info[name], 64); err == nil {
			into[as] = n
		}
	}
	take(r.Gauges, "connected_clients", "connected_clients")
	take(r.Gauges, "blocked_clients", "blocked_clients")
	take(r.Gauges, "used_memory_bytes", "used_memory")
	take(r.Gauges, "uptime_seconds", "uptime_in_seconds")
	take(r.Gauges, "replicas", "connected_slaves")
	take(r.Counters, "commands", "total_commands_processed")
	take(r.Counters, "hits", "keyspace_hits")
	take(r.Counters, "misses", "keyspace_misses")
	take(r.Counters, "evictions", "evicted_keys")
	take(r.Counters, "expirations", "expired_keys")
	take(r.Counters, "connections", "total_connections_received")
	if info["role"] == "slave" {
		r.Role = "replica"
		if info["master_link_status"] == "up" {
			r.Gauges["master_link_up"] = 1
		} else {
			r.Gauges["master_link_up"] = 0
		}
	}
	return r, nil
}
