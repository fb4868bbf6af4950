//go:build linux

package agent

import (
	"errors"
	"hash/fnv"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netem"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
	"github.com/ddsctl/ddsctl/runtime/wire/queue"
)

// holder makes packets wait.
type holder interface {
	set(t wire.Topology, subnets directory, effects map[wire.Pair]wire.Effect) error
	// stats tells what each pair has done, as far as it is known.
	stats() (map[wire.Pair]queue.Stat, error)
	// number is that of the kernel's queue.
	number() uint16
	Close() error
}

type inUserSpace struct{ *queue.Queue }

func (h inUserSpace) set(_ wire.Topology, d directory, effects map[wire.Pair]wire.Effect) error {
	return h.Set(effects, d.subnets)
}
func (h inUserSpace) stats() (map[wire.Pair]queue.Stat, error) { return h.Stats() }
func (h inUserSpace) number() uint16                           { return h.Number() }

type inKernel struct{ *netem.Lanes }

func (h inKernel) set(t wire.Topology, _ directory, effects map[wire.Pair]wire.Effect) error {
	return h.Set(t, effects)
}
func (inKernel) stats() (map[wire.Pair]queue.Stat, error) { return nil, nil }
func (inKernel) number() uint16                           { return 0 }

// probe finds out what the kernel can do. User space comes before netem: docs/adr/0004 says why.
func probe() nft.Found {
	found := nft.Probe()
	if found.WhyBridge != "" || found.Means != nft.NoMeans {
		return found
	}
	if err := netem.Probe(); err == nil {
		found.Means = nft.Elsewhere
	} else {
		found.WhyMeans += "; " + err.Error()
	}
	return found
}

// queueNumbers is how many of the kernel's queues are tried for one that is free.
const queueNumbers = 64

func (a *Agent) openHolder() error {
	switch a.found.Means {
	case nft.NoMeans:
		return hint.Wrap(errors.New("this kernel cannot make packets wait: "+a.found.WhyMeans), "cut and loss do without")
	case nft.Elsewhere:
		lanes, err := netem.Open(a.topology.Project)
		if err != nil {
			return err
		}
		a.holder = inKernel{lanes}
		return nil
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(a.topology.Project))
	first := 1 + hash.Sum32()%(1<<16-1-queueNumbers)
	var numbers []uint16
	for i := range uint32(queueNumbers) {
		numbers = append(numbers, uint16(first+i))
	}
	q, err := queue.Open(numbers, a.options.Seed)
	if err != nil {
		return err
	}
	a.holder = inUserSpace{q}
	return nil
}

func (a *Agent) closeHolder() error {
	err := a.holder.Close()
	a.holder = nil
	return err
}

func (a *Agent) setHolder(effects map[wire.Pair]wire.Effect) error {
	if a.holder == nil {
		return nil
	}
	return a.holder.set(*a.topology, a.directory, effects)
}

// waits says that a kind of fault makes packets wait.
func waits(kind wire.Kind) bool {
	return slices.Contains([]wire.Kind{wire.Delay, wire.Rate, wire.Reorder}, kind)
}

// holdable says why none of a fault's pairs can be made to wait, together with what stands.
func (a *Agent) holdable(f wire.Fault) error {
	switch {
	case !waits(f.Kind):
		return nil
	case a.found.Means == nft.NoMeans:
		return errors.New("this kernel cannot make packets wait: " + a.found.WhyMeans)
	case a.found.Means != nft.Elsewhere:
		return nil
	}
	faults := []wire.Fault{f}
	for _, s := range a.faults {
		faults = append(faults, *s.record.Link)
	}
	effects := wire.Effects(*a.topology, faults)
	var why error
	for _, pair := range wire.Pairs(*a.topology, f) {
		if why = netem.Possible(*a.topology, pair, effects[pair]); why == nil {
			return nil
		}
	}
	return why
}
