//go:build linux

package agent

import (
	"context"
	"errors"
	"time"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// sets are the names of the kernel's sets of one kind, in both families.
func sets(name func(v6 bool) string) []string { return []string{name(false), name(true)} }

// count takes in what the kernel has counted.
func (a *Agent) count() error {
	for _, kind := range []func(bool) string{nft.LinksSet, nft.DroppedSet, nft.PassedSet, nft.TwiceSet} {
		for _, set := range sets(kind) {
			now, err := a.table.Read(set)
			if err != nil {
				return err
			}
			if a.tallies[set] == nil {
				a.tallies[set] = &tally{}
			}
			a.tallies[set].add(now, a.directory)
		}
	}
	return nil
}

func (a *Agent) tallied(kind func(bool) string) []*tally {
	var all []*tally
	for _, set := range sets(kind) {
		if t := a.tallies[set]; t != nil {
			all = append(all, t)
		}
	}
	return all
}

// read measures every pair.
func (a *Agent) read() (reading, error) {
	if err := a.count(); err != nil {
		return nil, err
	}
	now := reading{}
	for _, source := range []struct {
		kind  func(bool) string
		where func(*measured) *uint64
	}{
		{nft.LinksSet, func(m *measured) *uint64 { return &m.seen }},
		{nft.DroppedSet, func(m *measured) *uint64 { return &m.dropped }},
		{nft.PassedSet, func(m *measured) *uint64 { return &m.passed }},
		{nft.TwiceSet, func(m *measured) *uint64 { return &m.twice }},
	} {
		for _, t := range a.tallied(source.kind) {
			now.add(t, a.directory, source.where)
		}
	}
	if a.holder != nil {
		stats, err := a.holder.stats()
		if err != nil {
			return nil, err
		}
		for pair, stat := range stats {
			m := now[pair]
			m.waited = stat
			now[pair] = m
		}
	}
	return now, nil
}

// Read gives the counters once.
func (a *Agent) Read(context.Context, struct{}) (wire.Counters, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.table == nil || a.closed {
		return wire.Counters{Time: a.clock.Now(), Since: a.clock.Now()}, nil
	}
	if err := a.count(); err != nil {
		return wire.Counters{}, err
	}
	counters := wire.Counters{Time: a.clock.Now(), Since: a.since,
		Links: a.directory.links(a.tallied(nft.LinksSet), a.tallied(nft.DroppedSet))}
	for _, t := range a.tallied(nft.LinksSet) {
		counters.Full = counters.Full || t.full
	}
	return counters, nil
}

// The pace of counters that are streamed.
const (
	usualInterval = time.Second
	leastInterval = 50 * time.Millisecond
)

// Counters gives the counters at once and then at every interval, until ctx ends.
func (a *Agent) Counters(ctx context.Context, ask wire.CountersAsk, emit func(any) error) error {
	if ask.Interval < 0 {
		return errors.New("counters: a negative interval")
	}
	interval := usualInterval
	if ask.Interval > 0 {
		interval = max(ask.Interval, leastInterval)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		counters, err := a.Read(ctx, struct{}{})
		if err != nil {
			return err
		}
		if err := emit(counters); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
