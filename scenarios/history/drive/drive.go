// Package drive lets clients use a system at the same time and records what they asked and were told, for scenarios/history to check.
//
//	recorder := history.NewRecorder(file, nil)
//	err := drive.Run(ctx, drive.Spec{Model: history.Register, Targets: []string{"etcd://etcd-1:2379", "etcd://etcd-2:2379"}}, recorder)
//
// Each client speaks to one target, by turns, keeps one operation under way, and never repeats one by itself: a retry would hide
// exactly what a history is there to show.
package drive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// Spec says which history to record.
type Spec struct {
	// Name tells histories of one run apart. Default: the model.
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// Model is what the system claims to be: register, lock, queue, counter or set.
	Model history.Model `json:"model" yaml:"model" jsonschema:"required,enum=register,enum=lock,enum=queue,enum=counter,enum=set"`
	// Targets are the addresses, as URLs, that clients speak to, by turns. Schemes: redis, etcd, and http for registers and counters.
	Targets workload.Targets `json:"target" yaml:"target" jsonschema:"required"`
	// Clients is how many there are. Default: 5.
	Clients int `json:"clients,omitempty" yaml:"clients,omitempty" jsonschema:"minimum=1,maximum=100"`
	// Keys is how many registers, locks, queues, counters or sets they share. Default: 3. Short histories of many keys are searched
	// faster than long ones of few.
	Keys int `json:"keys,omitempty" yaml:"keys,omitempty" jsonschema:"minimum=1,maximum=10000"`
	// Prefix stands before each key's number; in a scenario the run's time stands between them. Default: "history:NAME:".
	Prefix string `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	// Rate is in operations per second, of all clients together. Default: 50.
	Rate float64 `json:"rate,omitempty" yaml:"rate,omitempty" jsonschema:"minimum=0.1,maximum=10000"`
	// Timeout bounds one operation; what has no answer by then has an unknown outcome. Default: 1s.
	Timeout workload.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// TTL is how long a lock is held at most without a sign of life, for systems that have it. Default: 3s.
	TTL workload.Duration `json:"ttl,omitempty" yaml:"ttl,omitempty"`
	// Hold is how long a client keeps a lock before it gives it back. Default: 100ms.
	Hold workload.Duration `json:"hold,omitempty" yaml:"hold,omitempty"`
	// Serializable lets reads of etcd be answered by the member that is asked, out of what it has, without asking the others.
	Serializable bool `json:"serializable,omitempty" yaml:"serializable,omitempty"`
	// Unguarded adds to counters of redis and etcd by a read and a write, with nothing that keeps others out in between.
	Unguarded bool `json:"unguarded,omitempty" yaml:"unguarded,omitempty"`
	// Duration ends the recording; 0 records until the run ends.
	Duration workload.Duration `json:"duration,omitempty" yaml:"duration,omitempty"`
	// Seed fixes what is asked, in which order. Default: 1.
	Seed uint64 `json:"seed,omitempty" yaml:"seed,omitempty"`
}

// WithDefaults fills in what is not said.
func (s Spec) WithDefaults() Spec {
	def := func(to *workload.Duration, d time.Duration) {
		if *to == 0 {
			*to = workload.Duration(d)
		}
	}
	if s.Name == "" {
		s.Name = string(s.Model)
	}
	if s.Clients == 0 {
		s.Clients = 5
	}
	if s.Keys == 0 {
		s.Keys = 3
	}
	if s.Prefix == "" {
		s.Prefix = "history:" + s.Name + ":"
	}
	if s.Rate == 0 {
		s.Rate = 50
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	def(&s.Timeout, time.Second)
	def(&s.TTL, 3*time.Second)
	def(&s.Hold, 100*time.Millisecond)
	return s
}

// Validate says what is wrong with the Spec.
func (s Spec) Validate() error {
	if !slices.Contains(history.Models(), s.Model) {
		return fmt.Errorf("history: unknown model %q: there are %v", s.Model, history.Models())
	}
	if len(s.Targets) == 0 {
		return errors.New("history: no target")
	}
	for _, text := range s.Targets {
		target, err := workload.ParseTarget(text)
		if err != nil {
			return fmt.Errorf("history: target %w", err)
		}
		switch {
		case target.Protocol == workload.HTTP && !target.TLS:
			if s.Model != history.Register && s.Model != history.Counter {
				return fmt.Errorf("history: over HTTP there are registers and counters, and no %s", s.Model)
			}
		case target.Protocol != workload.Redis && target.Protocol != workload.Etcd:
			return hint.Wrap(fmt.Errorf("history: no history can be recorded over %s", target.Protocol), "use redis://HOST:PORT, etcd://HOST:PORT or http://HOST:PORT/PATH/")
		}
	}
	if s.Clients < 0 || s.Keys < 0 || s.Rate < 0 {
		return errors.New("history: clients, keys and rate are above 0")
	}
	return nil
}

// errEmpty says that a queue had nothing, or that a lock is held by somebody: the operation surely did not happen.
var errEmpty = fmt.Errorf("%w: nothing there", history.ErrRefused)

// store is a connection of one client to one target. Its errors are history.ErrRefused where it is certain that nothing happened.
type store interface {
	read(ctx context.Context, key string) (*string, error)
	write(ctx context.Context, key, value string) error
	cas(ctx context.Context, key string, expected *string, value string) error
	// acquire takes a lock without waiting, and gives its token; errEmpty when somebody holds it.
	acquire(ctx context.Context, key string, ttl time.Duration) (token int64, err error)
	release(ctx context.Context, key string) error
	enqueue(ctx context.Context, key, value string) error
	dequeue(ctx context.Context, key string) (string, error)
	add(ctx context.Context, key string, delta int64) error
	sum(ctx context.Context, key string) (int64, error)
	insert(ctx context.Context, key, item string) error
	items(ctx context.Context, key string) ([]string, error)
	close()
}

func open(target workload.Target, client int, spec Spec) (store, error) {
	switch target.Protocol {
	case workload.Redis:
		s := openRedis(target, client, spec.Timeout.Std())
		s.unguarded = spec.Unguarded
		return s, nil
	case workload.Etcd:
		s, err := openEtcd(target, client, spec.Timeout.Std())
		if err == nil {
			s.unguarded, s.serializable = spec.Unguarded, spec.Serializable
		}
		return s, err
	case workload.HTTP:
		return openHTTP(target), nil
	default:
		return nil, fmt.Errorf("no history can be recorded over %s", target.Protocol)
	}
}

// quiet is how long the last reads of counters, sets and queues are tried at most: a system that was broken needs a while.
const quiet = 10 * time.Second

// Run records until the Spec's duration is over or ctx ends, then reads what counters and sets hold and empties queues, so that what is
// lost shows. It returns an error only where no history could be recorded.
func Run(ctx context.Context, spec Spec, recorder *history.Recorder) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	spec = spec.WithDefaults()
	stores := make([]store, spec.Clients)
	for i := range stores {
		target, err := workload.ParseTarget(spec.Targets[i%len(spec.Targets)])
		if err != nil {
			return err
		}
		if stores[i], err = open(target, i, spec); err != nil {
			return fmt.Errorf("history: connect to %s: %w", target.Redacted(), err)
		}
		defer stores[i].close()
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	if spec.Duration > 0 {
		var cancel context.CancelFunc
		working, cancel = context.WithTimeout(working, spec.Duration.Std())
		defer cancel()
	}
	var clients sync.WaitGroup
	for i, s := range stores {
		c := &client{spec: spec, number: i, node: spec.Targets[i%len(spec.Targets)], store: s, recorder: recorder,
			draw: rand.New(rand.NewPCG(spec.Seed, uint64(i)))}
		clients.Go(func() { c.run(working) })
	}
	clients.Wait()
	last := &client{spec: spec, number: spec.Clients, node: spec.Targets[0], store: stores[0], recorder: recorder}
	last.drain(context.WithoutCancel(ctx))
	return recorder.Err()
}

// client is one who asks.
type client struct {
	spec     Spec
	number   int
	node     string
	store    store
	recorder *history.Recorder
	draw     *rand.Rand
	serial   int
}

func (c *client) run(ctx context.Context) {
	pause := time.Duration(float64(c.spec.Clients) / c.spec.Rate * float64(time.Second))
	tick := time.NewTicker(max(pause, 100*time.Microsecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.one(ctx, c.spec.Prefix+strconv.Itoa(c.draw.IntN(c.spec.Keys)))
		}
	}
}

// unique is a value that no other operation writes, so that what is read tells who wrote it.
func (c *client) unique() string {
	c.serial++
	return fmt.Sprintf("%d.%d", c.number, c.serial)
}

// do records one operation. An operation under way is not broken off when the recording ends: it has its timeout.
func (c *client) do(ctx context.Context, asked history.Operation, f func(context.Context, *history.Operation) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.spec.Timeout.Std())
	defer cancel()
	end := c.recorder.Invoke(c.number, c.node, asked)
	var got history.Operation
	err := f(ctx, &got)
	end(history.OutcomeOf(err), got, err)
	return err
}

func (c *client) one(ctx context.Context, key string) {
	switch c.spec.Model {
	case history.Register:
		c.register(ctx, key)
	case history.Lock:
		c.lock(ctx, key)
	case history.Queue:
		if c.draw.IntN(2) == 0 {
			v := c.unique()
			_ = c.do(ctx, history.Operation{Function: history.Enqueue, Key: key, Value: &v}, func(ctx context.Context, _ *history.Operation) error {
				return c.store.enqueue(ctx, key, v)
			})
			return
		}
		_ = c.dequeue(ctx, key)
	case history.Counter:
		if c.draw.IntN(5) == 0 {
			_ = c.sum(ctx, key)
			return
		}
		_ = c.do(ctx, history.Operation{Function: history.Add, Key: key, Value: history.Of("1")}, func(ctx context.Context, _ *history.Operation) error {
			return c.store.add(ctx, key, 1)
		})
	case history.Set:
		v := c.unique()
		_ = c.do(ctx, history.Operation{Function: history.Add, Key: key, Value: &v}, func(ctx context.Context, _ *history.Operation) error {
			return c.store.insert(ctx, key, v)
		})
	}
}

func (c *client) register(ctx context.Context, key string) {
	switch c.draw.IntN(5) {
	case 0, 1:
		v := c.unique()
		_ = c.do(ctx, history.Operation{Function: history.Write, Key: key, Value: &v}, func(ctx context.Context, _ *history.Operation) error {
			return c.store.write(ctx, key, v)
		})
	case 2:
		var expected *string
		err := c.do(ctx, history.Operation{Function: history.Read, Key: key}, func(ctx context.Context, got *history.Operation) (err error) {
			got.Value, err = c.store.read(ctx, key)
			expected = got.Value
			return err
		})
		if err != nil {
			return
		}
		v := c.unique()
		_ = c.do(ctx, history.Operation{Function: history.CAS, Key: key, Expected: expected, Value: &v}, func(ctx context.Context, _ *history.Operation) error {
			return c.store.cas(ctx, key, expected, v)
		})
	default:
		_ = c.do(ctx, history.Operation{Function: history.Read, Key: key}, func(ctx context.Context, got *history.Operation) (err error) {
			got.Value, err = c.store.read(ctx, key)
			return err
		})
	}
}

func (c *client) lock(ctx context.Context, key string) {
	err := c.do(ctx, history.Operation{Function: history.Acquire, Key: key}, func(ctx context.Context, got *history.Operation) (err error) {
		got.Token, err = c.store.acquire(ctx, key, c.spec.TTL.Std())
		return err
	})
	if err != nil {
		return
	}
	hold := time.NewTimer(c.spec.Hold.Std())
	defer hold.Stop()
	select {
	case <-hold.C:
	case <-ctx.Done():
	}
	_ = c.do(ctx, history.Operation{Function: history.Release, Key: key}, func(ctx context.Context, _ *history.Operation) error {
		return c.store.release(ctx, key)
	})
}

func (c *client) dequeue(ctx context.Context, key string) error {
	return c.do(ctx, history.Operation{Function: history.Dequeue, Key: key}, func(ctx context.Context, got *history.Operation) error {
		v, err := c.store.dequeue(ctx, key)
		if err == nil {
			got.Value = &v
		}
		return err
	})
}

func (c *client) sum(ctx context.Context, key string) error {
	return c.do(ctx, history.Operation{Function: history.Read, Key: key}, func(ctx context.Context, got *history.Operation) error {
		n, err := c.store.sum(ctx, key)
		if err == nil {
			got.Value = history.Of(strconv.FormatInt(n, 10))
		}
		return err
	})
}

// drain reads what is there at the end.
func (c *client) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	for i := range c.spec.Keys {
		key := c.spec.Prefix + strconv.Itoa(i)
		switch c.spec.Model {
		case history.Queue:
			c.insist(ctx, func() error {
				for {
					if err := c.dequeue(ctx, key); err != nil {
						if errors.Is(err, errEmpty) {
							return nil
						}
						return err
					}
				}
			})
		case history.Counter:
			c.insist(ctx, func() error { return c.sum(ctx, key) })
		case history.Set:
			c.insist(ctx, func() error {
				return c.do(ctx, history.Operation{Function: history.Read, Key: key}, func(ctx context.Context, got *history.Operation) (err error) {
					got.Items, err = c.store.items(ctx, key)
					return err
				})
			})
		}
	}
}

// insist repeats until it works or the quiet time is over.
func (c *client) insist(ctx context.Context, f func() error) {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for f() != nil {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// refused marks an answer that begins with one of these words as a sure no.
func refused(err error, words ...string) error {
	for _, word := range words {
		if strings.HasPrefix(err.Error(), word) {
			return fmt.Errorf("%w: %w", history.ErrRefused, err)
		}
	}
	return err
}
