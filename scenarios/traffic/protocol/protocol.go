// Package protocol speaks with targets: one file for each protocol, behind the two small interfaces Protocol and Conn. A new
// protocol is one file and its line in Builtin.
//
//	table, err := protocol.Builtin()
//	spoken, err := table.New(protocol.Config{Target: target, Timeout: time.Second})
//	op, err := spoken.Compile(workload.Operation{Operation: workload.Read, Weight: 1})
//	conn, err := spoken.Open(ctx)
//	err = conn.Do(ctx, &protocol.Request{Op: op, Key: []byte("key:1"), Now: time.Now()}, &answer)
//
// HTTP/1.1, Redis, memcached and TCP are written out here, lean enough to load a server harder than a general client can: a request
// costs one write, one or two reads, and no allocation. What a server answers is not trusted: lengths, nesting and counts are
// bounded, and everything ends with the request's timeout.
package protocol

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// Protocol speaks with one target.
type Protocol interface {
	// Compile prepares an operation of a mix; what it returns goes into Request.Op.
	Compile(op workload.Operation) (any, error)
	// Open makes a new connection, resolving the target's name anew.
	Open(ctx context.Context) (Conn, error)
}

// Conn is one connection. It is used by one goroutine at a time, except over protocols that let requests share a connection
// (HTTP/2, etcd).
type Conn interface {
	// Do sends one request and takes its whole answer. It ends by itself within the timeout and an eighth more. An error for which
	// Broken holds leaves the connection useless; ErrStale says that nothing was sent at all, ErrUnanswered that the request may be
	// sent once more.
	Do(ctx context.Context, request *Request, answer *Answer) error
	// Close ends the connection. It may be called while Do runs, which then fails.
	Close() error
}

// Addressed is a Conn that knows which address it reached.
type Addressed interface{ RemoteAddr() net.Addr }

// Request is one request. Key and Value belong to the caller again once Do returns.
type Request struct {
	Op     any // what Compile made of the operation
	Key    []byte
	Number uint64 // the key's
	Value  []byte
	Now    time.Time // the time, as the caller knows it already
}

// Found says whether a read found its key.
type Found uint8

// What a read may find.
const (
	FoundUnknown Found = iota // not a read, or not told
	FoundHit
	FoundMiss
)

// Answer is what Do tells besides success. The caller clears it before each request.
type Answer struct {
	Found Found
	By    string // the server that answered, where the answer names it
}

// ErrStale says that the server had closed the connection while it was idle, and nothing was sent.
var ErrStale = errors.New("connection was closed while idle")

// ErrUnanswered says that a connection ended after it had been idle and before any of the answer came, and that the request may be sent once
// more over another: it is one that changes nothing, or the same however often it is carried out. It wraps what the network said.
var ErrUnanswered = errors.New("connection ended while it was idle, or instead of the answer")

// Config is what a protocol needs to know of its target.
type Config struct {
	Target     workload.Target
	Timeout    time.Duration
	TLS        *tls.Config // for targets with TLS; ServerName is set
	AnsweredBy string      // HTTP response header, "" for none
	// Dial opens connections; nil is the standard library's way, which resolves names at each call.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// dial opens a connection to the target, with TLS where the target has it.
func (c Config) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", c.Target.Address())
	if err != nil {
		return nil, err
	}
	if !c.Target.TLS {
		return conn, nil
	}
	secured := tls.Client(conn, c.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &handshakeError{err}
	}
	return secured, nil
}

// handshakeError marks what went wrong between the connection and its use.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "tls: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// New makes a Protocol for one target.
type New func(Config) (Protocol, error)

// Table holds the protocols by name.
type Table struct{ known map[workload.Protocol]New }

// Register adds a protocol; a name that is taken is refused.
func (t *Table) Register(name workload.Protocol, make New) error {
	if _, taken := t.known[name]; taken {
		return fmt.Errorf("protocol %s is registered twice", name)
	}
	if t.known == nil {
		t.known = map[workload.Protocol]New{}
	}
	t.known[name] = make
	return nil
}

// New makes the Protocol of the target.
func (t *Table) New(config Config) (Protocol, error) {
	make, ok := t.known[config.Target.Protocol]
	if !ok {
		return nil, fmt.Errorf("no protocol %q", config.Target.Protocol)
	}
	return make(config)
}

// Builtin returns a Table with every protocol of this package.
func Builtin() (*Table, error) {
	table := &Table{}
	for _, entry := range []struct {
		name workload.Protocol
		make New
	}{
		{workload.HTTP, newHTTP1},
		{workload.HTTP2, newHTTP2},
		{workload.Redis, newRedis},
		{workload.Memcached, newMemcached},
		{workload.MySQL, newMySQL},
		{workload.Etcd, newEtcd},
		{workload.Kafka, newKafka},
		{workload.TCP, newTCP},
	} {
		if err := table.Register(entry.name, entry.make); err != nil {
			return nil, err
		}
	}
	return table, nil
}

func unknownOperation(protocol workload.Protocol, op workload.Operation) error {
	return fmt.Errorf("operation %q is not known to %s", op.Operation, protocol)
}
