package protocol

import (
	"context"
	"errors"
	"net"
	"sync"
)

// witness is a connection given to a library, which often reports no more than that it is broken: it remembers what broke it.
type witness struct {
	net.Conn
	mu  sync.Mutex
	err error
}

func (w *witness) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.see(err)
	return n, err
}

func (w *witness) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.see(err)
	return n, err
}

func (w *witness) see(err error) {
	if err == nil || errors.Is(err, net.ErrClosed) { // closed by this side: not what broke it
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// seen is the first error of the connection, nil while it stands.
func (w *witness) seen() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// witnessed opens a connection to the target and watches it.
func (c Config) witnessed(ctx context.Context) (*witness, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return &witness{Conn: conn}, nil
}
