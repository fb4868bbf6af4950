package servicebroker

import (
	"context"
	"io"
	"net"
	"sync"
)

// carry connects a connection of the application with the current server until either side ends it, or the broker turns elsewhere.
func (b *Broker) carry(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	ctx, end := context.WithCancel(ctx)
	defer end()
	c := b.join(end)
	if c == nil {
		return // nobody is well: the application sees at once that there is no server
	}
	defer b.leave(c)
	dialer := net.Dialer{Timeout: b.options.Timeout}
	server, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		b.options.Log.Warn("the server cannot be reached", "address", c.address, "error", err)
		return
	}
	defer func() { _ = server.Close() }()
	release := context.AfterFunc(ctx, func() {
		_ = client.Close()
		_ = server.Close()
	})
	defer release()
	var both sync.WaitGroup
	pour := func(to, from net.Conn) {
		defer end()
		_, _ = io.Copy(to, from)
	}
	both.Go(func() { pour(server, client) })
	both.Go(func() { pour(client, server) })
	both.Wait()
}

// join notes a connection to the current server, so that it is ended when that is current no more. It returns nil where there is none.
func (b *Broker) join(end context.CancelFunc) *carried {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == "" {
		return nil
	}
	c := &carried{address: b.current, end: end}
	b.carried[c] = struct{}{}
	return c
}

func (b *Broker) leave(c *carried) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.carried, c)
}
