package servicebroker

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Fixed is a directory that never changes: the servers that an environment has in a known place.
func Fixed(addresses ...string) Directory { return fixed(addresses) }

type fixed []string

// Find returns the addresses.
func (f fixed) Find(context.Context) ([]string, int64, error) { return f, 0, nil }

// Getter is what the catalogue needs of an etcd client.
type Getter interface {
	Get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error)
}

// Catalogue is a directory in etcd. Under the key are addresses, separated by spaces, the preferred one first.
func Catalogue(client Getter, key string) Directory { return &catalogue{client, key} }

type catalogue struct {
	client Getter
	key    string
}

// Find asks etcd. The mark is the revision at which the key was written.
func (c *catalogue) Find(ctx context.Context) ([]string, int64, error) {
	answer, err := c.client.Get(ctx, c.key)
	if err != nil {
		return nil, 0, fmt.Errorf("ask the catalogue for %s: %w", c.key, err)
	}
	if len(answer.Kvs) == 0 {
		return nil, 0, fmt.Errorf("the catalogue has no %s", c.key)
	}
	return strings.Fields(string(answer.Kvs[0].Value)), answer.Kvs[0].ModRevision, nil
}

// The first bytes of a MySQL server (the packet Protocol::Handshake): three bytes of length, a sequence number, the protocol's version.
const (
	greetingStart   = 5
	protocolVersion = 10
)

// Greeting is a check of a MySQL server: it must greet whoever connects. A server that is frozen accepts the connection, since the
// kernel does that, and says nothing.
func Greeting(ctx context.Context, address string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer release()
	start := make([]byte, greetingStart)
	if _, err := io.ReadFull(conn, start); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("wait for the greeting: %w", err)
	}
	if version := start[greetingStart-1]; version != protocolVersion {
		return fmt.Errorf("the server does not greet: it begins with %d", version)
	}
	return nil
}
