// Package history keeps what clients asked of a system and what they were told, and checks it: is it linearizable, was an item
// lost or handed out twice, did two hold one lock?
//
//	recorder := history.NewRecorder(file, clock)
//	done := recorder.Invoke(client, history.Operation{Function: history.Write, Key: "x", Value: "7"})
//	err := register.Write(ctx, "x", "7")
//	done(history.OutcomeOf(err), history.Operation{})
//	...
//	result, err := history.Check(events, history.Register, history.Options{Faults: lanes, Visualization: w})
//
// A history is JSON, an event a line, in the manner of Jepsen and Maelstrom: an operation is invoked and then is ok, or fail
// (it surely did not happen), or info (nobody knows: a timeout, a broken connection). An operation that ends as info may take
// effect at any later time, and checks treat it so.
package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Type is what an event says of its operation.
type Type string

// The types of events.
const (
	Invoke Type = "invoke" // the client begins
	OK     Type = "ok"     // it happened
	Fail   Type = "fail"   // it surely did not happen
	Info   Type = "info"   // not known
)

// Function is what an operation does.
type Function string

// The functions, by the model that knows them.
const (
	Read    Function = "read"    // register, counter, set: Value is what was read
	Write   Function = "write"   // register
	CAS     Function = "cas"     // register: from Expected to Value; fail says that it was something else
	Acquire Function = "acquire" // lock: Token is the fencing token, where the lock has one
	Release Function = "release" // lock
	Enqueue Function = "enqueue" // queue
	Dequeue Function = "dequeue" // queue: Value is what came out; fail says that it was empty
	Add     Function = "add"     // counter: Value is how much, a whole number; set: Value is the item
)

// Operation is what an event is about. In an invocation it holds what was asked, in the end what came of it; what the end does not
// say is as it was asked.
type Operation struct {
	Function Function `json:"f,omitempty"`
	Key      string   `json:"key,omitempty"` // which register, lock, queue, counter or set
	// Value is what is written, added or put in, or what was read or taken out. Nil is no value: a register never written.
	Value *string `json:"value,omitempty"`
	// Expected is what a cas wants to find; nil is no value.
	Expected *string `json:"expected,omitempty"`
	// Token orders the holders of a lock: a later holder has a larger one. 0 is none.
	Token int64 `json:"token,omitempty"`
	// Items are what a read of a set found.
	Items []string `json:"items,omitempty"`
}

// Event is one line of a history.
type Event struct {
	Type   Type `json:"type"`
	Client int  `json:"client"` // from 0; a client has one operation under way at a time
	Operation
	// Time is since the history's start, in nanoseconds, by one clock for all clients.
	Time time.Duration `json:"time_ns"`
	// Node is where the client sent it, where that is known.
	Node string `json:"node,omitempty"`
	// Error is why it ended as fail or info.
	Error string `json:"error,omitempty"`
}

// Of makes the pointer that Operation.Value wants.
func Of(value string) *string { return &value }

// maxLine bounds a line of a history that is read.
const maxLine = 1 << 20

// Decode reads a history: an event a line. A last line without its end, as a killed client leaves it, is left out.
func Decode(in io.Reader) ([]Event, error) {
	reader := bufio.NewReaderSize(in, maxLine)
	var events []Event
	for number := 1; ; number++ {
		line, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("history: line %d is longer than %d bytes", number, maxLine)
		case err != nil:
			return nil, fmt.Errorf("history: line %d: %w", number, err)
		}
		var event Event
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("history: line %d: %w", number, err)
		}
		events = append(events, event)
	}
}

// call is an invocation with its end.
type call struct {
	client         int
	asked, got     Operation
	invoked, ended time.Duration
	outcome        Type // OK, Fail or Info
	node           string
}

// forever is when an operation ends whose end nobody knows.
const forever = time.Duration(1<<63 - 1)

// pair joins invocations with their ends, in the order of invocations. A client that begins anew without an end, and what is still
// under way at the end of the history, ended as Info.
func pair(events []Event) ([]call, error) {
	var calls []call
	open := map[int]int{} // client to index
	for i, e := range events {
		switch e.Type {
		case Invoke:
			calls = append(calls, call{client: e.Client, asked: e.Operation, invoked: e.Time, ended: forever, outcome: Info, node: e.Node})
			open[e.Client] = len(calls) - 1
		case OK, Fail, Info:
			at, ok := open[e.Client]
			if !ok {
				return nil, fmt.Errorf("history: event %d: client %d ends an operation that it did not begin", i+1, e.Client)
			}
			delete(open, e.Client)
			c := &calls[at]
			if e.Function != "" && e.Function != c.asked.Function {
				return nil, fmt.Errorf("history: event %d: client %d began %s and ended %s", i+1, e.Client, c.asked.Function, e.Function)
			}
			if e.Time < c.invoked {
				return nil, fmt.Errorf("history: event %d: client %d ended before it began", i+1, e.Client)
			}
			c.got, c.outcome = e.Operation, e.Type
			if e.Type != Info {
				c.ended = e.Time
			}
		default:
			return nil, fmt.Errorf("history: event %d: unknown type %q", i+1, e.Type)
		}
	}
	return calls, nil
}
