package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// etcd speaks etcd's API of version 3. It calls etcd's generated client over a connection of its own: etcd's client v3 balances over
// members and retries reads behind the caller's back, so that neither an error nor a latency would be that of the member asked.
// Requests share a connection.
type etcd struct{ config Config }

func newEtcd(config Config) (Protocol, error) { return &etcd{config: config}, nil }

type etcdOp struct {
	kind         workload.OperationKind
	serializable bool
}

// Compile prepares an operation.
func (p *etcd) Compile(op workload.Operation) (any, error) {
	switch op.Operation {
	case workload.Read, workload.Write, workload.Delete:
		return &etcdOp{kind: op.Operation, serializable: op.Serializable}, nil
	}
	return nil, unknownOperation(workload.Etcd, op)
}

// Open connects to the member, and logs in where the target names a user.
func (p *etcd) Open(ctx context.Context) (Conn, error) {
	w, err := p.config.witnessed(ctx)
	if err != nil {
		return nil, err
	}
	given := &oneDial{conn: w}
	conn, err := grpc.NewClient("passthrough:///"+p.config.Target.Address(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(given.dial),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxEtcdAnswer)))
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	c := &etcdConn{config: p.config, conn: conn, kv: pb.NewKVClient(conn), witness: w}
	conn.Connect()
	if user := p.config.Target.User; user != "" {
		ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
		defer cancel()
		answer, err := pb.NewAuthClient(conn).Authenticate(ctx, &pb.AuthenticateRequest{Name: user, Password: p.config.Target.Password})
		if err != nil {
			err = c.failure(err)
			_ = c.Close()
			return nil, err
		}
		c.token = answer.Token
	}
	return c, nil
}

// maxEtcdAnswer is above the largest value that etcd stores by default.
const maxEtcdAnswer = 64 << 20

// oneDial hands a connection that was opened before to gRPC, once: when it breaks, the caller opens another.
type oneDial struct {
	mu   sync.Mutex
	conn net.Conn
}

var errSpent = errors.New("the connection is gone")

func (d *oneDial) dial(context.Context, string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	conn := d.conn
	d.conn = nil
	if conn == nil {
		return nil, errSpent
	}
	return conn, nil
}

type etcdConn struct {
	config  Config
	conn    *grpc.ClientConn
	kv      pb.KVClient
	witness *witness
	token   string
}

// Do sends a request and reads its answer.
func (c *etcdConn) Do(ctx context.Context, r *Request, answer *Answer) error {
	if c.witness.seen() != nil {
		return ErrStale
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if c.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "token", c.token)
	}
	op := r.Op.(*etcdOp)
	switch op.kind {
	case workload.Write:
		_, err := c.kv.Put(ctx, &pb.PutRequest{Key: r.Key, Value: r.Value})
		return c.failure(err)
	case workload.Delete:
		deleted, err := c.kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: r.Key})
		if err == nil && deleted.Deleted == 0 {
			answer.Found = FoundMiss
		}
		return c.failure(err)
	default:
		found, err := c.kv.Range(ctx, &pb.RangeRequest{Key: r.Key, Serializable: op.serializable})
		if err == nil {
			answer.Found = FoundHit
			if len(found.Kvs) == 0 {
				answer.Found = FoundMiss
			}
		}
		return c.failure(err)
	}
}

// failure says what an error of gRPC means.
func (c *etcdConn) failure(err error) error {
	if err == nil {
		return nil
	}
	told := status.Convert(err)
	broken := c.witness.seen()
	switch told.Code() {
	case codes.DeadlineExceeded:
		return &outcome{err: fmt.Errorf("%w: %s", context.DeadlineExceeded, told.Message()), broken: broken != nil}
	case codes.Canceled:
		return &outcome{err: fmt.Errorf("%w: %s", context.Canceled, told.Message()), broken: broken != nil}
	case codes.Unimplemented:
		return &Failure{Kind: KindProtocol, Text: told.Message(), broken: true}
	}
	// What etcd itself says begins with its name: no leader, request timed out, permission denied.
	if strings.HasPrefix(told.Message(), "etcdserver:") || strings.HasPrefix(told.Message(), "auth:") {
		return &Failure{Kind: KindServer, Text: told.Message()}
	}
	switch {
	case broken != nil:
		return fmt.Errorf("%s: %w", told.Message(), broken)
	case told.Code() == codes.Unavailable: // closed by the server, or spoiled by something that is not gRPC
		return &Failure{Kind: KindEOF, Text: told.Message(), broken: true}
	case told.Code() == codes.Internal || told.Code() == codes.Unknown:
		return &Failure{Kind: KindProtocol, Text: told.Message(), broken: true}
	}
	return &Failure{Kind: KindServer, Text: told.Message()}
}

// Close ends the connection and what runs on it.
func (c *etcdConn) Close() error { return c.conn.Close() }

// RemoteAddr is the address that was reached.
func (c *etcdConn) RemoteAddr() net.Addr { return c.witness.RemoteAddr() }
