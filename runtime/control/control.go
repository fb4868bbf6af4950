// Package control carries calls between ddsctl on the host and a helper inside a lab, over any stream of bytes.
//
// The stream is the standard input and output of a `docker exec` that runs `ddsctl node dial` in the helper, which joins it to
// the helper's unix socket; so no lab ever publishes a control port. Many clients may be joined to one helper at once.
//
// The helper's side:
//
//	listener, err := control.Listen(control.DefaultSocket)
//	err = control.Serve(ctx, listener, control.Handlers{
//		"wire.inject":   control.Func(agent.inject),    // func(ctx, A) (R, error)
//		"wire.counters": control.Stream(agent.counters), // func(ctx, A, emit func(any) error) error
//	})
//
// The host's side:
//
//	client := control.Dial(ctx, stream)
//	defer client.Close()
//	err := client.Call(ctx, "wire.inject", fault, &state)
//	for item, err := range client.Stream(ctx, "wire.counters", ask) { ... }
//
// Messages are JSON, one a line, at most MaxMessage bytes. Each side first sends a hello with the protocol's version.
// Calls are told apart by a number that the client chooses, run side by side, and end early when their context does.
// A stream is read at the reader's pace: the sender stops after Window items that were not taken, so that a slow reader of
// one stream never delays another call.
package control

// DefaultSocket is where a helper listens; /run is a tmpfs in it.
const DefaultSocket = "/run/ddsctl/control.sock"

// Protocol is the name that both sides say in their hello.
const Protocol = "ddsctl-control"

// Version is the version of the messages. Sides with different versions do not talk.
const Version = 1

// MaxMessage is the largest message in bytes, its newline included. Larger ones end the connection when received, and
// are refused with an error when sent.
const MaxMessage = 16 << 20

// Window is how many items of one stream may be under way or waiting to be taken.
const Window = 64

// maxCalls bounds the calls and streams that one connection may have open in a helper.
const maxCalls = 256
