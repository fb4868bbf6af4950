// Package mysqlhealth is an adapter: it gives MySQL and MariaDB, which have no health page, the page that everything else has. Each
// check does what the application does, within a deadline, and takes it back.
//
//	checker := mysqlhealth.New(mysqlhealth.Options{DB: db, Statements: statements, Deadline: 500 * time.Millisecond})
//	err := checker.Serve(ctx, listener)
//
// README.md is its API.
package mysqlhealth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/singleflight"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say what a check is.
type Options struct {
	// DB is the database. Checks use one connection at a time.
	DB *sql.DB
	// Statements are run one after another in a transaction that is rolled back, so that they may write and leave nothing.
	Statements []string
	// Deadline bounds a check, connecting included.
	Deadline time.Duration
	Log      *slog.Logger // nil discards
}

// The results of a check.
const (
	OK          = "ok"
	Deadline    = "deadline"    // there was no answer in time
	Unreachable = "unreachable" // no connection
	Refused     = "refused"     // the server answered, with an error
)

// Outcome is what a check found.
type Outcome struct {
	// Result is OK, Deadline, Unreachable or Refused.
	Result string `json:"result"`
	// Error is the server's or the network's own word; empty when all is well.
	Error string `json:"error,omitempty"`
	// Took is how long the check took, in milliseconds.
	Took float64 `json:"took_ms"`
}

// Checker checks when it is asked.
type Checker struct {
	options  Options
	checks   singleflight.Group
	registry *prometheus.Registry
	results  *prometheus.CounterVec
	seconds  prometheus.Histogram
	up       prometheus.Gauge
}

// New returns a Checker.
func New(options Options) *Checker {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	c := &Checker{options: options, registry: prometheus.NewRegistry(),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mysql_health_checks_total", Help: "Checks, by result."}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "mysql_health_check_seconds", Help: "How long checks took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 12)}),
		up: prometheus.NewGauge(prometheus.GaugeOpts{Name: "mysql_health_up", Help: "1 when the last check was well."}),
	}
	c.registry.MustRegister(c.results, c.seconds, c.up)
	options.DB.SetMaxOpenConns(1)
	return c
}

// Check runs the statements now, or waits for a check that is under way: many who ask at once are no more load than one.
func (c *Checker) Check(ctx context.Context) Outcome {
	done := c.checks.DoChan("", func() (any, error) {
		// Whoever asked first may go away; the others still wait for the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.Deadline)
		defer cancel()
		start := time.Now()
		err := c.run(ctx)
		outcome := Outcome{Result: result(ctx, err), Took: float64(time.Since(start).Microseconds()) / 1000}
		if err != nil {
			outcome.Error = err.Error()
		}
		c.note(outcome)
		return outcome, nil
	})
	select {
	case r := <-done:
		return r.Val.(Outcome)
	case <-ctx.Done():
		return Outcome{Result: Deadline, Error: ctx.Err().Error()}
	}
}

func (c *Checker) run(ctx context.Context) error {
	tx, err := c.options.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for _, statement := range c.options.Statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			_ = tx.Rollback()
			return fmt.Errorf("%s: %w", shown(statement), err)
		}
	}
	if err := tx.Rollback(); err != nil {
		return fmt.Errorf("rollback: %w", err)
	}
	return nil
}

// shownMost is how much of a statement an error repeats, in bytes.
const shownMost = 60

func shown(statement string) string {
	line := strings.Join(strings.Fields(statement), " ")
	if len(line) > shownMost {
		line = strings.ToValidUTF8(line[:shownMost], "") + "..."
	}
	return line
}

func result(ctx context.Context, err error) string {
	var answered *mysql.MySQLError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &answered):
		return Refused
	case ctx.Err() != nil:
		return Deadline
	}
	return Unreachable
}

func (c *Checker) note(o Outcome) {
	c.results.WithLabelValues(o.Result).Inc()
	c.seconds.Observe(o.Took / 1000)
	if o.Result == OK {
		c.up.Set(1)
		return
	}
	c.up.Set(0)
	c.options.Log.Warn("unhealthy", "result", o.Result, "took_ms", o.Took, "error", o.Error)
}

// Handler is the adapter's API.
func (c *Checker) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		outcome := c.Check(r.Context())
		w.Header().Set("Content-Type", "application/json")
		if outcome.Result != OK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(outcome)
	})
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "the adapter is alive") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{}))
	return mux
}

// Serve answers on listener until ctx ends; checks under way are answered.
func (c *Checker) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, c.Handler(), serving.Options{Drain: c.options.Deadline + time.Second})
}
