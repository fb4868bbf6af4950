//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// Handlers are the methods that a wire.Client calls.
func (a *Agent) Handlers() control.Handlers {
	return control.Handlers{
		wire.MethodConfigure:    control.Func(a.Configure),
		wire.MethodInject:       control.Func(a.Inject),
		wire.MethodHeal:         control.Func(a.Heal),
		wire.MethodList:         control.Func(a.List),
		wire.MethodRead:         control.Func(a.Read),
		wire.MethodCounters:     control.Stream(a.Counters),
		wire.MethodCapabilities: control.Func(a.Capabilities),
		wire.MethodPut:          control.Func(a.Put),
		wire.MethodDelete:       control.Func(a.Delete),
		wire.MethodRecords:      control.Func(a.Records),
	}
}

// Put writes a record of a fault on nodes.
func (a *Agent) Put(_ context.Context, r wire.Record) (wire.Record, error) {
	if r.Link != nil {
		return r, errors.New("a fault on links is injected, not recorded")
	}
	if a.onLinks(r.ID) {
		return r, fmt.Errorf("%s is a fault on links", r.ID)
	}
	return a.journal.Put(r)
}

// Delete removes a record of a fault on nodes.
func (a *Agent) Delete(_ context.Context, id string) (struct{}, error) {
	if a.onLinks(id) {
		return struct{}{}, fmt.Errorf("%s is a fault on links: heal it", id)
	}
	return struct{}{}, a.journal.Delete(id)
}

func (a *Agent) onLinks(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.find(id) != nil
}

// Records gives the journal.
func (a *Agent) Records(context.Context, struct{}) ([]wire.Record, error) {
	return a.journal.Records(), nil
}

// Capabilities tells what serves here, and why.
func (a *Agent) Capabilities(context.Context, struct{}) (wire.Capabilities, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return wire.Capabilities{}, fmt.Errorf("ask the kernel's version: %w", err)
	}
	c := wire.Capabilities{Kernel: unix.ByteSliceToString(name.Release[:])}
	rules := wire.Capability{Mechanism: "nftables, bridge family"}
	if a.found.WhyBridge != "" {
		rules = wire.Capability{Why: a.found.WhyBridge}
	}
	c.Counters, c.Cut, c.Loss = rules, rules, rules
	c.Delay.Why = a.found.WhyMeans
	switch a.found.Means {
	case nft.NoMeans:
	case nft.Elsewhere:
		c.Delay.Mechanism = string(nft.Elsewhere)
	default:
		c.Delay.Mechanism = "user space, by " + string(a.found.Means)
	}
	c.Duplicate.Why = a.found.WhyTwice
	if a.found.Twice {
		c.Duplicate.Mechanism = "nftables dup, through br_netfilter"
	}
	return c, nil
}
