//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// Inject applies a fault: it is in the journal first, and in the kernel when Inject returns.
func (a *Agent) Inject(_ context.Context, f wire.Fault) (wire.State, error) {
	if err := f.Validate(); err != nil {
		return wire.State{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.possible(f); err != nil {
		return wire.State{}, err
	}
	record := wire.Record{ID: f.ID, Kind: string(f.Kind), Target: f.Target(), Detail: f.Detail(), For: f.For, Link: &f,
		Nodes: a.nodes(wire.Pairs(*a.topology, f))}
	record, err := a.journal.Put(record)
	if err != nil {
		return wire.State{}, err
	}
	record.Link.ID = record.ID
	s := &standing{record: record}
	with := append(slices.Clone(a.faults), s)
	if err := a.apply(with); err != nil {
		// What was changed in part goes back to what stood.
		return wire.State{}, errors.Join(err, a.apply(a.faults), a.journal.Delete(record.ID))
	}
	a.faults = with
	a.wake()
	return a.state(s, nil), nil
}

// possible says why a fault cannot be applied here.
func (a *Agent) possible(f wire.Fault) error {
	if a.table == nil || a.closed {
		return hint.Wrap(errors.New("the wire does not know the lab's nodes yet"), "`ddsctl lab up` tells it")
	}
	if f.ID != "" && a.find(f.ID) != nil {
		return fmt.Errorf("fault %s stands already", f.ID)
	}
	names := slices.Concat(f.From, f.To, slices.Concat(f.Sets...))
	nodes, err := a.topology.Expand(names)
	if err != nil {
		return err
	}
	away := false
	for _, node := range nodes {
		away = away || node != wire.Host && node != wire.Outside && len(a.topology.Nodes[node]) == 0
	}
	if len(wire.Pairs(*a.topology, f)) == 0 && !away { // a node that is stopped meets its fault when it comes back
		return hint.Wrap(fmt.Errorf("%s has no link: nothing it names shares a network with anything else it names", f.Target()),
			"`ddsctl lab status` shows which networks the nodes are on")
	}
	if f.Kind == wire.Duplicate && !a.found.Twice {
		return fmt.Errorf("this kernel cannot duplicate packets: %s", a.found.WhyTwice)
	}
	return a.holdable(f)
}

// nodes are the names of those whom pairs touch, sorted.
func (a *Agent) nodes(pairs []wire.Pair) []string {
	names := map[string]bool{}
	for _, pair := range pairs {
		names[a.directory.name(pair.From)] = true
		names[a.directory.name(pair.To)] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (a *Agent) find(id string) *standing {
	for _, s := range a.faults {
		if s.record.ID == id {
			return s
		}
	}
	return nil
}

// Heal undoes faults and gives what they were, with what was measured of them at last.
func (a *Agent) Heal(_ context.Context, ask wire.HealAsk) ([]wire.State, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.heal(func(s *standing) bool { return ask.All || slices.Contains(ask.IDs, s.record.ID) })
}

func (a *Agent) heal(which func(*standing) bool) ([]wire.State, error) {
	healed := []wire.State{}
	var stay, over []*standing
	for _, s := range a.faults {
		if which(s) {
			over = append(over, s)
		} else {
			stay = append(stay, s)
		}
	}
	if len(over) == 0 {
		return healed, nil
	}
	now, err := a.measure()
	if err != nil { // it is healed all the same
		a.log.Warn("measure what is healed", "why", err)
	}
	var ids []string
	for _, s := range over {
		healed = append(healed, a.state(s, now))
		ids = append(ids, s.record.ID)
	}
	// Out of the journal first: should this process die in between, the rules die with it.
	if err := a.journal.Delete(ids...); err != nil {
		return []wire.State{}, err
	}
	if a.table != nil {
		if err := a.apply(stay); err != nil {
			for _, s := range over {
				_, putErr := a.journal.Put(s.record)
				err = errors.Join(err, putErr)
			}
			return []wire.State{}, err
		}
	}
	a.faults = stay
	a.wake()
	return healed, nil
}

// List gives the faults that stand, oldest first, with what was measured of them.
func (a *Agent) List(context.Context, struct{}) ([]wire.State, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	states := []wire.State{}
	now, err := a.measure()
	if err != nil {
		return nil, err
	}
	for _, s := range a.faults {
		states = append(states, a.state(s, now))
	}
	return states, nil
}

// measure takes a reading, nil before the agent is configured.
func (a *Agent) measure() (reading, error) {
	if a.table == nil || a.closed {
		return nil, nil
	}
	return a.read()
}

// state is the fault as people are told of it; without a reading nothing has been measured.
func (a *Agent) state(s *standing, now reading) wire.State {
	state := wire.State{Fault: *s.record.Link, Start: s.record.Start, Expires: s.record.Expires,
		Verified: wire.Unknown, Figure: "no traffic since", Nodes: s.record.Nodes}
	if a.topology != nil {
		state.Nodes = a.nodes(s.pairs)
	}
	if now == nil {
		return state
	}
	if a.found.Means == nft.Elsewhere && waits(state.Kind) {
		state.Figure = "netem does not tell what it does"
		return state
	}
	var pairs []since
	for _, pair := range s.pairs {
		pairs = append(pairs, since{measured: now[pair].minus(s.before[pair]), pair: pair, effect: a.effects[pair]})
	}
	state.Verified, state.Figure = judge(state.Fault, pairs)
	return state
}

// Run heals what expires, and keeps counts of links from being forgotten, until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	keep := time.NewTicker(10 * time.Minute) // well before the kernel forgets a link without traffic
	defer keep.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for pause := time.Duration(0); ; {
		due.Stop()
		if left, any := a.next(); any {
			due.Reset(max(left, pause))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.changed:
		case <-due.C:
			pause = 0
			if err := a.expire(); err != nil {
				// Tried again soon: a fault that outlives its time is the one thing that must not be.
				a.log.Error("heal what has expired", "why", err)
				pause = time.Second
			}
		case <-keep.C:
			if _, err := a.Read(ctx, struct{}{}); err != nil {
				a.log.Warn("read the counters", "why", err)
			}
		}
	}
}

// wake makes Run look anew at what expires next.
func (a *Agent) wake() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// next is how long until the next fault expires.
func (a *Agent) next() (left time.Duration, any bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.faults {
		if until, forever := a.journal.Left(s.record.ID); !forever && (!any || until < left) {
			left, any = until, true
		}
	}
	return left, any
}

func (a *Agent) expire() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	healed, err := a.heal(func(s *standing) bool {
		left, forever := a.journal.Left(s.record.ID)
		return !forever && left == 0
	})
	for _, state := range healed {
		a.log.Info("healed by time", "fault", state.ID, "target", state.Target(), "figure", state.Figure)
	}
	return err
}
