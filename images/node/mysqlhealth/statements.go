package mysqlhealth

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Statements reads a file of SQL: each statement ends with a semicolon at the end of a line, and lines that begin with -- are remarks.
func Statements(text string) ([]string, error) {
	var statements []string
	var current []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		whole, ends := strings.CutSuffix(line, ";")
		if current = append(current, whole); !ends {
			continue
		}
		if statement := strings.TrimSpace(strings.Join(current, "\n")); statement != "" {
			statements = append(statements, statement)
		}
		current = nil
	}
	if len(current) > 0 {
		return nil, fmt.Errorf("the last statement, %q, has no semicolon at its end", shown(strings.Join(current, " ")))
	}
	if len(statements) == 0 {
		return nil, errors.New("no statement: a check that does nothing finds nothing")
	}
	return statements, nil
}

// Open prepares the connection to a server, user:password@tcp(host:port)/database, for checks with a deadline. Nothing is connected yet.
func Open(dsn string, deadline time.Duration) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}
	config.Timeout, config.Logger = 0, &mysql.NopLogger{} // the check's own deadline bounds connecting as well
	// The server does not see that a check has given up, as long as it waits for a lock; it must give up by itself, or each check
	// leaves one more waiting connection behind.
	seconds := strconv.Itoa(max(1, int(math.Ceil(deadline.Seconds()))))
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["lock_wait_timeout"], config.Params["innodb_lock_wait_timeout"] = seconds, seconds
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}
	return sql.OpenDB(connector), nil
}
