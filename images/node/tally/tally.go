// Package tally is a service of which several replicas count the same things, in etcd. Each addition is read, add, write; how a replica writes is
// what it is there to show: blindly, or only if nobody has written since it read.
//
//	t := tally.New(client, tally.Options{Update: tally.Compare})
//	err := t.Serve(ctx, listener)
//
// README.md is its API.
package tally

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Update is how a replica writes what it has computed.
type Update string

// The ways to write.
const (
	Blind   Update = "blind"   // whatever is there by now
	Compare Update = "compare" // only over the version that was read; else all over again
)

// Updates are all of them.
func Updates() []Update { return []Update{Blind, Compare} }

// Options say how a replica works.
type Options struct {
	// Name is the replica's.
	Name string
	// Update is how it writes; "" is Blind.
	Update Update
	// Prefix stands before each name in etcd; "" is "tally/".
	Prefix string
}

// Store is what is needed of etcd.
type Store interface {
	Get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error)
	Put(ctx context.Context, key, value string, options ...clientv3.OpOption) (*clientv3.PutResponse, error)
	Txn(ctx context.Context) clientv3.Txn
}

// Tally is one replica.
type Tally struct {
	store   Store
	options Options

	added, conflicts, refused atomic.Int64
}

// New returns a replica.
func New(store Store, options Options) *Tally {
	if options.Update == "" {
		options.Update = Blind
	}
	if options.Prefix == "" {
		options.Prefix = "tally/"
	}
	return &Tally{store: store, options: options}
}

// Value is a number, and its version: etcd's revision of the last write. Version 0 is one that was never written.
type Value struct {
	Number  int64 `json:"value"`
	Version int64 `json:"version"`
}

// Errors of this package.
var (
	// ErrNone says that there is no such number.
	ErrNone = errors.New("there is no such number")
	// ErrConflict says that somebody has written since the version that was given.
	ErrConflict = errors.New("somebody has written meanwhile")
)

// Read reads a number.
func (t *Tally) Read(ctx context.Context, name string) (Value, error) {
	got, err := t.store.Get(ctx, t.options.Prefix+name)
	if err != nil {
		return Value{}, fmt.Errorf("read %s: %w", name, err)
	}
	if len(got.Kvs) == 0 {
		return Value{}, ErrNone
	}
	n, err := strconv.ParseInt(string(got.Kvs[0].Value), 10, 64)
	if err != nil {
		return Value{}, fmt.Errorf("read %s: %w", name, err)
	}
	return Value{n, got.Kvs[0].ModRevision}, nil
}

// Write sets a number, whatever it was.
func (t *Tally) Write(ctx context.Context, name string, n int64) (Value, error) {
	done, err := t.store.Put(ctx, t.options.Prefix+name, strconv.FormatInt(n, 10))
	if err != nil {
		return Value{}, fmt.Errorf("write %s: %w", name, err)
	}
	return Value{n, done.Header.Revision}, nil
}

// WriteOver sets a number if its version is still this one, 0 for one that is not there; else it is ErrConflict.
func (t *Tally) WriteOver(ctx context.Context, name string, version, n int64) (Value, error) {
	v, err := t.over(ctx, name, version, n)
	if errors.Is(err, ErrConflict) {
		t.refused.Add(1)
	}
	return v, err
}

func (t *Tally) over(ctx context.Context, name string, version, n int64) (Value, error) {
	key := t.options.Prefix + name
	done, err := t.store.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", version)).Then(clientv3.OpPut(key, strconv.FormatInt(n, 10))).Commit()
	switch {
	case err != nil:
		return Value{}, fmt.Errorf("write %s: %w", name, err)
	case !done.Succeeded:
		return Value{}, fmt.Errorf("write %s over version %d: %w", name, version, ErrConflict)
	}
	return Value{n, done.Header.Revision}, nil
}

// Add adds to a number, in the replica's way, and says how often it had to try.
func (t *Tally) Add(ctx context.Context, name string, by int64) (v Value, tries int, err error) {
	for {
		tries++
		is, err := t.Read(ctx, name)
		if err != nil && !errors.Is(err, ErrNone) {
			return Value{}, tries, errors.Join(errNothing, err)
		}
		if t.options.Update == Blind {
			v, err = t.Write(ctx, name, is.Number+by)
		} else {
			v, err = t.over(ctx, name, is.Version, is.Number+by)
		}
		switch {
		case err == nil:
			t.added.Add(1)
			return v, tries, nil
		case !errors.Is(err, ErrConflict):
			return Value{}, tries, err
		case ctx.Err() != nil:
			return Value{}, tries, errors.Join(errNothing, ctx.Err())
		}
		t.conflicts.Add(1)
	}
}

// errNothing marks an error after which it is certain that nothing was added.
var errNothing = errors.New("nothing was added")

// Figures are what a replica has done.
type Figures struct {
	Update    Update `json:"update"`    // how it writes
	Added     int64  `json:"added"`     // additions that were acknowledged
	Conflicts int64  `json:"conflicts"` // tries that found that somebody had written meanwhile
	Refused   int64  `json:"refused"`   // writes over a version that was not there any more
}

// Figures are what it has done until now.
func (t *Tally) Figures() Figures {
	return Figures{t.options.Update, t.added.Load(), t.conflicts.Load(), t.refused.Load()}
}
