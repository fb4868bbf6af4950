package traffic_test

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
)

// store is a small Redis: enough for the default mix, and for misbehaving on order.
type store struct {
	t        *testing.T
	address  string
	listener net.Listener
	serving  sync.WaitGroup

	mu       sync.Mutex
	data     map[string]string
	asked    []string                         // keys in the order of arrival
	before   func(words []string) (hang bool) // called for each command, without the lock
	conns    map[net.Conn]bool
	accepted int
	refusals int // writes that are still answered with an error
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{t: t, data: map[string]string{}, conns: map[net.Conn]bool{}, address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.vanish)
	return s
}

// start listens, again at the same address after vanish.
func (s *store) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.address)
	require.NoError(s.t, err)
	s.listener, s.address = listener, listener.Addr().String()
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.accepted++
			s.mu.Unlock()
			s.serving.Go(func() {
				defer conn.Close()
				s.serve(conn)
			})
		}
	})
}

// vanish closes the listener and every connection, and waits.
func (s *store) vanish() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = map[net.Conn]bool{}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *store) url() string { return "redis://" + s.address }

func (s *store) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		words, err := command(in)
		if err != nil {
			return
		}
		s.mu.Lock()
		before := s.before
		s.mu.Unlock()
		if before != nil && before(words) {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		if _, err := io.WriteString(conn, s.answer(words)); err != nil {
			return
		}
	}
}

func (s *store) answer(words []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch strings.ToUpper(words[0]) {
	case "GET":
		s.asked = append(s.asked, words[1])
		value, ok := s.data[words[1]]
		if !ok {
			return "$-1\r\n"
		}
		return "$" + strconv.Itoa(len(value)) + "\r\n" + value + "\r\n"
	case "SET":
		if s.refusals > 0 {
			s.refusals--
			return "-ERR Connection timed out\r\n"
		}
		s.data[words[1]] = words[2]
		return "+OK\r\n"
	case "PING":
		return "+PONG\r\n"
	}
	return "-ERR unknown command\r\n"
}

func (s *store) on(before func([]string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// refuse answers the next n writes with an error, as a proxy does whose server is away.
func (s *store) refuse(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = n
}

func (s *store) acceptances() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

func command(in *bufio.Reader) ([]string, error) {
	line := func() (string, error) {
		text, err := in.ReadString('\n')
		return strings.TrimRight(text, "\r\n"), err
	}
	count, err := line()
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(count, "*"))
	if err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		if _, err := line(); err != nil {
			return nil, err
		}
		if words[i], err = line(); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// start begins a workload and sees to its end.
func start(t *testing.T, spec workload.Spec, change ...func(*traffic.Options)) *traffic.Run {
	t.Helper()
	if spec.Timeout == 0 { // a busy machine is not what these tests are about
		spec.Timeout = lasting(30 * time.Second)
	}
	options := traffic.Options{Workload: spec, Window: 50 * time.Millisecond}
	for _, c := range change {
		c(&options)
	}
	run, err := traffic.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() {
		run.Stop()
		run.Wait()
	})
	return run
}

func target(address string) workload.Targets { return workload.Targets{address} }

func lasting(d time.Duration) workload.Duration { return workload.Duration(d) }

// balanced checks that every request that fell due is accounted for.
func balanced(t require.TestingT, r traffic.Report) {
	require.Equal(t, r.Scheduled, r.TotalSucceeded+r.TotalFailed+r.Dropped+r.Canceled, "%+v", r)
	require.LessOrEqual(t, r.Sent, r.TotalSucceeded+r.TotalFailed)
	require.Zero(t, r.InFlight)
	var scheduled, succeeded, failed, dropped uint64
	for _, p := range r.Series {
		scheduled += p.Scheduled
		succeeded += p.Succeeded
		failed += p.Failed
		dropped += p.Dropped
	}
	require.Equal(t, []uint64{r.Scheduled, r.TotalSucceeded, r.TotalFailed, r.Dropped}, []uint64{scheduled, succeeded, failed, dropped}, "the series adds up")
	var errors uint64
	for _, e := range r.Errors {
		errors += e.Count
	}
	require.Equal(t, r.TotalFailed, errors)
}
