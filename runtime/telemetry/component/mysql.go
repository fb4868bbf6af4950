package component

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strconv"

	driver "github.com/go-sql-driver/mysql"
)

// mysql reads SHOW GLOBAL STATUS of MySQL and MariaDB, and whether the server is a replica.
type mysql struct{}

func (mysql) DefaultPort() uint16 { return 3306 }

func (mysql) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	cfg := driver.NewConfig()
	cfg.User, cfg.Passwd = target.User, target.Password
	cfg.Net, cfg.Addr = "tcp", target.Address
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial.DialContext(ctx, network, address)
	}
	connector, err := driver.NewConnector(cfg)
	if err != nil {
		return Reading{}, fmt.Errorf("mysql: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, "SHOW GLOBAL STATUS")
	if err != nil {
		return Reading{}, fmt.Errorf("mysql: %w", err)
	}
	defer func() { _ = rows.Close() }()
	status := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return Reading{}, fmt.Errorf("mysql: %w", err)
		}
		status[name] = value
	}
	if err := rows.Err(); err != nil {
		return Reading{}, fmt.Errorf("mysql: %w", err)
	}
	return mysqlReading(status), nil
}

func mysqlReading(status map[string]string) Reading {
	r := Reading{Gauges: map[string]float64{}, Counters: map[string]float64{}}
	take := func(into map[string]float64, as, name string) {
		if n, err := strconv.ParseFloat(status[name], 64); err == nil {
			into[as] = n
		}
	}
	take(r.Gauges, "connected_clients", "Threads_connected")
	take(r.Gauges, "running_threads", "Threads_running")
	take(r.Gauges, "uptime_seconds", "Uptime")
	take(r.Counters, "queries", "Questions")
	take(r.Counters, "slow_queries", "Slow_queries")
	take(r.Counters, "aborted_connections", "Aborted_connects")
	take(r.Counters, "rows_read", "Innodb_rows_read")
	take(r.Counters, "rows_inserted", "Innodb_rows_inserted")
	take(r.Counters, "lock_waits", "Innodb_row_lock_waits")
	return r
}
