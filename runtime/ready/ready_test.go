package ready

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

var target = Target{ID: "id", Name: "lab-web-1", Service: "web"}

func TestACommandIsRepeatedSoonThenLessOften(t *testing.T) {
	b := newBox()
	b.exec = func(attempt int, command []string, stdout io.Writer) (int, error) {
		require.Equal(t, []string{"ping"}, command)
		fmt.Fprint(stdout, "not yet")
		if attempt < 12 {
			return 1, nil
		}
		return 0, nil
	}
	clock := &skipping{limit: lastPause}
	require.NoError(t, New(b, Options{Clock: clock}).Wait(t.Context(), target, []Probe{{Kind: Command, Command: []string{"ping"}}}))
	require.Len(t, clock.slept, 11, "the first attempt waits for nothing")
	require.Equal(t, firstPause, clock.slept[0])
	require.Equal(t, lastPause, clock.slept[10])
	require.IsIncreasing(t, clock.slept[:6])
}

func TestAnExitEndsTheWaitingAndIsQuoted(t *testing.T) {
	b := newBox()
	b.tail = "starting\nno such file: /etc/web.conf\n"
	b.exec = func(int, []string, io.Writer) (int, error) { return 1, nil }
	clock := &skipping{limit: 0} // pauses never end: only the exit can
	go b.exit(78)
	err := New(b, Options{Clock: clock}).Wait(t.Context(), target, []Probe{{Kind: Command, Command: []string{"ping"}}})
	var exit *ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, ExitError{Service: "web", Container: "lab-web-1", Code: 78, Waiting: `command "ping"`,
		Log: []string{"starting", "no such file: /etc/web.conf"}}, *exit)
	require.ErrorContains(t, err, "exited with code 78 while waiting for command")
	require.ErrorContains(t, err, "| no such file")
	require.NotEmpty(t, hint.Of(err))
}

func TestOnlyTheLastLinesAreQuoted(t *testing.T) {
	b := newBox()
	for i := range 40 {
		b.tail += fmt.Sprintf("line %d\n", i)
	}
	b.exit(1)
	err := New(b, Options{Clock: &skipping{}}).Wait(t.Context(), target, nil)
	var exit *ExitError
	require.ErrorAs(t, err, &exit)
	require.Len(t, exit.Log, LogLines)
	require.Equal(t, "line 39", exit.Log[9])
}

func TestWithoutProbesAContainerHasToRunForAMoment(t *testing.T) {
	clock := &skipping{limit: Settle}
	require.NoError(t, New(newBox(), Options{Clock: clock}).Wait(t.Context(), target, nil))
	require.Equal(t, []time.Duration{Settle}, clock.slept)
}

func TestTheBoundNamesWhatWasWaitedForAndTheLastFailure(t *testing.T) {
	b := newBox()
	b.exec = func(_ int, _ []string, stdout io.Writer) (int, error) {
		fmt.Fprint(stdout, "table is locked")
		return 2, nil
	}
	clock := &bounded{skipping: skipping{limit: lastPause}, attempts: 5}
	err := New(b, Options{Clock: clock}).Wait(t.Context(), target, []Probe{{Kind: Command, Command: []string{"mysql", "-e", "select 1"}, Bound: time.Hour}})
	var timeout *TimeoutError
	require.ErrorAs(t, err, &timeout)
	require.ErrorContains(t, err, `waiting for command "mysql -e select 1": exit code 2: table is locked`)
	require.GreaterOrEqual(t, b.execs, 5)
}

// bounded is a clock whose long wait is over once there were some short ones.
type bounded struct {
	skipping
	attempts int
	bound    chan time.Time
}

func (c *bounded) After(d time.Duration) <-chan time.Time {
	if d > c.limit {
		c.bound = make(chan time.Time, 1)
		return c.bound
	}
	if c.attempts--; c.attempts == 0 {
		c.bound <- time.Time{}
		return nil
	}
	return c.skipping.After(d)
}

func TestCancellingNamesWhatWasWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBox()
	b.exec = func(n int, _ []string, _ io.Writer) (int, error) {
		if n == 3 {
			cancel()
		}
		return 1, nil
	}
	err := New(b, Options{Clock: &skipping{limit: lastPause}}).Wait(ctx, target, []Probe{{Kind: Command, Command: []string{"x"}}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, `waiting for command "x" of container lab-web-1`)
}

func TestAContainerThatRestartsMayExit(t *testing.T) {
	b := newBox()
	b.exit(1)
	b.exec = func(n int, _ []string, _ io.Writer) (int, error) { return 3 - n, nil }
	again := target
	again.Restarts = true
	require.NoError(t, New(b, Options{Clock: &skipping{limit: lastPause}}).Wait(t.Context(), again, []Probe{{Kind: Command, Command: []string{"x"}}}))
}

func TestAOneShotIsDoneWhenItExitsWithZero(t *testing.T) {
	good, bad := newBox(), newBox()
	good.exit(0)
	bad.exit(4)
	require.NoError(t, New(good, Options{}).WaitDone(t.Context(), target))
	var exit *ExitError
	require.ErrorAs(t, New(bad, Options{}).WaitDone(t.Context(), target), &exit)
	require.Equal(t, 4, exit.Code)
}

func TestAOneShotThatNeverEndsIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := New(newBox(), Options{}).WaitDone(t.Context(), target)
		var late *TimeoutError
		require.ErrorAs(t, err, &late)
		require.Equal(t, JobBound, time.Since(begin))
		require.ErrorContains(t, err, "it still runs")
		require.NotEmpty(t, hint.Of(err))
	})
}

func TestALogLineIsFoundOnceItIsWritten(t *testing.T) {
	b := newBox()
	var writer *io.PipeWriter
	b.log, writer = io.Pipe()
	go func() {
		fmt.Fprint(writer, "warming up\nReady to acc")
		fmt.Fprint(writer, "ept connections\n")
	}()
	require.NoError(t, New(b, Options{}).Wait(t.Context(), target, []Probe{{Kind: Log, Pattern: `Ready to accept`}}))
}

func TestTheContainersOwnAddressIsDialled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" || r.Host != "shop.example" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "state: green")
	}))
	defer server.Close()
	d := &dialer{to: server.Listener.Addr().String()}
	b := newBox()
	b.container.Addresses = at("172.30.0.2")
	wait := func(bound int, p Probe) error {
		return New(b, Options{Dialer: d, Clock: &bounded{skipping: skipping{limit: lastPause}, attempts: bound}}).Wait(t.Context(), target, []Probe{p})
	}
	require.NoError(t, wait(3, Probe{Kind: TCP, Port: 80}))
	require.Equal(t, []string{"172.30.0.2:80"}, d.asked)

	good := Probe{Kind: HTTP, Port: 80, Path: "health", Host: "shop.example", Status: [2]int{418, 418}, Pattern: "green"}
	require.NoError(t, wait(3, good))
	for name, spoil := range map[string]func(*Probe){
		"status 404": func(p *Probe) { p.Path = "/nowhere" },
		"status 418": func(p *Probe) { p.Status = [2]int{} },
		"not match":  func(p *Probe) { p.Pattern = "^blue" },
	} {
		bad := good
		spoil(&bad)
		require.ErrorContains(t, wait(2, bad), name)
	}
}

func TestAnAddressInAnothersNetworkNamespaceIsThatOnes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	b := newBox()
	b.container.Addresses = at("172.30.0.2")
	sidecar := target
	sidecar.AddressOf = "provider"
	require.NoError(t, New(b, Options{Dialer: &dialer{to: listener.Addr().String()}}).Wait(t.Context(), sidecar, []Probe{{Kind: TCP, Port: 1}}))
	require.Equal(t, []string{"provider"}, b.inspected)
}

func TestWhereNoWayLeadsInAPublishedPortServes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	b := newBox()
	b.container.Addresses = at("172.30.0.2")
	b.container.Ports = []engine.Port{{HostIP: netip.IPv4Unspecified(), Host: uint16(listener.Addr().(*net.TCPAddr).Port), Container: 6379, Protocol: "tcp"}}
	noRoute := &dialer{err: &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}}
	require.NoError(t, New(b, Options{Dialer: noRoute}).Wait(t.Context(), target, []Probe{{Kind: TCP, Port: 6379}}))
	require.Len(t, noRoute.asked, 1)
}

// docker-proxy accepts on behalf of a container that does not listen, then closes.
func TestAPublishedPortThatClosesAtOnceIsNotReady(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	b := newBox()
	b.container.Ports = []engine.Port{{Host: uint16(listener.Addr().(*net.TCPAddr).Port), Container: 6379, Protocol: "tcp"}}
	err = New(b, Options{Clock: &bounded{skipping: skipping{limit: lastPause}, attempts: 3}}).Wait(t.Context(), target, []Probe{{Kind: TCP, Port: 6379}})
	require.ErrorContains(t, err, "closed at once")
}

func TestWhereNothingLeadsInTheContainerLooksItself(t *testing.T) {
	const table = "  sl  local_address rem_address   st\n   0: 00000000:18EB 00000000:0000 0A 0\n   1: 0100007F:1F90 00000000:0000 01 0\n"
	b := newBox()
	b.exec = func(_ int, command []string, stdout io.Writer) (int, error) {
		if command[0] == "cat" {
			fmt.Fprint(stdout, table)
			return 1, nil // no tcp6
		}
		fmt.Fprint(stdout, "  HTTP/1.1 302 Found\n  Location: /x\n  HTTP/1.1 200 OK\n  Content-Length: 5\nhello")
		return 0, nil
	}
	wait := func(p Probe) error {
		return New(b, Options{Clock: &bounded{skipping: skipping{limit: lastPause}, attempts: 2}}).Wait(t.Context(), target, []Probe{p})
	}
	require.NoError(t, wait(Probe{Kind: TCP, Port: 6379}))
	require.ErrorContains(t, wait(Probe{Kind: TCP, Port: 8080}), "nothing listens", "a connection is no listener")
	require.NoError(t, wait(Probe{Kind: HTTP, Port: 80, Pattern: "^hello$"}))
}

// An image of ddsctl's own has neither cat nor a shell; an engine says so with an exit code or with an error.
func TestWhereTheImageHasNoShellDdsctlItselfLooks(t *testing.T) {
	for name, missing := range map[string]func() (int, error){
		"exit code": func() (int, error) { return 127, nil },
		"error":     func() (int, error) { return 0, errors.New("no such program") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox()
			b.exec = func(_ int, command []string, stdout io.Writer) (int, error) {
				switch strings.Join(command[:min(3, len(command))], " ") {
				case "/ddsctl node listening":
					fmt.Fprint(stdout, "  sl  local_address rem_address   st\n   0: 00000000:1F90 00000000:0000 0A 0\n")
					return 0, nil
				case "/ddsctl node fetch":
					fmt.Fprint(stdout, "HTTP/1.1 200 OK\n\nhello")
					return 0, nil
				}
				return missing()
			}
			wait := func(p Probe) error {
				return New(b, Options{Clock: &bounded{skipping: skipping{limit: lastPause}, attempts: 2}}).Wait(t.Context(), target, []Probe{p})
			}
			require.NoError(t, wait(Probe{Kind: TCP, Port: 8080}))
			require.ErrorContains(t, wait(Probe{Kind: TCP, Port: 80}), "nothing listens")
			require.NoError(t, wait(Probe{Kind: HTTP, Port: 8080, Pattern: "^hello$"}))
		})
	}
}

func TestWhereNothingCanLookTheUserIsToldWhatToDo(t *testing.T) {
	b := newBox()
	b.exec = func(_ int, _ []string, stdout io.Writer) (int, error) {
		fmt.Fprint(stdout, "exec: /bin/sh: no such file or directory")
		return 127, nil
	}
	err := New(b, Options{Clock: &bounded{skipping: skipping{limit: lastPause}, attempts: 2}}).Wait(t.Context(), target, []Probe{{Kind: HTTP, Port: 8080}})
	require.ErrorContains(t, err, "publish the port, or give the service a healthcheck")
}

func TestRefusedIsAnAnswer(t *testing.T) {
	b := newBox()
	b.container.Addresses = at("172.30.0.2")
	refusing := &dialer{err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	err := New(b, Options{Dialer: refusing, Clock: &bounded{skipping: skipping{limit: lastPause}, attempts: 4}}).Wait(t.Context(), target, []Probe{{Kind: TCP, Port: 1}})
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Zero(t, b.execs, "nobody looks inside while the address answers")
}

func TestHealthchecksBecomeProbes(t *testing.T) {
	second, retries := types.Duration(time.Second), uint64(4)
	for name, c := range map[string]struct {
		check *types.HealthCheckConfig
		want  Probe
		ok    bool
	}{
		"none":     {check: nil},
		"disabled": {check: &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "x"}, Disable: true}},
		"NONE":     {check: &types.HealthCheckConfig{Test: types.HealthCheckTest{"NONE"}}},
		"CMD with Docker's defaults": {check: &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "redis-cli", "ping"}}, ok: true,
			want: Probe{Kind: Command, Command: []string{"redis-cli", "ping"}, Attempt: 30 * time.Second, Bound: 2 * time.Minute}},
		"CMD-SHELL with its own": {check: &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD-SHELL", "a || b"}, Timeout: &second,
			Interval: &second, StartPeriod: &second, Retries: &retries}, ok: true,
			want: Probe{Kind: Command, Command: []string{"/bin/sh", "-c", "a || b"}, Attempt: time.Second, Bound: 6 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			probe, ok := FromHealthcheck(c.check)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, probe)
		})
	}
}

func TestProbesThatCannotSucceedAreRefused(t *testing.T) {
	for says, p := range map[string]Probe{
		"without a port":    {Kind: TCP},
		"without a command": {Kind: Command},
		"without a pattern": {Kind: Log},
		"unknown kind":      {Kind: "udp"},
		"missing closing":   {Kind: Log, Pattern: "("},
		"which is none":     {Kind: HTTP, Port: 1, Status: [2]int{500, 200}},
	} {
		require.ErrorContains(t, p.Validate(), says)
	}
	require.True(t, strings.HasSuffix(Probe{Kind: HTTP, Port: 80}.String(), "http port 80 /"))
	require.NoError(t, Probe{Kind: TCP, Port: 1}.Validate())
}

func FuzzAnswers(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody")
	f.Add("  HTTP/1.1 503 No\n  A: b\nbody")
	f.Fuzz(func(t *testing.T, text string) {
		status, body, ok := parseAnswer(text)
		if ok && (status < 100 || status > 599) {
			t.Fatalf("status %d", status)
		}
		if len(body) > len(text) {
			t.Fatal("the body is longer than the answer")
		}
		listens(text, 80)
	})
}
