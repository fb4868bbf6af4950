package component

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// haproxy reads the statistics page as CSV (https://docs.haproxy.org/3.0/management.html#9.1).
type haproxy struct{}

func (haproxy) DefaultPort() uint16 { return 8404 }

func (haproxy) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	return get(ctx, dial, target, "/stats;csv", parseHAProxyCSV)
}

func parseHAProxyCSV(in io.Reader) (Reading, error) {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = -1
	head, err := rows.Read()
	if err != nil {
		return Reading{}, fmt.Errorf("haproxy statistics: %w", err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[strings.TrimPrefix(name, "# ")] = i
	}
	if _, ok := column["svname"]; !ok {
		return Reading{}, fmt.Errorf("haproxy statistics: no column svname in %.80q", strings.Join(head, ","))
	}
	r := Reading{Gauges: map[string]float64{"servers_up": 0, "servers_down": 0}, Counters: map[string]float64{}}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
			return Reading{}, fmt.Errorf("haproxy statistics: %w", err)
		}
		cell := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return row[i]
			}
			return ""
		}
		add := func(into map[string]float64, as, name string) {
			if n, err := strconv.ParseFloat(cell(name), 64); err == nil {
				into[as] += n
			}
		}
		switch cell("svname") {
		case "FRONTEND":
			add(r.Gauges, "connected_clients", "scur")
			add(r.Counters, "requests", "req_tot")
			add(r.Counters, "responses_5xx", "hrsp_5xx")
		case "BACKEND":
			add(r.Gauges, "in_queue", "qcur")
			add(r.Counters, "retries", "wretr")
			add(r.Counters, "connection_errors", "econ")
		default:
			if strings.HasPrefix(cell("status"), "UP") || cell("status") == "no check" {
				r.Gauges["servers_up"]++
			} else if cell("status") != "" {
				r.Gauges["servers_down"]++
			}
		}
	}
}
