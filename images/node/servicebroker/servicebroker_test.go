package servicebroker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// database is a server that greets as MySQL does, says its name in a line, and holds the connection.
type database struct {
	name     string
	listener net.Listener

	mu    sync.Mutex
	conns []net.Conn
	all   sync.WaitGroup
}

func startDatabase(t *testing.T, name string) *database {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &database{name: name, listener: listener}
	d.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, conn)
			d.mu.Unlock()
			_, _ = fmt.Fprintf(conn, "\x4a\x00\x00\x00\x0a%s;", name)
		}
	})
	t.Cleanup(d.kill)
	return d
}

func (d *database) address() string { return d.listener.Addr().String() }

func (d *database) kill() {
	_ = d.listener.Close()
	d.all.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.conns {
		_ = conn.Close()
	}
}

// list is a directory that a test writes.
type list struct {
	mu        sync.Mutex
	addresses []string
	mark      int64
	err       error
}

func (l *list) Find(context.Context) ([]string, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.addresses, l.mark, l.err
}

func (l *list) write(err error, addresses ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addresses, l.err = addresses, err
	l.mark++
}

func startBroker(t *testing.T, directory Directory) (*Broker, string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	broker := New(Options{Directory: directory, Check: Greeting, Every: 10 * time.Millisecond, Timeout: 5 * time.Second, Fall: 2})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- broker.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-served)
	})
	return broker, listener.Addr().String()
}

func turnsTo(t *testing.T, broker *Broker, address string) {
	t.Helper()
	require.Eventually(t, func() bool { return broker.State().Current == address }, 20*time.Second, 5*time.Millisecond, "%+v", broker.State())
}

// connect opens a connection through the broker and returns whom it reached.
func connect(t *testing.T, address string) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	line, err := bufio.NewReader(conn).ReadString(';')
	if err != nil {
		return conn, ""
	}
	return conn, line[greetingStart : len(line)-1]
}

func TestTheApplicationReachesTheServerOfItsEnvironment(t *testing.T) {
	here := startDatabase(t, "here")
	broker, address := startBroker(t, Fixed(here.address()))
	turnsTo(t, broker, here.address())
	_, reached := connect(t, address)
	require.Equal(t, "here", reached)
	require.Zero(t, broker.State().Switches, "the first server is no switch")
}

func TestWhenAServerDiesItsConnectionsEndAndNewOnesReachTheNext(t *testing.T) {
	first, second := startDatabase(t, "first"), startDatabase(t, "second")
	broker, address := startBroker(t, Fixed(first.address(), second.address()))
	turnsTo(t, broker, first.address())
	conn, reached := connect(t, address)
	require.Equal(t, "first", reached)
	first.kill()
	turnsTo(t, broker, second.address())
	_, err := io.ReadAll(conn)
	if err != nil {
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	}
	_, reached = connect(t, address)
	require.Equal(t, "second", reached)
	require.Equal(t, 1, broker.State().Switches)
}

func TestWhatIsWrittenAnewMovesEverybodyAndEndsOldConnections(t *testing.T) {
	first, second := startDatabase(t, "first"), startDatabase(t, "second")
	directory := &list{addresses: []string{first.address(), second.address()}}
	broker, address := startBroker(t, directory)
	turnsTo(t, broker, first.address())
	conn, _ := connect(t, address)
	directory.write(nil, second.address(), first.address())
	turnsTo(t, broker, second.address())
	_, _ = io.ReadAll(conn) // returns, since the broker ends it
	_, reached := connect(t, address)
	require.Equal(t, "second", reached)
}

func TestWithoutItsDirectoryTheBrokerGoesOnWithWhatItKnows(t *testing.T) {
	first, second := startDatabase(t, "first"), startDatabase(t, "second")
	directory := &list{addresses: []string{first.address(), second.address()}}
	broker, _ := startBroker(t, directory)
	turnsTo(t, broker, first.address())
	directory.write(errors.New("no catalogue"))
	require.Eventually(t, func() bool { return broker.State().Problem == "no catalogue" }, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, first.address(), broker.State().Current)
	first.kill()
	turnsTo(t, broker, second.address())
}

func TestWhereNobodyIsWellTheApplicationIsToldAtOnce(t *testing.T) {
	directory := &list{}
	broker, address := startBroker(t, directory)
	_, reached := connect(t, address)
	require.Empty(t, reached)
	answer := httptest.NewRecorder()
	broker.Handler("cloud").ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
}

func TestTheStatusNamesTheEnvironmentAndTheServers(t *testing.T) {
	here := startDatabase(t, "here")
	broker, _ := startBroker(t, Fixed(here.address()))
	turnsTo(t, broker, here.address())
	for path, want := range map[string]string{"/status": `{"environment":"local","current":"` + here.address() + `","switches":0`,
		"/metrics": "broker_servers_well 1", "/healthz": "ok"} {
		answer := httptest.NewRecorder()
		broker.Handler("local").ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		require.Contains(t, answer.Body.String(), want)
	}
}

func TestTheGapIsTheTimeSinceTheServerBeforeWasSeenWell(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	dead := map[string]bool{}
	directory := &list{addresses: []string{"a", "b"}}
	broker := New(Options{Directory: directory, Fall: 3, Now: func() time.Time { return now }, Check: func(_ context.Context, address string) error {
		if dead[address] {
			return errors.New("dead")
		}
		return nil
	}})
	look := func() {
		now = now.Add(time.Second)
		broker.look(t.Context())
	}
	look()
	look()
	dead["a"] = true
	look()
	look()
	require.Equal(t, "a", broker.State().Current)
	look()
	require.Equal(t, "b", broker.State().Current)
	require.InDelta(t, 3, broker.State().Gap, 0)
	dead["a"] = false
	look()
	directory.write(nil, "a", "b")
	look()
	require.Equal(t, "a", broker.State().Current)
	require.Zero(t, broker.State().Gap, "nobody had to do without")
}

func TestChoose(t *testing.T) {
	well := func(address string) Server { return Server{Address: address, Well: true} }
	ill := func(address string) Server { return Server{Address: address} }
	for _, tt := range []struct {
		name    string
		current string
		anew    bool
		servers []Server
		want    string
	}{
		{"the first at the start", "", true, []Server{well("a"), well("b")}, "a"},
		{"the current one stays", "b", false, []Server{well("a"), well("b")}, "b"},
		{"unless the directory was written anew", "b", true, []Server{well("a"), well("b")}, "a"},
		{"the next when it is ill", "a", false, []Server{ill("a"), well("b")}, "b"},
		{"the next when it is listed no more", "a", false, []Server{well("b")}, "b"},
		{"nobody", "a", false, []Server{ill("a")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, choose(tt.current, tt.anew, tt.servers)) })
	}
}

func TestJudge(t *testing.T) {
	bad := errors.New("bad")
	servers := judge(nil, []string{"a", "b"}, []error{nil, bad}, 2)
	require.Equal(t, []Server{{Address: "a", Well: true}, {Address: "b", Failures: 1, Problem: "bad"}}, servers, "a new one has to show that it is well")
	servers = judge(servers, []string{"a"}, []error{bad}, 2)
	require.True(t, servers[0].Well, "one failure is none")
	servers = judge(servers, []string{"a"}, []error{bad}, 2)
	require.False(t, servers[0].Well)
	servers = judge(servers, []string{"a"}, []error{nil}, 2)
	require.Equal(t, Server{Address: "a", Well: true}, servers[0])
}

func TestGreeting(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, Greeting(ctx, listener.Addr().String()), context.DeadlineExceeded, "whoever accepts and says nothing is frozen")
	require.NoError(t, Greeting(t.Context(), startDatabase(t, "here").address()))
	full, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = full.Close() }()
	go func() {
		if conn, err := full.Accept(); err == nil {
			_, _ = conn.Write([]byte("\x10\x00\x00\x00\xffToo many"))
			_ = conn.Close()
		}
	}()
	require.ErrorContains(t, Greeting(t.Context(), full.Addr().String()), "does not greet")
}

type etcd struct {
	answer *clientv3.GetResponse
	err    error
}

func (e etcd) Get(context.Context, string, ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	return e.answer, e.err
}

func TestCatalogue(t *testing.T) {
	addresses, mark, err := Catalogue(etcd{answer: &clientv3.GetResponse{Kvs: []*mvccpb.KeyValue{{Value: []byte("a:1  b:2\n"), ModRevision: 7}}}}, "k").Find(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, addresses)
	require.EqualValues(t, 7, mark)
	_, _, err = Catalogue(etcd{answer: &clientv3.GetResponse{}}, "k").Find(t.Context())
	require.ErrorContains(t, err, "no k")
	_, _, err = Catalogue(etcd{err: errors.New("gone")}, "k").Find(t.Context())
	require.ErrorContains(t, err, "gone")
}
