// Package configmanager carries a key of etcd into a file beside an application, and tells the application. It is the sidecar that lets an
// application that knows only files have a configuration that is changed in one place.
//
//	m := configmanager.New(client, configmanager.Options{Key: "app/config", File: "/data/app.conf", Tell: configmanager.Signal(1, syscall.SIGHUP)})
//	err := m.Run(ctx)
//
// README.md is its interface.
package configmanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Teller tells an application that its file has changed.
type Teller func(ctx context.Context) error

// Store is what is needed of etcd.
type Store interface {
	Get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error)
	Watch(ctx context.Context, key string, options ...clientv3.OpOption) clientv3.WatchChan
}

// Options say what is carried where.
type Options struct {
	// Key is read in etcd, and its value written to File. A key that is removed leaves the file as it is: an application without a
	// configuration would be worse than one with the last.
	Key, File string
	// Missing is called when the Manager begins and there is no such key; nil is nobody. See Create.
	Missing func(ctx context.Context) error
	// Tell tells the application; nil is nobody.
	Tell Teller
	// Again is how long is waited before etcd is asked, or the application told, once more after a failure; 0 is half a second.
	Again time.Duration
	// Check is how often the file is compared with the key although nothing was heard, so that what was changed by hand or missed is set
	// right; 0 is five seconds.
	Check time.Duration
	// Wrote is called after each change of the file, once the application was told; nil is nobody.
	Wrote func(revision int64)
	Log   *slog.Logger // nil discards
}

// Manager carries one key.
type Manager struct {
	store   Store
	options Options
	carried int64 // the revision that the file has
	begun   bool  // the key has been looked for
}

// asking bounds one question to etcd.
const asking = 5 * time.Second

// New returns a Manager.
func New(store Store, options Options) *Manager {
	if options.Again <= 0 {
		options.Again = 500 * time.Millisecond
	}
	if options.Check <= 0 {
		options.Check = 5 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Tell == nil {
		options.Tell = func(context.Context) error { return nil }
	}
	return &Manager{store: store, options: options}
}

// Run carries the key until ctx ends, which is no error. While etcd cannot be reached the file stays as it is.
func (m *Manager) Run(ctx context.Context) error {
	for {
		err := m.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		m.options.Log.Warn("etcd cannot be followed; the file stays as it is", "error", err)
		if wait(ctx, m.options.Again) != nil {
			return nil
		}
	}
}

// follow reads the key, and then each of its changes. It returns when it cannot go on.
func (m *Manager) follow(ctx context.Context) error {
	m.carried = 0 // a store that was begun anew counts from the start
	revision, err := m.read(ctx)
	if err != nil {
		return err
	}
	again := time.NewTicker(m.options.Check)
	defer again.Stop()
	watching, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	changes := m.store.Watch(watching, m.options.Key, clientv3.WithRev(revision+1))
	for {
		select {
		case answer, open := <-changes:
			if !open {
				return errors.New("the watch has ended")
			}
			if err := answer.Err(); err != nil {
				return fmt.Errorf("watch %s: %w", m.options.Key, err)
			}
			if err := m.change(ctx, answer.Events); err != nil {
				return err
			}
		case <-again.C:
			if _, err := m.read(ctx); err != nil {
				return err
			}
		}
	}
}

// read carries what the key is now, and returns the store's revision.
func (m *Manager) read(ctx context.Context) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	got, err := m.store.Get(ctx, m.options.Key)
	if err != nil {
		return 0, fmt.Errorf("get %s: %w", m.options.Key, err)
	}
	switch {
	case len(got.Kvs) > 0:
		err = m.carry(ctx, got.Kvs[0].Value, got.Kvs[0].ModRevision)
	case !m.begun && m.options.Missing != nil:
		err = m.options.Missing(ctx) // the watch, from this revision on, sees what it makes
	}
	m.begun = m.begun || err == nil
	return got.Header.Revision, err
}

// Create sets a key that is not there. One that somebody else has set meanwhile stays.
func Create(store clientv3.KV, key, value string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := store.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).Then(clientv3.OpPut(key, value)).Commit()
		if err != nil {
			return fmt.Errorf("create %s: %w", key, err)
		}
		return nil
	}
}

func (m *Manager) change(ctx context.Context, events []*clientv3.Event) error {
	for _, event := range events {
		if event.Type != clientv3.EventTypePut {
			m.options.Log.Warn("the key was removed; the file stays as it is", "key", m.options.Key)
			continue
		}
		if err := m.carry(ctx, event.Kv.Value, event.Kv.ModRevision); err != nil {
			return err
		}
	}
	return nil
}

// carry writes a value, if the file has another, and tells the application until it has heard it.
func (m *Manager) carry(ctx context.Context, value []byte, revision int64) error {
	if revision < m.carried {
		return nil // the watch tells late what was read already
	}
	m.carried = revision
	old, err := os.ReadFile(m.options.File)
	if err == nil && bytes.Equal(old, value) {
		return nil
	}
	if err := write(m.options.File, value); err != nil {
		return err
	}
	m.options.Log.Info("configuration written", "file", m.options.File, "revision", revision, "bytes", len(value))
	const most = 5
	for try := 1; ; try++ {
		err := m.options.Tell(ctx)
		if err == nil {
			break
		}
		m.options.Log.Warn("the application cannot be told", "try", try, "error", err)
		if try == most { // it reads the file when it starts
			break
		}
		if err := wait(ctx, m.options.Again); err != nil {
			return err
		}
	}
	if m.options.Wrote != nil {
		m.options.Wrote(revision)
	}
	return nil
}

// write replaces a file at once: whoever reads it sees the old one or the new one, and never a part.
func write(name string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
