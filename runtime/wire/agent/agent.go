//go:build linux

// Package agent is the helper's side of the wire: it holds the rules of one lab in the kernel, keeps its journal of faults, counts its
// links, makes packets wait, heals what has expired, and answers a wire.Client.
//
//	agent, err := agent.New(agent.Options{Folder: "/var/lib/ddsctl", Seed: seed})
//	go agent.Run(ctx)
//	err = control.Serve(ctx, listener, agent.Handlers())
//	err = agent.Close()
//
// Everything in the kernel belongs to this process and goes with it, however it ends. What stands in the journal is applied again
// by the next one.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/wholefile"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/journal"
	"github.com/ddsctl/ddsctl/runtime/wire/nft"
)

// Options say where and how an agent works.
type Options struct {
	Folder string        // of the journal
	Seed   uint64        // of jitter and reordering
	Clock  journal.Clock // nil: the system's
	Log    *slog.Logger  // nil: none
}

// Agent is the wire of one lab. Its methods may be used from many goroutines.
type Agent struct {
	options Options
	clock   journal.Clock
	log     *slog.Logger
	journal *journal.Journal
	found   nft.Found
	changed chan struct{} // one token: what expires next may have changed

	mu        sync.Mutex // of all below
	topology  *wire.Topology
	directory directory
	table     *nft.Table
	holder    holder      // nil while no fault needs it
	faults    []*standing // oldest first
	effects   map[wire.Pair]wire.Effect
	since     time.Time // when counting began
	tallies   map[string]*tally
	closed    bool
}

// standing is one fault on links that stands.
type standing struct {
	record wire.Record
	pairs  []wire.Pair
	before reading                   // when it was applied, or what stands on its pairs last changed
	stood  map[wire.Pair]wire.Effect // on its pairs then
}

// Files in the folder.
const (
	journalFile  = "journal.json"
	topologyFile = "topology.json"
)

// New reads the journal and finds out what the kernel can do. When the machine has not been restarted since, what stood is applied
// again at once, to the nodes as they were; in any case Configure does it.
func New(options Options) (*Agent, error) {
	a := &Agent{options: options, clock: options.Clock, log: options.Log, changed: make(chan struct{}, 1), tallies: map[string]*tally{}}
	if a.clock == nil {
		a.clock = SystemClock{}
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	var err error
	a.journal, err = journal.Open(filepath.Join(options.Folder, journalFile), a.clock)
	if errors.Is(err, journal.ErrDamaged) {
		a.log.Warn("faults that stood before are forgotten", "why", err)
	} else if err != nil {
		return nil, err
	}
	a.found = probe()
	for _, r := range a.journal.Records() {
		if r.Link != nil && !r.Overdue {
			a.faults = append(a.faults, &standing{record: r})
		}
	}
	if err := a.forget(); err != nil {
		return nil, err
	}
	if t, ok := a.remembered(); ok {
		if err := a.configure(t); err != nil {
			a.log.Warn("the wire waits to be told its nodes anew", "why", err)
		}
	}
	return a, nil
}

// forget removes link faults from the journal that do not stand.
func (a *Agent) forget() error {
	var gone []string
	for _, r := range a.journal.Records() {
		if r.Link != nil && a.find(r.ID) == nil {
			gone = append(gone, r.ID)
		}
	}
	return a.journal.Delete(gone...)
}

// remembered is the topology that a process before this one was told, in this boot of the machine.
func (a *Agent) remembered() (wire.Topology, bool) {
	raw, err := os.ReadFile(filepath.Join(a.options.Folder, topologyFile))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.log.Warn("read the topology", "why", err)
		}
		return wire.Topology{}, false
	}
	var was memory
	if err := json.Unmarshal(raw, &was); err != nil || was.Boot != a.clock.Boot() {
		return wire.Topology{}, false
	}
	return was.Topology, true
}

type memory struct {
	Boot     string        `json:"boot"`
	Topology wire.Topology `json:"topology"`
}

// Configure tells the agent its lab's nodes and networks.
func (a *Agent) Configure(_ context.Context, t wire.Topology) (struct{}, error) {
	if err := t.Validate(); err != nil {
		return struct{}{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.configure(t); err != nil {
		return struct{}{}, err
	}
	raw, err := json.Marshal(memory{Boot: a.clock.Boot(), Topology: t})
	if err == nil {
		err = wholefile.Put(filepath.Join(a.options.Folder, topologyFile), 0o600, raw)
	}
	if err != nil {
		return struct{}{}, fmt.Errorf("remember the topology: %w", err)
	}
	return struct{}{}, nil
}

func (a *Agent) configure(t wire.Topology) error {
	if a.closed {
		return errors.New("the wire is ending")
	}
	if a.table != nil && a.topology.Project != t.Project {
		return fmt.Errorf("this wire is that of project %q, not of %q", a.topology.Project, t.Project)
	}
	if a.table == nil {
		table, err := nft.Open(t.Project)
		if err != nil {
			return err
		}
		a.table, a.since = table, a.clock.Now()
	} else if err := a.count(); err != nil { // with the names of until now
		return err
	}
	before, directory := a.topology, a.directory
	a.topology, a.directory = &t, newDirectory(t)
	if err := a.apply(a.faults); err != nil {
		if before != nil {
			a.topology, a.directory = before, directory
		} else {
			a.topology = nil
			err = errors.Join(err, a.table.Close())
			a.table = nil
		}
		return err
	}
	return nil
}

// apply brings the kernel to these faults; on an error all is as before.
func (a *Agent) apply(faults []*standing) error {
	now := make([]wire.Fault, len(faults))
	for i, s := range faults {
		now[i] = *s.record.Link
	}
	effects := wire.Effects(*a.topology, now)
	waiting := false
	for _, effect := range effects {
		waiting = waiting || effect.Queued()
	}
	if waiting && a.holder == nil {
		if err := a.openHolder(); err != nil {
			return err
		}
	}
	// The holder first: what need not wait any more leaves, or is dropped where it is cut now.
	if err := a.setHolder(effects); err != nil {
		return err
	}
	if err := a.table.Apply(a.rules(effects)); err != nil {
		err = errors.Join(err, a.setHolder(a.effects))
		if a.holder != nil && !anyQueued(a.effects) {
			err = errors.Join(err, a.closeHolder())
		}
		return err
	}
	a.effects = effects
	if a.holder != nil && !waiting {
		if err := a.closeHolder(); err != nil {
			return err
		}
		if err := a.table.Apply(a.rules(effects)); err != nil {
			return err
		}
	}
	return a.mark(faults)
}

// rules are those for the effects. When a chain leaves a hook, the kernel drops whatever any of its queues holds; so while there is a
// holder, chains at hooks stay.
func (a *Agent) rules(effects map[wire.Pair]wire.Effect) nft.Ruleset {
	rules := nft.Queue{Means: a.found.Means}
	if a.holder == nil {
		return nft.Build(a.topology.Networks, effects, rules)
	}
	rules.Number = a.holder.number()
	return nft.Build(a.topology.Networks, effects, rules).Keeping(a.table.Ruleset())
}

func anyQueued(effects map[wire.Pair]wire.Effect) bool {
	for _, effect := range effects {
		if effect.Queued() {
			return true
		}
	}
	return false
}

// mark takes a new reading for each fault that is new, or beside which something changed.
func (a *Agent) mark(faults []*standing) error {
	var now reading
	for _, s := range faults {
		pairs := wire.Pairs(*a.topology, *s.record.Link)
		same := s.before != nil && len(pairs) == len(s.pairs)
		for i := 0; same && i < len(pairs); i++ {
			same = pairs[i] == s.pairs[i]
		}
		if same && !s.touched(a.effects) {
			continue
		}
		if now == nil {
			var err error
			if now, err = a.read(); err != nil {
				return err
			}
		}
		s.pairs, s.before, s.stood = pairs, now, effectsOf(pairs, a.effects)
	}
	return nil
}

func effectsOf(pairs []wire.Pair, effects map[wire.Pair]wire.Effect) map[wire.Pair]wire.Effect {
	some := make(map[wire.Pair]wire.Effect, len(pairs))
	for _, pair := range pairs {
		some[pair] = effects[pair]
	}
	return some
}

// touched says that something else stands on the fault's pairs than when it was measured from.
func (s *standing) touched(effects map[wire.Pair]wire.Effect) bool {
	for pair, effect := range s.stood {
		if !effect.Equal(effects[pair]) {
			return true
		}
	}
	return false
}

// Close undoes everything in the kernel; the journal stays.
func (a *Agent) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	var err error
	if a.holder != nil {
		err = a.apply(nil) // lets go what it holds
	}
	if a.holder != nil {
		err = errors.Join(err, a.closeHolder())
	}
	if a.table != nil {
		err = errors.Join(err, a.table.Close())
	}
	return err
}
