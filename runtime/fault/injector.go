package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Wire is what an Injector needs of a lab's wire helper: a *wire.Client.
type Wire interface {
	Journal
	Inject(ctx context.Context, f wire.Fault) (wire.State, error)
	Heal(ctx context.Context, ids ...string) ([]wire.State, error)
	List(ctx context.Context) ([]wire.State, error)
}

// Journal is the lab's journal of faults, which the wire helper keeps.
type Journal interface {
	Put(ctx context.Context, r wire.Record) (wire.Record, error)
	Delete(ctx context.Context, id string) error
	Records(ctx context.Context) ([]wire.Record, error)
}

// Options are an Injector's surroundings.
type Options struct {
	Project string
	// Keep sees to it that a fault on nodes that has an end is healed then, whatever becomes of this process: it starts somebody who
	// calls HealOverdue. It is called once the fault is in the journal, before it is applied. Nil leaves it to whoever comes later.
	Keep func(ctx context.Context, expires time.Time) error
	// Moved is called after the life of nodes was changed: one that was started again may have another address. Nil means that nobody needs
	// to know.
	Moved func(ctx context.Context) error
	// Lock keeps those apart that change faults on the nodes of one project at the same time. Nil means that there is only one.
	Lock func(ctx context.Context) (release func(), err error)
}

// Injector breaks and mends one lab.
type Injector struct {
	engine  Engine
	wire    Wire
	options Options
}

// New returns an Injector.
func New(e Engine, w Wire, options Options) *Injector {
	return &Injector{engine: e, wire: w, options: options}
}

// Inject puts a fault on a lab: one for each target of a fault on links, else one for all targets together. When it returns, the fault
// stands. On an error nothing of it does.
func (i *Injector) Inject(ctx context.Context, spec Spec) ([]telemetry.Fault, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	kind, err := Lookup(spec.Kind)
	if err != nil {
		return nil, err
	}
	if spec.Random {
		if spec.Targets, err = i.choose(ctx, spec); err != nil {
			return nil, err
		}
	}
	if link, ok := kind.(LinkKind); ok {
		return i.injectLinks(ctx, link, spec)
	}
	fault, err := i.injectNodes(ctx, kind.(NodeKind), spec)
	if err != nil {
		return nil, err
	}
	return []telemetry.Fault{fault}, nil
}

// choose draws one node among those that are running.
func (i *Injector) choose(ctx context.Context, spec Spec) ([]string, error) {
	state, err := i.engine.State(ctx, i.options.Project)
	if err != nil {
		return nil, err
	}
	nodes, err := targets(state, spec.Targets)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(nodes, func(_ string, c engine.Container) bool { return !c.Running() })
	names := slices.Sorted(maps.Keys(nodes))
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no node runs that could be chosen", spec.Kind)
	}
	return []string{names[rand.New(rand.NewPCG(spec.Seed, 0)).IntN(len(names))]}, nil
}

func (i *Injector) injectLinks(ctx context.Context, kind LinkKind, spec Spec) ([]telemetry.Fault, error) {
	asked, err := kind.Faults(spec.Targets, spec.Params)
	if err != nil {
		return nil, err
	}
	var done []telemetry.Fault
	for _, f := range asked {
		f.For = spec.For
		state, err := i.wire.Inject(ctx, f)
		if err != nil {
			return nil, errors.Join(err, i.takeBack(ctx, done))
		}
		done = append(done, ofState(state))
	}
	return done, nil
}

// cleanupTime bounds what is undone after a failure, which may be that of the context.
const cleanupTime = 20 * time.Second

func (i *Injector) takeBack(ctx context.Context, faults []telemetry.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	ids := make([]string, len(faults))
	for n, f := range faults {
		ids[n] = f.ID
	}
	_, err := i.wire.Heal(ctx, ids...)
	return err
}

func (i *Injector) lock(ctx context.Context) (func(), error) {
	if i.options.Lock == nil {
		return func() {}, nil
	}
	return i.options.Lock(ctx)
}

func (i *Injector) injectNodes(ctx context.Context, kind NodeKind, spec Spec) (telemetry.Fault, error) {
	release, err := i.lock(ctx)
	if err != nil {
		return telemetry.Fault{}, err
	}
	defer release()
	state, err := i.engine.State(ctx, i.options.Project)
	if err != nil {
		return telemetry.Fault{}, err
	}
	chosen, err := targets(state, spec.Targets)
	if err != nil {
		return telemetry.Fault{}, err
	}
	records, err := i.wire.Records(ctx)
	if err != nil {
		return telemetry.Fault{}, err
	}
	u := undo{Params: spec.Params, Verified: wire.Unknown}
	names := slices.Sorted(maps.Keys(chosen))
	details := map[string]engine.Detail{}
	for _, name := range names {
		detail, err := i.engine.Detail(ctx, chosen[name].ID)
		if err != nil {
			return telemetry.Fault{}, fmt.Errorf("node %s: %w", name, err)
		}
		before, err := kind.Before(detail, spec.Params, standing(records, detail.ID, ""))
		if err != nil {
			return telemetry.Fault{}, fmt.Errorf("node %s: %w", name, err)
		}
		details[name] = detail
		u.Nodes = append(u.Nodes, undoNode{Name: name, ID: detail.ID, Before: before})
	}
	if spec.Kind == kindRestart && spec.For == 0 {
		spec.For = restartShown
	}
	record, err := i.wire.Put(ctx, wire.Record{Kind: spec.Kind, Target: strings.Join(spec.Targets, ","), Nodes: names,
		Detail: detailOf(kind.Help(), spec.Params), For: spec.For, Undo: u.encode()})
	if err != nil {
		return telemetry.Fault{}, fmt.Errorf("write the fault into the lab's journal: %w", err)
	}
	if record.Expires != nil && i.options.Keep != nil {
		if err := i.options.Keep(ctx, *record.Expires); err != nil {
			return telemetry.Fault{}, errors.Join(fmt.Errorf("leave somebody behind who heals it: %w", err), i.wire.Delete(ctx, record.ID))
		}
	}
	for n, name := range names {
		err := kind.Apply(ctx, i.engine, details[name], spec.Params, u.Nodes[n].Before, standing(records, details[name].ID, ""))
		if err != nil {
			return telemetry.Fault{}, errors.Join(fmt.Errorf("%s %s: %w", spec.Kind, name, err), i.undo(ctx, record))
		}
	}
	if err := i.moved(ctx, spec.Kind); err != nil {
		return telemetry.Fault{}, errors.Join(err, i.undo(ctx, record))
	}
	u.Verified = i.verify(ctx, kind, u)
	record.Undo = u.encode()
	if put, err := i.wire.Put(ctx, record); err == nil {
		record = put
	} // else the fault stands all the same, and its verdict stays unknown
	return ofRecord(record, u), nil
}

// undo takes back what could not be done as a whole.
func (i *Injector) undo(ctx context.Context, record wire.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	_, err := i.healNodes(ctx, record)
	return err
}

// moved tells that nodes may have other addresses now, where the kind is one after which they may.
func (i *Injector) moved(ctx context.Context, kind string) error {
	switch kind {
	case kindKill, kindStop, kindRestart:
	default:
		return nil
	}
	if i.options.Moved == nil {
		return nil
	}
	if err := i.options.Moved(ctx); err != nil {
		return fmt.Errorf("tell the wire where the nodes are now: %w", err)
	}
	return nil
}

// verify asks the engine whether the fault is in force on all of its nodes.
func (i *Injector) verify(ctx context.Context, kind NodeKind, u undo) wire.Verdict {
	verdict := wire.Yes
	for _, n := range u.Nodes {
		detail, err := i.engine.Detail(ctx, n.ID)
		if err != nil {
			return wire.Unknown
		}
		switch kind.Holds(detail, u.Params, n.Before) {
		case wire.No:
			return wire.No
		case wire.Unknown:
			verdict = wire.Unknown
		}
	}
	return verdict
}

// detailOf is a fault's strength in a few words.
func detailOf(help Help, p Params) string {
	var words []string
	for _, param := range help.Params {
		if v := p[param.Name]; v != "" {
			words = append(words, param.Name+" "+v)
		}
	}
	return strings.Join(words, ", ")
}

// List gives the faults that stand, oldest first, with whether they bite.
func (i *Injector) List(ctx context.Context) ([]telemetry.Fault, error) {
	records, err := i.wire.Records(ctx)
	if err != nil {
		return nil, err
	}
	states, err := i.wire.List(ctx)
	if err != nil {
		return nil, err
	}
	for n := range records {
		if kind, u, ok := onNodes(records[n]); ok {
			u.Verified = i.verify(ctx, kind, u)
			records[n].Undo = u.encode()
		}
	}
	return Standings(records, states), nil
}

func onNodes(r wire.Record) (NodeKind, undo, bool) {
	if r.Link != nil {
		return nil, undo{}, false
	}
	kind, err := Lookup(r.Kind)
	if err != nil {
		return nil, undo{}, false
	}
	node, ok := kind.(NodeKind)
	u, err := undoOf(r)
	return node, u, ok && err == nil
}

// Heal undoes the faults with these IDs, the youngest first, and gives what they were. Those that do not stand (any more) are skipped.
func (i *Injector) Heal(ctx context.Context, ids ...string) ([]telemetry.Fault, error) {
	return i.heal(ctx, func(r wire.Record) bool { return slices.Contains(ids, r.ID) })
}

// HealAll undoes every fault.
func (i *Injector) HealAll(ctx context.Context) ([]telemetry.Fault, error) {
	return i.heal(ctx, func(wire.Record) bool { return true })
}

// HealOverdue undoes the faults on nodes that should have ended by now (those on links end by themselves), and gives the time at which
// the next one is due; nil when none has an end.
func (i *Injector) HealOverdue(ctx context.Context) ([]telemetry.Fault, *time.Time, error) {
	healed, err := i.heal(ctx, func(r wire.Record) bool { return r.Overdue && r.Link == nil })
	if err != nil {
		return healed, nil, err
	}
	records, err := i.wire.Records(ctx)
	if err != nil {
		return healed, nil, err
	}
	var next *time.Time
	for _, r := range records {
		if r.Link == nil && r.Expires != nil && (next == nil || r.Expires.Before(*next)) {
			next = r.Expires
		}
	}
	return healed, next, nil
}

func (i *Injector) heal(ctx context.Context, meant func(wire.Record) bool) ([]telemetry.Fault, error) {
	records, err := i.wire.Records(ctx)
	if err != nil {
		return nil, err
	}
	records = slices.DeleteFunc(records, func(r wire.Record) bool { return !meant(r) })
	var healed []telemetry.Fault
	var errs []error
	var links []string
	for _, r := range slices.Backward(records) {
		if r.Link != nil {
			links = append(links, r.ID)
			continue
		}
		release, err := i.lock(ctx)
		if err != nil {
			errs = append(errs, err)
			break
		}
		fault, err := i.healNodes(ctx, r)
		release()
		if err != nil {
			errs = append(errs, fmt.Errorf("heal %s (%s %s): %w", r.ID, r.Kind, r.Target, err))
			continue
		}
		healed = append(healed, fault)
	}
	if len(links) > 0 {
		states, err := i.wire.Heal(ctx, links...)
		if err != nil {
			errs = append(errs, err)
		}
		for _, s := range states {
			healed = append(healed, ofState(s))
		}
	}
	return healed, errors.Join(errs...)
}

// healNodes undoes a record on nodes, and then takes it out of the journal. The journal is read again, since others may have changed it
// before the lock was taken.
func (i *Injector) healNodes(ctx context.Context, r wire.Record) (telemetry.Fault, error) {
	kind, u, ok := onNodes(r)
	if !ok {
		return telemetry.Fault{}, hint.Wrap(fmt.Errorf("it was injected by another ddsctl, and this one does not know how to undo it"),
			"`ddsctl lab up --force-recreate` gives the nodes back what they were")
	}
	records, err := i.wire.Records(ctx)
	if err != nil {
		return telemetry.Fault{}, err
	}
	var errs []error
	for _, n := range u.Nodes {
		detail, err := i.engine.Detail(ctx, n.ID)
		if errors.Is(err, engine.ErrNotFound) {
			continue // the container is gone, and what was done to it
		}
		if err == nil {
			err = kind.Undo(ctx, i.engine, detail, u.Params, n.Before, standing(records, n.ID, r.ID))
		}
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			errs = append(errs, fmt.Errorf("node %s: %w", n.Name, err))
		}
	}
	if len(errs) > 0 {
		return telemetry.Fault{}, errors.Join(errs...)
	}
	if err := i.moved(ctx, r.Kind); err != nil {
		return telemetry.Fault{}, err
	}
	return ofRecord(r, u), i.wire.Delete(ctx, r.ID)
}
