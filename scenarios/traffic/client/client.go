// Package client is the traffic client of a lab: the node that makes its traffic, and the host's way to speak to it.
//
// Inside the lab:
//
//	role, err := client.New(client.Options{Workloads: specs})
//	err = control.Serve(ctx, listener, role.Handlers()) // while role.Run(ctx) runs
//
// On the host:
//
//	c := client.Dial(connection) // a *control.Client
//	err = c.Set(ctx, "shop", workload.Change{Rate: &rate})
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
)

// The methods of a traffic client, besides telemetry.MethodTraffic. Their arguments and answers are those of the Client's methods.
const (
	MethodStart   = "traffic.start"
	MethodStop    = "traffic.stop"
	MethodSet     = "traffic.set"
	MethodShow    = "traffic.show"
	MethodRestore = "traffic.restore"
)

// StartAsk is the argument of MethodStart.
type StartAsk struct {
	// Names are workloads of the lab to start; with neither names nor workloads, all that are not manual and do not run.
	Names []string `json:"names,omitempty"`
	// Workloads are new ones. One with the name of a workload that runs takes its place.
	Workloads []workload.Spec `json:"workloads,omitempty"`
}

// StopAsk is the argument of MethodStop.
type StopAsk struct {
	Names []string `json:"names,omitempty"` // none for all
}

// SetAsk is the argument of MethodSet.
type SetAsk struct {
	Name   string          `json:"name,omitempty"` // "" for all that run
	Change workload.Change `json:"change"`
}

// ShowAsk is the argument of MethodShow.
type ShowAsk struct {
	Series bool `json:"series,omitempty"` // reports with a point a second
}

// Idle is the state of a workload that was not started.
const Idle traffic.State = "idle"

// Status is one workload of a client.
type Status struct {
	Workload workload.Spec `json:"workload"` // as it is now
	State    traffic.State `json:"state"`
	// Own says that the workload is the lab's own, not one that was started later.
	Own    bool            `json:"own"`
	Error  string          `json:"error,omitempty"`  // why the preparations failed
	Report *traffic.Report `json:"report,omitempty"` // since its start
	// Now is what the last window brought, while it runs.
	Now *telemetry.Traffic `json:"now,omitempty"`
}

// Caller is what the Client needs of control.Client.
type Caller interface {
	Call(ctx context.Context, method string, args, reply any) error
	Stream(ctx context.Context, method string, args any) iter.Seq2[json.RawMessage, error]
}

// Client speaks to a lab's traffic client. Its methods may be used from many goroutines.
type Client struct{ to Caller }

// Dial makes a Client of a connection, usually a *control.Client, which stays the caller's.
func Dial(to Caller) *Client { return &Client{to: to} }

// Start starts new workloads. One with the name of a workload that runs takes its place.
func (c *Client) Start(ctx context.Context, specs ...workload.Spec) ([]Status, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	return c.start(ctx, StartAsk{Workloads: specs})
}

// StartOwn starts workloads of the lab by name: those that are marked as manual, or that were stopped. Without names,
// all that are not manual and do not run.
func (c *Client) StartOwn(ctx context.Context, names ...string) ([]Status, error) {
	return c.start(ctx, StartAsk{Names: names})
}

func (c *Client) start(ctx context.Context, ask StartAsk) ([]Status, error) {
	var started []Status
	err := c.to.Call(ctx, MethodStart, ask, &started)
	return started, err
}

// Stop stops workloads by name, all without names, and gives what came of them.
func (c *Client) Stop(ctx context.Context, names ...string) ([]Status, error) {
	var stopped []Status
	err := c.to.Call(ctx, MethodStop, StopAsk{Names: names}, &stopped)
	return stopped, err
}

// Set changes a workload that runs; all of them where name is empty.
func (c *Client) Set(ctx context.Context, name string, change workload.Change) ([]Status, error) {
	var changed []Status
	err := c.to.Call(ctx, MethodSet, SetAsk{Name: name, Change: change}, &changed)
	return changed, err
}

// Show gives every workload with its report, sorted by name; the reports have a series where that is asked for.
func (c *Client) Show(ctx context.Context, series bool) ([]Status, error) {
	var all []Status
	err := c.to.Call(ctx, MethodShow, ShowAsk{Series: series}, &all)
	return all, err
}

// Restore gives the lab its own traffic back, as it was when the lab came up.
func (c *Client) Restore(ctx context.Context) error { return c.to.Call(ctx, MethodRestore, nil, nil) }

// Watch gives what each workload that runs did, about twice a second, until the loop is left.
func (c *Client) Watch(ctx context.Context) iter.Seq2[[]telemetry.Traffic, error] {
	return func(yield func([]telemetry.Traffic, error) bool) {
		for item, err := range c.to.Stream(ctx, telemetry.MethodTraffic, nil) {
			var all []telemetry.Traffic
			if err == nil {
				if err = json.Unmarshal(item, &all); err != nil {
					err = fmt.Errorf("traffic: %w", err)
				}
			}
			if !yield(all, err) || err != nil {
				return
			}
		}
	}
}
