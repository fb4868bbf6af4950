package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

type sum struct{ A, B int }

// handlers are those of a helper that adds, counts, fails and waits.
func handlers() Handlers {
	return Handlers{
		"add": Func(func(_ context.Context, s sum) (int, error) { return s.A + s.B, nil }),
		"fail": Func(func(context.Context, struct{}) (int, error) {
			return 0, hint.Wrap(errors.New("the bridge is gone"), "bring the lab up again")
		}),
		"forever": Func(func(ctx context.Context, _ struct{}) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}),
		"panic": Func(func(context.Context, struct{}) (int, error) { panic("a bug") }),
		"echo":  Func(func(_ context.Context, text string) (string, error) { return text, nil }),
		"count": Stream(func(_ context.Context, to int, emit func(any) error) error {
			for i := range to {
				if err := emit(i); err != nil {
					return err
				}
			}
			return nil
		}),
		"break": Stream(func(_ context.Context, _ struct{}, emit func(any) error) error {
			if err := emit("first"); err != nil {
				return err
			}
			return hint.Wrap(errors.New("lost the table"), "look at the log")
		}),
	}
}

// join gives a client of a served pipe; both end with the test.
func join(t *testing.T, handlers Handlers) *Client {
	t.Helper()
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- ServeStream(t.Context(), there, handlers) }()
	client := Dial(t.Context(), here)
	t.Cleanup(func() {
		require.NoError(t, client.Close())
		require.NoError(t, <-served)
	})
	return client
}

func TestACallIsAnswered(t *testing.T) {
	client := join(t, handlers())
	var got int
	require.NoError(t, client.Call(t.Context(), "add", sum{2, 3}, &got))
	require.Equal(t, 5, got)
	require.NoError(t, client.Call(t.Context(), "add", sum{2, 3}, nil))
}

func TestAnErrorArrivesWithItsHint(t *testing.T) {
	client := join(t, handlers())
	err := client.Call(t.Context(), "fail", nil, nil)
	require.EqualError(t, err, "fail: the bridge is gone")
	require.Equal(t, "bring the lab up again", hint.Of(err))
}

func TestWhatCannotBeServedSaysWhy(t *testing.T) {
	client := join(t, handlers())
	for _, c := range []struct {
		method, code string
		args         any
	}{
		{"subtract", CodeMethod, nil},
		{"count", CodeMethod, 3}, // a stream, called
		{"add", CodeArguments, map[string]int{"C": 1}},
		{"add", CodeArguments, "two"},
		{"panic", CodeFailed, nil},
	} {
		err := client.Call(t.Context(), c.method, c.args, nil)
		var told *Error
		require.ErrorAs(t, err, &told, c.method)
		require.Equal(t, c.code, told.Code, c.method)
	}
	// The helper is none the worse for it.
	require.NoError(t, client.Call(t.Context(), "add", sum{1, 1}, nil))
}

func TestManyCallsAtOnceKeepApart(t *testing.T) {
	client := join(t, handlers())
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			var got int
			if err := client.Call(t.Context(), "add", sum{i, i}, &got); err != nil || got != 2*i {
				t.Errorf("%d + %d = %d, %v", i, i, got, err)
			}
		})
	}
	all.Wait()
}

func TestACancelledCallEndsOnBothSides(t *testing.T) {
	ended := make(chan error, 1)
	began := make(chan struct{})
	client := join(t, Handlers{"wait": Func(func(ctx context.Context, _ struct{}) (int, error) {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return 0, ctx.Err()
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	require.ErrorIs(t, client.Call(ctx, "wait", nil, nil), context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestAStreamGivesEveryItemInOrder(t *testing.T) {
	client := join(t, handlers())
	next := 0
	for item, err := range client.Stream(t.Context(), "count", 1000) { // far more than the window
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(next), string(item))
		next++
	}
	require.Equal(t, 1000, next)
}

func TestAStreamEndsWithItsError(t *testing.T) {
	client := join(t, handlers())
	var items []string
	var last error
	for item, err := range client.Stream(t.Context(), "break", nil) {
		if last = err; err == nil {
			items = append(items, string(item))
		}
	}
	require.Equal(t, []string{`"first"`}, items)
	require.EqualError(t, last, "break: lost the table")
	require.Equal(t, "look at the log", hint.Of(last))
}

func TestASlowReaderHoldsUpNobodyElseAndBoundsWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := join(t, Merge(Handlers{"add": handlers()["add"]}, Handlers{
			"flood": Stream(func(_ context.Context, _ struct{}, emit func(any) error) error {
				for emit(sent) == nil {
					sent++
				}
				return nil
			}),
		}))
		for range client.Stream(t.Context(), "flood", nil) {
			synctest.Wait() // until nothing moves any more
			require.LessOrEqual(t, sent, Window)
			require.NoError(t, client.Call(t.Context(), "add", sum{1, 1}, nil))
			break // leaving the loop ends the handler, or the test would not end
		}
	})
}

func TestTheEndOfTheConnectionEndsWhatWaits(t *testing.T) {
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	go func() {
		_ = ServeStream(ctx, there, Handlers{"wait": Func(func(ctx context.Context, _ struct{}) (int, error) {
			close(began)
			<-ctx.Done()
			return 0, nil
		})})
	}()
	client := Dial(t.Context(), here)
	defer client.Close()
	go func() { <-began; cancel() }()
	err := client.Call(t.Context(), "wait", nil, nil)
	if err != nil { // the answer may still have slipped out
		require.ErrorIs(t, err, ErrClosed)
	}
	<-client.Done()
	require.ErrorIs(t, client.Err(), ErrClosed)
	require.ErrorIs(t, client.Call(t.Context(), "wait", nil, nil), ErrClosed)
}

func TestAnotherVersionIsRefusedWithAHint(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	go func() {
		go func() { _, _ = io.Copy(io.Discard, there) }()
		_ = json.NewEncoder(there).Encode(message{Hello: Protocol, Version: Version + 1})
	}()
	client := Dial(t.Context(), here)
	defer client.Close()
	err := client.Call(t.Context(), "add", sum{}, nil)
	require.ErrorContains(t, err, "version")
	require.Contains(t, hint.Of(err), "down and up")
}

func TestWhatIsNotAHelperIsSaidSo(t *testing.T) {
	here, there := net.Pipe()
	go func() {
		go func() { _, _ = io.Copy(io.Discard, there) }()
		_, _ = io.WriteString(there, "{\"hello\":\"sshd\"}\n")
		_ = there.Close()
	}()
	client := Dial(t.Context(), here)
	defer client.Close()
	require.ErrorContains(t, client.Call(t.Context(), "add", sum{}, nil), "does not speak")
}

func TestAMessageBeyondTheBoundIsRefusedNotSent(t *testing.T) {
	client := join(t, Merge(handlers(), Handlers{
		"large": Func(func(context.Context, struct{}) (string, error) { return strings.Repeat("x", MaxMessage), nil }),
	}))
	require.ErrorContains(t, client.Call(t.Context(), "echo", strings.Repeat("x", MaxMessage), nil), "larger than")
	require.ErrorContains(t, client.Call(t.Context(), "large", nil, nil), "larger than")
	var got string
	require.NoError(t, client.Call(t.Context(), "echo", strings.Repeat("x", MaxMessage/2), &got))
	require.Len(t, got, MaxMessage/2)
}

func TestTooManyCallsAtOnceAreRefused(t *testing.T) {
	var started sync.WaitGroup
	started.Add(maxCalls)
	client := join(t, Handlers{"wait": Func(func(ctx context.Context, _ struct{}) (int, error) {
		started.Done()
		<-ctx.Done()
		return 0, ctx.Err()
	})})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range maxCalls {
		all.Go(func() { _ = client.Call(ctx, "wait", nil, nil) })
	}
	started.Wait()
	err := client.Call(t.Context(), "wait", nil, nil)
	var told *Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, CodeBusy, told.Code)
	cancel()
	all.Wait()
}

func TestManyClientsReachOneHelperThroughItsSocketAndBridges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "control.sock")
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	bridged := make(chan error, 5)
	var clients []*Client
	for range cap(bridged) {
		// What docker exec gives: one stream each way. The bridges are there before the socket is.
		here, there := net.Pipe()
		go func() {
			bridged <- Bridge(ctx, path, there, there)
			_ = there.Close()
		}()
		clients = append(clients, Dial(ctx, here))
	}
	listener, err := Listen(path)
	require.NoError(t, err)
	go func() { served <- Serve(ctx, listener, handlers()) }()
	for i, client := range clients {
		var got int
		require.NoError(t, client.Call(t.Context(), "add", sum{i, 1}, &got))
		require.Equal(t, i+1, got)
	}
	require.NoError(t, clients[0].Close()) // the learner closes one terminal
	require.NoError(t, <-bridged)
	require.NoError(t, clients[1].Call(t.Context(), "add", sum{}, nil))

	cancel()
	require.NoError(t, <-served)
	for _, client := range clients {
		<-client.Done()
	}
}

func TestABridgeWithoutAHelperSaysWhereToLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.sock")
	synctest.Test(t, func(t *testing.T) { // the clock of the bubble makes its patience cost nothing
		err := Bridge(t.Context(), path, strings.NewReader(""), io.Discard)
		require.ErrorContains(t, err, "no helper listens")
		require.NotEmpty(t, hint.Of(err))
	})
}

func TestListenTakesThePlaceOfASocketLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	first, err := Listen(path)
	require.NoError(t, err)
	first.(*net.UnixListener).SetUnlinkOnClose(false) // as a SIGKILL would leave it
	require.NoError(t, first.Close())
	second, err := Listen(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}
