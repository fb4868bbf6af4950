package component

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// memcached reads `stats` (https://github.com/memcached/memcached/blob/master/doc/protocol.txt).
type memcached struct{}

func (memcached) DefaultPort() uint16 { return 11211 }

func (memcached) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	return converse(ctx, dial, target.Address, "stats\r\nquit\r\n", parseMemcachedStats)
}

func parseMemcachedStats(in io.Reader) (Reading, error) {
	r := Reading{Gauges: map[string]float64{}, Counters: map[string]float64{}}
	gauges := map[string]string{"curr_items": "keys", "curr_connections": "connected_clients", "bytes": "used_memory_bytes",
		"limit_maxbytes": "memory_limit_bytes", "uptime": "uptime_seconds"}
	counters := map[string]string{"get_hits": "hits", "get_misses": "misses", "evictions": "evictions",
		"cmd_get": "gets", "cmd_set": "sets", "total_connections": "connections"}
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "END" {
			return r, nil
		}
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "STAT" {
			return Reading{}, fmt.Errorf("memcached stats: unexpected line %.80q", line)
		}
		n, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			continue
		}
		if as, ok := gauges[fields[1]]; ok {
			r.Gauges[as] = n
		}
		if as, ok := counters[fields[1]]; ok {
			r.Counters[as] = n
		}
	}
	if err := scanner.Err(); err != nil {
		return Reading{}, fmt.Errorf("memcached stats: %w", err)
	}
	return Reading{}, fmt.Errorf("memcached stats: answer ends before END")
}
