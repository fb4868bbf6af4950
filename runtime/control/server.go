package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
)

// Listen opens a unix socket that only this user may connect to. It makes the folder and takes the place of a socket that a
// killed helper left behind.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the control socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the control socket left behind: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("protect the control socket: %w", err)
	}
	return listener, nil
}

// Serve answers every client that connects, until ctx ends; then it closes the listener, cancels what runs, waits for it and
// returns nil.
func Serve(ctx context.Context, listener net.Listener, handlers Handlers) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	defer cancel() // before the wait
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept a control connection: %w", err)
		}
		connections.Go(func() { _ = ServeStream(ctx, conn, handlers) })
	}
}

// ServeStream answers one client on stream until the client leaves (nil), ctx ends (nil) or the client breaks the protocol.
// It closes the stream.
func ServeStream(ctx context.Context, stream io.ReadWriteCloser, handlers Handlers) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()

	s := &session{out: &writer{out: stream}, handlers: handlers, calls: map[uint64]*serving{}}
	defer s.wait.Wait()
	defer cancel() // before the wait: it ends the calls and closes the stream under a blocked write

	in := newReader(stream)
	// The hello goes out beside the reading, so that two sides on an unbuffered pipe cannot wait for each other.
	greeted := make(chan error, 1)
	s.wait.Go(func() { greeted <- s.out.hello() })
	if err := in.hello(); err != nil {
		return err
	}
	if err := <-greeted; err != nil {
		return err
	}
	for {
		m, err := in.next()
		switch {
		case err == nil:
		case ctx.Err() != nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return nil
		default:
			return err
		}
		if refusal := s.receive(ctx, m); refusal != nil {
			if err := s.out.send(message{ID: m.ID, Error: refusal}); err != nil {
				return err
			}
		}
	}
}

// session is one client's connection in the helper.
type session struct {
	out      *writer
	handlers Handlers
	wait     sync.WaitGroup

	mu    sync.Mutex
	calls map[uint64]*serving
}

// serving is one call or stream under way.
type serving struct {
	cancel context.CancelFunc
	credit chan struct{} // one token for each item that may be sent
}

// receive acts on one message; what it cannot do it gives back as a refusal.
func (s *session) receive(ctx context.Context, m message) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	under, known := s.calls[m.ID]
	switch {
	case m.Call == "":
		if !known { // ended meanwhile
			return nil
		}
		if m.Cancel {
			under.cancel()
		}
		for range min(m.Credit, Window) {
			select {
			case under.credit <- struct{}{}:
			default: // more than the window: the client miscounts; the bound stands
			}
		}
	case m.ID == 0 || known:
		return &Error{Code: CodeArguments, Text: "a call needs a number of its own"}
	case len(s.calls) >= maxCalls:
		return &Error{Code: CodeBusy, Text: fmt.Sprintf("more than %d calls at once", maxCalls)}
	default:
		handler, ok := s.handlers[m.Call]
		if !ok || (m.Stream && handler.stream == nil) || (!m.Stream && handler.call == nil) {
			return &Error{Code: CodeMethod, Text: fmt.Sprintf("this helper has no method %q of that kind", m.Call)}
		}
		callCtx, cancel := context.WithCancel(ctx)
		under = &serving{cancel: cancel, credit: make(chan struct{}, Window)}
		for range Window {
			under.credit <- struct{}{}
		}
		s.calls[m.ID] = under
		s.wait.Go(func() {
			defer cancel()
			answer := s.run(callCtx, under, handler, m)
			s.mu.Lock()
			delete(s.calls, m.ID)
			s.mu.Unlock()
			if err := s.out.send(answer); errors.Is(err, errTooLarge) {
				_ = s.out.send(message{ID: m.ID, Error: outgoing(fmt.Errorf("answer of %s: %w", m.Call, err))})
			}
		})
	}
	return nil
}

// run carries a call out and gives the message that ends it. A handler that panics is answered as an error: one bad call
// must not take down the helper that holds the lab's faults.
func (s *session) run(ctx context.Context, under *serving, handler Handler, m message) (answer message) {
	answer.ID = m.ID
	defer func() {
		if p := recover(); p != nil {
			answer = message{ID: m.ID, Error: &Error{Code: CodeFailed, Text: fmt.Sprintf("%s panicked: %v\n%s", m.Call, p, debug.Stack())}}
		}
	}()
	if m.Stream {
		emit := func(item any) error { return s.emit(ctx, under, m.ID, item) }
		if err := handler.stream(ctx, m.Args, emit); err != nil {
			answer.Error = outgoing(err)
			return answer
		}
		answer.Done = true
		return answer
	}
	reply, err := handler.call(ctx, m.Args)
	if err == nil {
		answer.Reply, err = json.Marshal(reply)
	}
	if err != nil {
		answer.Error = outgoing(err)
	}
	return answer
}

func (s *session) emit(ctx context.Context, under *serving, id uint64, item any) error {
	raw, err := json.Marshal(item)
	if err != nil {
		return fmt.Errorf("encode an item: %w", err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-under.credit:
	}
	if ctx.Err() != nil { // both were ready
		return ctx.Err()
	}
	return s.out.send(message{ID: id, Item: raw})
}
