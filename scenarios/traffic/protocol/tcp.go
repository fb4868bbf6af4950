package protocol

import (
	"bytes"
	"context"
	"io"
	"net"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// tcp opens connections and closes them (connect), or sends bytes over one that it keeps and expects them back (echo).
type tcp struct{ config Config }

func newTCP(config Config) (Protocol, error) { return &tcp{config: config}, nil }

type tcpOp struct{ echo bool }

// Compile prepares an operation.
func (p *tcp) Compile(op workload.Operation) (any, error) {
	switch op.Operation {
	case workload.Connect:
		return &tcpOp{}, nil
	case workload.Echo:
		return &tcpOp{echo: true}, nil
	}
	return nil, unknownOperation(workload.TCP, op)
}

// Open connects to nothing yet: whether a connection is kept depends on the operation.
func (p *tcp) Open(ctx context.Context) (Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	return &tcpConn{config: p.config, ctx: ctx, cancel: cancel}, nil
}

type tcpConn struct {
	config Config
	ctx    context.Context // ended by Close, which may come while a connection is opened
	cancel context.CancelFunc
	echo   *stream
	stop   func() bool
	back   []byte
}

// Do opens and closes a connection, or sends a value and reads it back.
func (c *tcpConn) Do(_ context.Context, r *Request, _ *Answer) error {
	if !r.Op.(*tcpOp).echo {
		conn, err := c.config.dial(c.ctx)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	if c.echo == nil {
		opened, err := newStream(c.ctx, c.config)
		if err != nil {
			return err
		}
		c.echo = opened
		c.stop = context.AfterFunc(c.ctx, func() { _ = opened.Close() })
	}
	c.echo.out = append(c.echo.out[:0], r.Value...)
	// Sending and reading take turns, so a value larger than the connection's buffers would wait for itself: it is sent in parts.
	for rest := c.echo.out; len(rest) > 0; {
		piece := rest[:min(len(rest), inputBuffer)]
		rest = rest[len(piece):]
		if err := c.piece(piece, r); err != nil {
			return err
		}
	}
	return c.echo.settled()
}

func (c *tcpConn) piece(piece []byte, r *Request) error {
	whole := c.echo.out
	c.echo.out = piece
	err := c.echo.send(r.Now)
	c.echo.out = whole
	if err != nil {
		return c.echo.told(err, true)
	}
	c.back = append(c.back[:0], piece...)
	if _, err := io.ReadFull(c.echo.in, c.back); err != nil {
		return c.echo.told(err, true)
	}
	if !bytes.Equal(c.back, piece) {
		return garbled("the bytes that came back are not those that were sent")
	}
	return nil
}

func (c *tcpConn) Close() error {
	c.cancel()
	return nil
}

// RemoteAddr is nil until a connection is kept.
func (c *tcpConn) RemoteAddr() net.Addr {
	if c.echo == nil {
		return nil
	}
	return c.echo.RemoteAddr()
}
