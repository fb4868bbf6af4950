package protocol

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// mysqlProtocol speaks with MySQL, MariaDB and what stands in front of them. It uses the driver without database/sql, whose
// pool would retry and so hide errors.
type mysqlProtocol struct {
	config    Config
	connector driver.Connector
}

// witnessKey hands the connection that the driver dials back to Open.
type witnessKey struct{}

func newMySQL(config Config) (Protocol, error) {
	p := &mysqlProtocol{config: config}
	target := config.Target
	settings := mysql.NewConfig()
	settings.Net, settings.Addr = "tcp", target.Address()
	settings.User, settings.Passwd = target.User, target.Password
	if settings.User == "" {
		settings.User = "root"
	}
	settings.DBName, _, _ = strings.Cut(strings.Trim(target.Path, "/"), "?")
	settings.Timeout, settings.ReadTimeout, settings.WriteTimeout = config.Timeout, config.Timeout, config.Timeout
	settings.Logger = &mysql.NopLogger{}
	settings.CheckConnLiveness = false
	settings.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		w, err := p.config.witnessed(ctx)
		if err != nil {
			return nil, err
		}
		if place, ok := ctx.Value(witnessKey{}).(**witness); ok {
			*place = w
		}
		return w, nil
	}
	connector, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target.Redacted(), err)
	}
	p.connector = connector
	return p, nil
}

// mysqlOp is a compiled statement.
type mysqlOp struct {
	ping      bool
	statement string // with ? for each placeholder
	fills     []byte // what stands for each ?, as in part.fill
	keyed     bool   // a question about a key: no row means that it was not there
}

// Compile prepares a statement. Its placeholders become parameters of a prepared statement.
func (p *mysqlProtocol) Compile(op workload.Operation) (any, error) {
	switch op.Operation {
	case workload.Ping:
		return &mysqlOp{ping: true}, nil
	case workload.Statement:
	default:
		return nil, unknownOperation(workload.MySQL, op)
	}
	compiled := &mysqlOp{}
	var text strings.Builder
	for _, part := range newTemplate(op.Statement) {
		if part.fill == 0 {
			text.Write(part.literal)
			continue
		}
		text.WriteByte('?')
		compiled.fills = append(compiled.fills, part.fill)
	}
	compiled.statement = text.String()
	verb, _, _ := strings.Cut(strings.TrimSpace(compiled.statement), " ")
	compiled.keyed = strings.EqualFold(verb, "select") && len(compiled.fills) > 0
	return compiled, nil
}

// Open connects and logs in.
func (p *mysqlProtocol) Open(ctx context.Context) (Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	var w *witness
	conn, err := p.connector.Connect(context.WithValue(ctx, witnessKey{}, &w))
	if err != nil {
		return nil, mysqlFailure(ctx, err, w)
	}
	return &mysqlConn{config: p.config, conn: conn, witness: w, prepared: map[*mysqlOp]driver.Stmt{}}, nil
}

type mysqlConn struct {
	config   Config
	conn     driver.Conn
	witness  *witness
	prepared map[*mysqlOp]driver.Stmt
	args     []driver.NamedValue

	mu     sync.Mutex
	busy   bool
	closed bool
}

// Do runs a statement and reads all its rows.
func (c *mysqlConn) Do(ctx context.Context, r *Request, answer *Answer) error {
	if !c.begin() {
		return net.ErrClosed
	}
	defer c.end()
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	op := r.Op.(*mysqlOp)
	if op.ping {
		return mysqlFailure(ctx, c.conn.(driver.Pinger).Ping(ctx), c.witness)
	}
	rows, err := c.run(ctx, op, r)
	if err != nil {
		return mysqlFailure(ctx, err, c.witness)
	}
	count, err := readRows(rows)
	if err != nil {
		return mysqlFailure(ctx, err, c.witness)
	}
	if op.keyed {
		answer.Found = FoundHit
		if count == 0 {
			answer.Found = FoundMiss
		}
	}
	return nil
}

func (c *mysqlConn) run(ctx context.Context, op *mysqlOp, r *Request) (driver.Rows, error) {
	if len(op.fills) == 0 {
		return c.conn.(driver.QueryerContext).QueryContext(ctx, op.statement, nil)
	}
	statement := c.prepared[op]
	if statement == nil {
		var err error
		if statement, err = c.conn.(driver.ConnPrepareContext).PrepareContext(ctx, op.statement); err != nil {
			return nil, err
		}
		c.prepared[op] = statement
	}
	c.args = c.args[:0]
	for i, fill := range op.fills {
		var value driver.Value
		switch fill {
		case 'k':
			value = string(r.Key)
		case 'n':
			value = int64(r.Number)
		case 'v':
			value = r.Value
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return statement.(driver.StmtQueryContext).QueryContext(ctx, c.args)
}

// readRows reads every result set to its end.
func readRows(rows driver.Rows) (count int, err error) {
	values := make([]driver.Value, len(rows.Columns()))
	for {
		switch err = rows.Next(values); {
		case err == nil:
			count++
		case errors.Is(err, io.EOF):
			more, ok := rows.(driver.RowsNextResultSet)
			if !ok || !more.HasNextResultSet() {
				return count, rows.Close()
			}
			if err = more.NextResultSet(); err != nil {
				_ = rows.Close()
				return count, err
			}
			values = make([]driver.Value, len(rows.Columns()))
		default:
			_ = rows.Close()
			return count, err
		}
	}
}

// mysqlFailure says what an error of the driver means.
func mysqlFailure(ctx context.Context, err error, w *witness) error {
	if err == nil {
		return nil
	}
	var answered *mysql.MySQLError
	if errors.As(err, &answered) {
		const shutdown = 1053
		return &Failure{Kind: KindServer, Text: answered.Error(), broken: answered.Number == shutdown}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if w != nil && w.seen() != nil {
		return fmt.Errorf("%w: %w", err, w.seen())
	}
	for _, wrong := range []error{mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrPktTooLarge, mysql.ErrUnknownPlugin,
		mysql.ErrOldProtocol, mysql.ErrOldPassword, mysql.ErrCleartextPassword, mysql.ErrNoTLS} {
		if errors.Is(err, wrong) {
			return garbled("%v", err)
		}
	}
	if errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) {
		return &Failure{Kind: KindEOF, Text: err.Error(), broken: true}
	}
	return err
}

func (c *mysqlConn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = !c.closed
	return c.busy
}

func (c *mysqlConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	if c.closed {
		_ = c.conn.Close()
	}
}

// Close ends the connection. The driver's own closing is not meant to run beside a statement, so it is then left to Do.
func (c *mysqlConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.busy {
		return c.witness.Close()
	}
	return c.conn.Close()
}

// RemoteAddr is the address that was reached.
func (c *mysqlConn) RemoteAddr() net.Addr { return c.witness.RemoteAddr() }
