package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
)

// Client makes calls to a helper over one stream. Its methods may be used from many goroutines.
type Client struct {
	out     *writer
	stream  io.Closer
	greeted chan struct{} // closed once the helper's hello was read and ours sent
	closed  chan struct{} // closed with the connection; err says why
	done    chan struct{} // closed when the goroutines have ended
	once    sync.Once

	mu      sync.Mutex
	err     error
	last    uint64
	pending map[uint64]*waiting
}

// waiting is one call or stream of the client.
type waiting struct {
	answers chan message // room for Window items and the end: the reader of the connection never waits on it
}

// Dial speaks to a helper over stream, which the client owns from now on. It returns at once: when the other side turns out
// not to be a helper, or one of another version, the calls say so. The client closes when ctx ends, when the stream ends, or with Close.
func Dial(ctx context.Context, stream io.ReadWriteCloser) *Client {
	c := &Client{
		out:     &writer{out: stream},
		stream:  stream,
		greeted: make(chan struct{}),
		closed:  make(chan struct{}),
		done:    make(chan struct{}),
		pending: map[uint64]*waiting{},
	}
	stop := context.AfterFunc(ctx, func() { c.close(context.Cause(ctx)) })
	go func() {
		defer close(c.done)
		defer stop()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			if err := c.out.hello(); err != nil {
				c.close(fmt.Errorf("%w: %w", ErrClosed, err))
			}
		}()
		err := c.read(newReader(stream), sent)
		c.close(fmt.Errorf("%w: %w", ErrClosed, err))
		<-sent
	}()
	return c
}

// Close ends the connection and every call on it, and waits for the client's goroutines.
func (c *Client) Close() error {
	c.close(ErrClosed)
	<-c.done
	return nil
}

// Done is closed once the connection has ended; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.closed }

// Err is why the connection ended, nil while it stands.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Client) close(err error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
		close(c.closed)
		_ = c.stream.Close()
	})
}

func (c *Client) read(in *reader, sent <-chan struct{}) error {
	if err := in.hello(); err != nil {
		return err
	}
	<-sent
	close(c.greeted)
	for {
		m, err := in.next()
		if err != nil {
			return err
		}
		c.mu.Lock()
		call := c.pending[m.ID]
		c.mu.Unlock()
		if call == nil { // cancelled meanwhile
			continue
		}
		select {
		case call.answers <- m:
		default:
			return fmt.Errorf("the helper sent more items than were asked for")
		}
	}
}

// Call makes one call and decodes its answer into reply, which may be nil. It returns when the answer is there, the
// connection ends (ErrClosed) or ctx ends; in the latter case the helper cancels the call.
func (c *Client) Call(ctx context.Context, method string, args, reply any) error {
	id, call, err := c.start(ctx, message{Call: method}, args)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	defer c.forget(id)
	m, err := c.wait(ctx, id, call)
	if err == nil && m.Error != nil {
		err = incoming(m.Error)
	}
	if err == nil && reply != nil {
		err = json.Unmarshal(m.Reply, reply)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// Stream makes a call that answers with items until either side ends it. The sequence gives each item, and at the end one
// error with a nil item unless the helper ended it without. Leaving the loop cancels the stream.
func (c *Client) Stream(ctx context.Context, method string, args any) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		id, call, err := c.start(ctx, message{Call: method, Stream: true}, args)
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", method, err))
			return
		}
		ended := false
		defer func() {
			c.forget(id)
			if !ended {
				_ = c.out.send(message{ID: id, Cancel: true})
			}
		}()
		for taken := 1; ; taken++ {
			m, err := c.wait(ctx, id, call)
			switch {
			case err != nil:
				ended = true // wait has cancelled it
				yield(nil, fmt.Errorf("%s: %w", method, err))
				return
			case m.Error != nil:
				ended = true
				yield(nil, fmt.Errorf("%s: %w", method, incoming(m.Error)))
				return
			case m.Done:
				ended = true
				return
			}
			if !yield(m.Item, nil) {
				return
			}
			if taken%(Window/2) == 0 {
				_ = c.out.send(message{ID: id, Credit: Window / 2})
			}
		}
	}
}

func (c *Client) start(ctx context.Context, m message, args any) (uint64, *waiting, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return 0, nil, fmt.Errorf("encode arguments: %w", err)
	}
	if args == nil {
		raw = nil
	}
	m.Args = raw
	select {
	case <-c.greeted:
	case <-c.closed:
		return 0, nil, c.Err()
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	call := &waiting{answers: make(chan message, Window+1)}
	c.mu.Lock()
	c.last++
	m.ID = c.last
	c.pending[m.ID] = call
	c.mu.Unlock()
	if err := c.out.send(m); err != nil {
		c.forget(m.ID)
		switch {
		case c.Err() != nil:
			err = c.Err()
		case !errors.Is(err, errTooLarge): // of one that is too large nothing was sent
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
		return 0, nil, err
	}
	return m.ID, call, nil
}

// wait gives the next message of a call. What already came counts even when the connection has ended since.
func (c *Client) wait(ctx context.Context, id uint64, call *waiting) (message, error) {
	select {
	case m := <-call.answers:
		return m, nil
	default:
	}
	select {
	case m := <-call.answers:
		return m, nil
	case <-c.closed:
		select {
		case m := <-call.answers:
			return m, nil
		default:
			return message{}, c.Err()
		}
	case <-ctx.Done():
		_ = c.out.send(message{ID: id, Cancel: true})
		return message{}, ctx.Err()
	}
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}
