package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"
)

// The methods of a wire helper. Their arguments and answers are those of the Client's methods.
const (
	MethodConfigure    = "wire.configure"
	MethodInject       = "wire.inject"
	MethodHeal         = "wire.heal"
	MethodList         = "wire.list"
	MethodRead         = "wire.read"
	MethodCounters     = "wire.counters"
	MethodCapabilities = "wire.capabilities"
	MethodPut          = "journal.put"
	MethodDelete       = "journal.delete"
	MethodRecords      = "journal.list"
)

// HealAsk is the argument of MethodHeal.
type HealAsk struct {
	IDs []string `json:"ids,omitempty"`
	All bool     `json:"all,omitempty"`
}

// CountersAsk is the argument of MethodCounters.
type CountersAsk struct {
	Interval time.Duration `json:"interval_ns,omitempty"`
}

// Caller is what the Client needs of control.Client.
type Caller interface {
	Call(ctx context.Context, method string, args, reply any) error
	Stream(ctx context.Context, method string, args any) iter.Seq2[json.RawMessage, error]
}

// Client speaks to a lab's wire helper. Its methods may be used from many goroutines.
type Client struct{ to Caller }

// NewClient makes a client of a connection, usually a *control.Client, which stays the caller's.
func NewClient(to Caller) *Client { return &Client{to: to} }

// Configure tells the helper its lab's nodes and networks, at first and whenever they change: after an `up`, a scaling, a
// restart that changed an address. Faults that stand are applied to the nodes as they are now.
func (c *Client) Configure(ctx context.Context, t Topology) error {
	if err := t.Validate(); err != nil {
		return err
	}
	return c.to.Call(ctx, MethodConfigure, t, nil)
}

// Inject applies a fault. When it returns, the fault stands in the kernel; what it does to traffic is told by State.Verified
// of a later List, once there was traffic.
func (c *Client) Inject(ctx context.Context, f Fault) (State, error) {
	var state State
	if err := f.Validate(); err != nil {
		return state, err
	}
	err := c.to.Call(ctx, MethodInject, f, &state)
	return state, err
}

// Heal undoes the faults on links with these IDs and gives what they were. Those that do not stand (any more) are skipped.
func (c *Client) Heal(ctx context.Context, ids ...string) ([]State, error) {
	return c.heal(ctx, HealAsk{IDs: ids})
}

// HealAll undoes every fault on links.
func (c *Client) HealAll(ctx context.Context) ([]State, error) {
	return c.heal(ctx, HealAsk{All: true})
}

func (c *Client) heal(ctx context.Context, ask HealAsk) ([]State, error) {
	var healed []State
	err := c.to.Call(ctx, MethodHeal, ask, &healed)
	return healed, err
}

// List gives the faults on links that stand, oldest first, with what was measured of them.
func (c *Client) List(ctx context.Context) ([]State, error) {
	var states []State
	err := c.to.Call(ctx, MethodList, nil, &states)
	return states, err
}

// Read gives the counters once.
func (c *Client) Read(ctx context.Context) (Counters, error) {
	var counters Counters
	err := c.to.Call(ctx, MethodRead, nil, &counters)
	return counters, err
}

// Counters gives the counters at once and then every interval (a second where it is 0, at least 50 ms) until the loop is left.
func (c *Client) Counters(ctx context.Context, interval time.Duration) iter.Seq2[Counters, error] {
	return func(yield func(Counters, error) bool) {
		for item, err := range c.to.Stream(ctx, MethodCounters, CountersAsk{Interval: interval}) {
			var counters Counters
			if err == nil {
				if err = json.Unmarshal(item, &counters); err != nil {
					err = fmt.Errorf("counters: %w", err)
				}
			}
			if !yield(counters, err) || err != nil {
				return
			}
		}
	}
}

// Capabilities tells what serves in this helper, and why.
func (c *Client) Capabilities(ctx context.Context) (Capabilities, error) {
	var capabilities Capabilities
	err := c.to.Call(ctx, MethodCapabilities, nil, &capabilities)
	return capabilities, err
}

// Put writes a record of a fault on nodes into the lab's journal, new or in the place of the one with its ID, and gives it as it
// stands there. It is on the volume when Put returns: write first, then do.
func (c *Client) Put(ctx context.Context, r Record) (Record, error) {
	var put Record
	err := c.to.Call(ctx, MethodPut, r, &put)
	return put, err
}

// Delete removes a record of a fault on nodes, once it is undone. One that is not there is no error.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.to.Call(ctx, MethodDelete, id, nil)
}

// Records gives the journal: every fault that stands or is about to, on links and on nodes, oldest first.
func (c *Client) Records(ctx context.Context) ([]Record, error) {
	var records []Record
	err := c.to.Call(ctx, MethodRecords, nil, &records)
	return records, err
}
