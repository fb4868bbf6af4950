package mysqlhealth

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

// server is a database that does as it is told, and writes down what it was asked.
type server struct {
	mu        sync.Mutex
	ran       []string
	refuse    map[string]error
	unreached error
	locked    chan struct{} // statements wait until it is closed; nil: nobody waits
}

func (s *server) Connect(context.Context) (driver.Conn, error) {
	if s.unreached != nil {
		return nil, s.unreached
	}
	return (*conn)(s), nil
}
func (s *server) Driver() driver.Driver { return nil }

func (s *server) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.ran...)
}

func (s *server) hear(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = append(s.ran, what)
	return s.refuse[what]
}

type conn server

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("nothing is prepared") }
func (c *conn) Close() error                        { return nil }
func (c *conn) Begin() (driver.Tx, error)           { return c, (*server)(c).hear("BEGIN") }
func (c *conn) Commit() error                       { return (*server)(c).hear("COMMIT") }
func (c *conn) Rollback() error                     { return (*server)(c).hear("ROLLBACK") }
func (c *conn) ExecContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	if c.locked != nil {
		select {
		case <-c.locked:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return driver.RowsAffected(0), (*server)(c).hear(query)
}

func checker(t *testing.T, s *server, deadline time.Duration, statements ...string) *Checker {
	db := sql.OpenDB(s)
	t.Cleanup(func() { _ = db.Close() })
	return New(Options{DB: db, Statements: statements, Deadline: deadline})
}

func ask(t *testing.T, c *Checker) (int, Outcome) {
	answer := httptest.NewRecorder()
	c.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	var o Outcome
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&o))
	return answer.Code, o
}

func TestACheckDoesWhatTheApplicationDoesAndTakesItBack(t *testing.T) {
	s := &server{}
	code, o := ask(t, checker(t, s, time.Minute, "SELECT 1", "INSERT INTO orders VALUES (1)"))
	require.Equal(t, 200, code)
	require.Equal(t, OK, o.Result)
	require.Empty(t, o.Error)
	require.Equal(t, []string{"BEGIN", "SELECT 1", "INSERT INTO orders VALUES (1)", "ROLLBACK"}, s.heard())
}

func TestAStatementThatIsRefusedIsUnhealthyAndTakenBack(t *testing.T) {
	full := &mysql.MySQLError{Number: 1114, Message: "The table 'orders' is full"}
	s := &server{refuse: map[string]error{"INSERT": full}}
	c := checker(t, s, time.Minute, "SELECT 1", "INSERT", "SELECT 2")
	code, o := ask(t, c)
	require.Equal(t, 503, code)
	require.Equal(t, Refused, o.Result)
	require.Contains(t, o.Error, "INSERT: Error 1114")
	require.Equal(t, []string{"BEGIN", "SELECT 1", "INSERT", "ROLLBACK"}, s.heard())

	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	code, _ = ask(t, c)
	require.Equal(t, 200, code, "it is well again as soon as the database is")
}

func TestALockedTableIsUnhealthyAtTheDeadline(t *testing.T) {
	s := &server{locked: make(chan struct{})}
	const deadline = 50 * time.Millisecond
	code, o := ask(t, checker(t, s, deadline, "SELECT 1"))
	require.Equal(t, 503, code)
	require.Equal(t, Deadline, o.Result)
	require.GreaterOrEqual(t, o.Took, 50.0)
	require.NotContains(t, s.heard(), "SELECT 1")
}

func TestAServerThatIsNotThereIsUnhealthy(t *testing.T) {
	code, o := ask(t, checker(t, &server{unreached: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}, time.Minute, "SELECT 1"))
	require.Equal(t, 503, code)
	require.Equal(t, Unreachable, o.Result)
}

func TestManyWhoAskAtOnceAreOneCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{locked: make(chan struct{})}
		c := checker(t, s, time.Minute, "SELECT 1")
		answers := make(chan string, 11)
		first, gone := context.WithCancel(t.Context())
		go func() { answers <- c.Check(first).Result }()
		synctest.Wait()
		for range 10 {
			go func() { answers <- c.Check(t.Context()).Result }()
		}
		synctest.Wait()
		gone()
		require.Equal(t, Deadline, <-answers, "who goes away gets nothing")
		close(s.locked)
		for range 10 {
			require.Equal(t, OK, <-answers, "and does not spoil it for the others")
		}
		require.Equal(t, []string{"BEGIN", "SELECT 1", "ROLLBACK"}, s.heard())
	})
}

func TestItCountsWhatItFound(t *testing.T) {
	s := &server{refuse: map[string]error{"INSERT": &mysql.MySQLError{Number: 1114}}}
	c := checker(t, s, time.Minute, "INSERT")
	ask(t, c)
	answer := httptest.NewRecorder()
	c.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Contains(t, answer.Body.String(), `mysql_health_checks_total{result="refused"} 1`)
	require.Contains(t, answer.Body.String(), "mysql_health_up 0")
}

func TestItServesUntilItIsToldToEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- checker(t, &server{}, time.Second, "SELECT 1").Serve(ctx, listener) }()
	resp, err := http.Get("http://" + listener.Addr().String() + "/livez")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	cancel()
	require.NoError(t, <-ended)
}

func TestStatementsAreReadFromAFile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
		err  string
	}{
		"one":           {"SELECT 1;\n", []string{"SELECT 1"}, ""},
		"several lines": {"-- a remark; with a semicolon\nINSERT INTO t\n  VALUES (1);\n\nSELECT ';' FROM t;", []string{"INSERT INTO t\nVALUES (1)", "SELECT ';' FROM t"}, ""},
		"no end":        {"SELECT 1;\nSELECT 2\n", nil, "no semicolon"},
		"nothing":       {"-- later\n;\n", nil, "no statement"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Statements(c.text)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAnAddressThatMakesNoSenseIsRefused(t *testing.T) {
	_, err := Open("no address", time.Second)
	require.Error(t, err)
	db, err := Open("app:lab@tcp(127.0.0.1:1)/shop", 1500*time.Millisecond)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
