package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// script is a protocol without a network: it does what a test says.
type script struct {
	opening time.Duration // how long opening a connection takes

	mu     sync.Mutex
	opened int
	said   []string
	do     func(conn, request int, statement string) error // numbers from 1; of the request, on its connection
}

func (s *script) Compile(op workload.Operation) (any, error) { return op.Statement, nil }

func (s *script) Open(context.Context) (protocol.Conn, error) {
	time.Sleep(s.opening)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return &scripted{script: s, number: s.opened}, nil
}

type scripted struct {
	script   *script
	number   int
	requests int
}

func (c *scripted) Do(_ context.Context, r *protocol.Request, _ *protocol.Answer) error {
	c.script.mu.Lock()
	defer c.script.mu.Unlock()
	c.requests++
	statement := r.Op.(string)
	c.script.said = append(c.script.said, statement)
	if c.script.do == nil {
		return nil
	}
	return c.script.do(c.number, c.requests, statement)
}

func (c *scripted) Close() error { return nil }

// played runs a workload of one connection over a script.
func played(t *testing.T, s *script, spec workload.Spec) (*traffic.Run, traffic.Report) {
	t.Helper()
	var table protocol.Table
	require.NoError(t, table.Register(workload.MySQL, func(protocol.Config) (protocol.Protocol, error) { return s, nil }))
	spec.Target, spec.Connections, spec.Duration = target("mysql://x"), 1, lasting(200*time.Millisecond)
	spec.Arrival = workload.Arrival{Rate: 100}
	spec.Mix = []workload.Operation{{Operation: workload.Statement, Statement: "ask"}}
	run := start(t, spec, func(o *traffic.Options) { o.Protocols = &table })
	return run, run.Wait()
}

func TestTheSetupRunsOnceInItsOrderBeforeTheFirstRequest(t *testing.T) {
	tries := 0
	s := &script{}
	s.do = func(_, _ int, statement string) error {
		if statement == "create" {
			if tries++; tries < 3 { // not there yet
				return &protocol.Failure{Kind: protocol.KindEOF, Text: "gone"}
			}
		}
		return nil
	}
	_, r := played(t, s, workload.Spec{Setup: []string{"create", "fill"}})
	balanced(t, r)
	require.Equal(t, uint64(20), r.TotalSucceeded)
	require.Equal(t, []string{"create", "create", "create", "fill", "ask"}, s.said[:5])
	require.NotContains(t, s.said[4:], "create")
}

func TestASetupThatTheServerRefusesFailsTheRunAtOnce(t *testing.T) {
	s := &script{do: func(int, int, string) error {
		return &protocol.Failure{Kind: protocol.KindServer, Text: "syntax error"}
	}}
	run, r := played(t, s, workload.Spec{Setup: []string{"creat"}})
	require.Equal(t, traffic.Failed, r.State)
	require.ErrorContains(t, run.Err(), "setup: statement 1: syntax error")
	require.Equal(t, []string{"creat"}, s.said)
}

func TestAConnectionThatWasClosedWhileIdleCostsNoError(t *testing.T) {
	s := &script{do: func(_, request int, _ string) error {
		if request == 4 {
			return protocol.ErrStale
		}
		return nil
	}}
	_, r := played(t, s, workload.Spec{})
	balanced(t, r)
	require.Equal(t, uint64(20), r.TotalSucceeded)
	require.Equal(t, 7, s.opened)
}

func TestARequestThatAnIdleConnectionDidNotAnswerIsSentOnceMore(t *testing.T) {
	s := &script{do: func(_, request int, _ string) error {
		if request == 4 {
			return fmt.Errorf("%w: %w", protocol.ErrUnanswered, io.EOF)
		}
		return nil
	}}
	_, r := played(t, s, workload.Spec{})
	balanced(t, r)
	require.Equal(t, uint64(20), r.TotalSucceeded)
	require.Equal(t, 7, s.opened)

	s = &script{do: func(int, int, string) error { return fmt.Errorf("%w: %w", protocol.ErrUnanswered, io.EOF) }}
	_, r = played(t, s, workload.Spec{})
	balanced(t, r)
	require.Equal(t, r.Scheduled, r.TotalFailed)
	require.Equal(t, protocol.KindEOF, r.Errors[0].Kind)
	require.Len(t, s.said, 2*int(r.TotalFailed), "once, not for ever")
}

func TestAServerThatClosesEveryConnectionAtOnceIsNotAskedForEver(t *testing.T) {
	s := &script{do: func(int, int, string) error { return protocol.ErrStale }}
	_, r := played(t, s, workload.Spec{})
	balanced(t, r)
	require.Equal(t, r.Scheduled, r.TotalFailed)
	require.Equal(t, protocol.KindEOF, r.Errors[0].Kind)
}

func TestAConnectionWithoutAnyAnswerIsGivenUp(t *testing.T) {
	s := &script{do: func(conn, _ int, _ string) error {
		if conn == 1 { // its other side is gone without a word, and the protocol would go on with it
			return &protocol.Failure{Kind: protocol.KindTimeout, Text: "no answer"}
		}
		return nil
	}}
	_, r := played(t, s, workload.Spec{})
	balanced(t, r)
	require.Equal(t, uint64(3), r.TotalFailed)
	require.Equal(t, uint64(17), r.TotalSucceeded)
	require.Equal(t, 2, s.opened)
}

func TestARequestPaysForTheConnectionThatIsOpenedForIt(t *testing.T) {
	s := &script{opening: 20 * time.Millisecond}
	_, r := played(t, s, workload.Spec{RequestsPerConnection: 1})
	balanced(t, r)
	require.Equal(t, uint64(20), r.TotalSucceeded)
	require.Equal(t, 20, s.opened)
	require.GreaterOrEqual(t, r.Latency.P50, 0.02)
	require.Less(t, r.Service.P50, 0.02)
}

func TestAnErrorOfTheServerKeepsTheConnection(t *testing.T) {
	s := &script{do: func(_, request int, _ string) error {
		if request%2 == 0 {
			return &protocol.Failure{Kind: protocol.KindServer, Text: "no"}
		}
		return nil
	}}
	_, r := played(t, s, workload.Spec{})
	balanced(t, r)
	require.Equal(t, uint64(10), r.TotalFailed)
	require.Equal(t, 1, s.opened)
	require.Equal(t, uint64(10), r.Latency.Count, "what the server refuses quickly does not count as fast")

	s = &script{do: func(int, int, string) error { return errors.New("broken") }}
	_, r = played(t, s, workload.Spec{})
	// The run may end before the connection after the last one is made.
	require.Contains(t, []uint64{r.TotalFailed, r.TotalFailed + 1}, uint64(s.opened), "a new connection after each")
}
