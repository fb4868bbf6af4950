package traffic

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// prepare runs the setup, writes the keys that shall be there, and opens the first connections.
func (e *engine) prepare(ctx context.Context) error {
	if err := e.setUp(ctx); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	if e.options.Workload.Keys.Preload {
		if err := e.preload(ctx); err != nil {
			return fmt.Errorf("preload: %w", err)
		}
	}
	var opening sync.WaitGroup
	for _, t := range e.targets {
		for _, l := range t.links {
			opening.Go(func() { _ = l.connect(ctx) }) // what is not there costs errors when it is asked
		}
	}
	opening.Wait()
	return ctx.Err()
}

// setupTimeout is how long a statement of the setup, or one key of a preload, may take at least.
const setupTimeout = 30 * time.Second

// patient makes a Protocol for the target with a timeout for preparations.
func (e *engine) patient(address string) (protocol.Protocol, error) {
	options := e.options
	options.Workload.Target = workload.Targets{address}
	options.Workload.Timeout = workload.Duration(max(e.timeout, setupTimeout))
	options.Workload.Connections = 1
	targets, err := newTargets(options)
	if err != nil {
		return nil, err
	}
	return targets[0].spoken, nil
}

func (e *engine) setUp(ctx context.Context) error {
	statements := e.options.Workload.Setup
	if len(statements) == 0 {
		return nil
	}
	spoken, err := e.patient(e.options.Workload.Target[0])
	if err != nil {
		return err
	}
	s := &preparer{engine: e, spoken: spoken, until: time.Now().Add(e.options.Patience)}
	defer s.close()
	for i, statement := range statements {
		op, err := spoken.Compile(workload.Operation{Operation: workload.Statement, Statement: statement})
		if err != nil {
			return err
		}
		if err := s.do(ctx, &protocol.Request{Op: op}); err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return nil
}

// preloaders is how many connections write keys at a time.
const preloaders = 16

// preload writes every key once, to each target.
func (e *engine) preload(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := e.plan.Load()
	for _, address := range e.options.Workload.Target {
		spoken, err := e.patient(address)
		if err != nil {
			return err
		}
		op, err := spoken.Compile(workload.Operation{Operation: workload.Write, Weight: 1})
		if err != nil {
			return err
		}
		var next atomic.Uint64
		var writers sync.WaitGroup
		for part := range min(preloaders, p.keys.Count) {
			writers.Go(func() {
				s := &preparer{engine: e, spoken: spoken, until: time.Now().Add(e.options.Patience), refused: refusedWrites}
				defer s.close()
				d := newDrawer(p, 0, part, preloaders)
				var key []byte
				for ctx.Err() == nil {
					number := next.Add(1) - 1
					if number >= uint64(p.keys.Count) {
						return
					}
					key = d.keys.Append(key[:0], number)
					if err := s.do(ctx, &protocol.Request{Op: op, Key: key, Number: number, Value: d.values.Next()}); err != nil {
						cancel(fmt.Errorf("write %s: %w", key, err))
					}
				}
			})
		}
		writers.Wait()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// refusedWrites is how long a key that the target refuses is tried again: a proxy answers with an error while what is behind it is slow
// or comes back. A statement of the setup that is refused stays wrong.
const refusedWrites = 30 * time.Second

// preparer makes requests of the preparations over one connection. A target that is not there yet is tried again until the patience
// ends; what the target itself refuses, until refused ends.
type preparer struct {
	engine  *engine
	spoken  protocol.Protocol
	conn    protocol.Conn
	until   time.Time
	refused time.Duration
}

func (s *preparer) do(ctx context.Context, r *protocol.Request) error {
	pause := 20 * time.Millisecond
	begun := time.Now()
	for {
		err := s.attempt(ctx, r)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if protocol.Broken(err) {
			s.close()
		} else if protocol.KindOf(err) == protocol.KindServer && time.Since(begun) >= s.refused {
			return err
		}
		if time.Now().Add(pause).After(s.until) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

func (s *preparer) attempt(ctx context.Context, r *protocol.Request) error {
	if s.conn == nil {
		conn, err := s.spoken.Open(ctx)
		if err != nil {
			return err
		}
		s.conn = conn
	}
	stop := context.AfterFunc(ctx, s.interrupt(s.conn))
	defer stop()
	r.Now = time.Now()
	var answer protocol.Answer
	return s.conn.Do(ctx, r, &answer)
}

// interrupt ends a request when the preparations are given up: not every protocol looks at its context while it waits.
func (s *preparer) interrupt(conn protocol.Conn) func() { return func() { _ = conn.Close() } }

func (s *preparer) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
