// Package contender is one of several who want to own something that only one may own: it contends for a lock in etcd that runs out unless it is
// renewed, and while it owns the lock it uses a resource, again and again.
//
//	c := contender.New(contender.Options{Name: "contender-1", Lock: "locks/vault", TTL: 3 * time.Second, Use: contender.HTTP("http://vault:8080")})
//	err := c.Run(ctx)
//
// The lock is the key LOCK/owner, made only where there is none, under a lease; the revision at which it was made is the owner's fencing token.
// README.md is its interface.
package contender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Options say what is contended for, and how.
type Options struct {
	// Name tells contenders apart.
	Name string
	// Endpoints are etcd's addresses.
	Endpoints []string
	// Lock is the prefix of the lock's keys.
	Lock string
	// TTL is how long the lock is kept without a renewal, in whole seconds; etcd rounds what is too short up.
	TTL time.Duration
	// Renew is how often the owner renews; 0 is a third of TTL.
	Renew time.Duration
	// GiveUp is how long the owner believes that it owns the lock without a renewal that was answered; 0 is for ever, until it is told.
	GiveUp time.Duration
	// Every is how often the owner uses the resource; 0 is a tenth of a second.
	Every time.Duration
	// Use uses the resource as the owner with that token. ErrFenced says that the resource knows a newer one.
	Use func(ctx context.Context, owner string, token int64) error
	Log *slog.Logger // nil discards
}

// ErrFenced says that a resource refused an owner, since it has seen a newer one.
var ErrFenced = errors.New("a newer owner was there")

// Figures are what a contender has done.
type Figures struct {
	Name  string `json:"name"`
	Holds bool   `json:"holds"` // it believes that it owns the lock
	// Token is that of the lock that it owns, or owned last.
	Token    int64 `json:"token"`
	Won      int   `json:"won"`  // locks
	Lost     int   `json:"lost"` // locks, other than by giving them back
	Uses     int   `json:"uses"`
	Refused  int   `json:"refused"` // uses, by the resource
	Failed   int   `json:"failed"`  // uses, for another reason
	Renewals int   `json:"renewals"`
}

// Contender contends. Run it once.
type Contender struct {
	options Options

	mu      sync.Mutex
	figures Figures
}

// Times that bound single steps.
const (
	defaultEvery = 100 * time.Millisecond
	askMost      = 2 * time.Second // one question to etcd
	useMost      = time.Second     // one use of the resource
	renewMost    = time.Second     // one renewal; after that it is tried over a new connection
	again        = 300 * time.Millisecond
	handOver     = 20 * time.Second // how long others hold back for the one who was named
)

// New returns a Contender.
func New(options Options) *Contender {
	if options.Renew <= 0 {
		options.Renew = options.TTL / 3
	}
	if options.Every <= 0 {
		options.Every = defaultEvery
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Contender{options: options, figures: Figures{Name: options.Name}}
}

// Figures are what it has done until now.
func (c *Contender) Figures() Figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.figures
}

func (c *Contender) count(f func(*Figures)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.figures)
}

// Run contends until ctx ends, then gives back what it owns.
func (c *Contender) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		// A connection of its own each time: one that was cut off is slow to notice that it is whole again.
		err := c.life(ctx)
		if err != nil && ctx.Err() == nil {
			c.options.Log.Warn("contends anew", "error", err)
			_ = wait(ctx, again)
		}
	}
	return nil
}

// life is one connection to etcd: waiting for the lock, and owning it once.
func (c *Contender) life(ctx context.Context) error {
	client, err := dial(c.options.Endpoints)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	// Whoever watches is told of every change below the lock, and looks again at least once a TTL.
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := client.Watch(watching, c.options.Lock+"/", clientv3.WithPrefix())
	for {
		held, err := c.acquire(ctx, client)
		if err != nil {
			return err
		}
		if held != nil {
			c.own(ctx, client, *held, changes)
			return nil
		}
		look := time.NewTimer(c.options.TTL)
		select {
		case <-ctx.Done():
			look.Stop()
			return nil
		case _, open := <-changes:
			if !open {
				look.Stop()
				return errors.New("the watch of the lock has ended")
			}
		case <-look.C:
		}
		look.Stop()
	}
}

// lease is a lock that is owned.
type lease struct {
	id    clientv3.LeaseID
	token int64
	asked time.Time // when it was asked for: it runs from no earlier than that
}

// acquire takes the lock where it is free and nobody else was named to be next; nil where it could not.
func (c *Contender) acquire(ctx context.Context, client *clientv3.Client) (*lease, error) {
	ctx, cancel := context.WithTimeout(ctx, askMost)
	defer cancel()
	owner, next := c.options.Lock+"/owner", c.options.Lock+"/next"
	look, err := client.Txn(ctx).Then(clientv3.OpGet(owner), clientv3.OpGet(next)).Commit()
	if err != nil {
		return nil, fmt.Errorf("look at the lock: %w", err)
	}
	taken, named := look.Responses[0].GetResponseRange().Kvs, look.Responses[1].GetResponseRange().Kvs
	if len(taken) > 0 || len(named) > 0 && string(named[0].Value) != c.options.Name {
		return nil, nil //nolint:nilnil // it is somebody else's
	}
	asked := time.Now()
	granted, err := client.Grant(ctx, int64(c.options.TTL.Seconds()))
	if err != nil {
		return nil, fmt.Errorf("ask for a lease: %w", err)
	}
	// Whoever was named is taken off in the same step: a moment later it might be somebody else.
	free := []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(owner), "=", 0), clientv3.Compare(clientv3.ModRevision(next), "=", 0)}
	take := []clientv3.Op{clientv3.OpPut(owner, c.options.Name, clientv3.WithLease(granted.ID))}
	if len(named) > 0 {
		free[1] = clientv3.Compare(clientv3.ModRevision(next), "=", named[0].ModRevision)
		take = append(take, clientv3.OpDelete(next))
	}
	won, err := client.Txn(ctx).If(free...).Then(take...).Commit()
	if err != nil {
		return nil, fmt.Errorf("take the lock: %w", err)
	}
	if !won.Succeeded {
		_, err := client.Revoke(ctx, granted.ID)
		return nil, err
	}
	return &lease{id: granted.ID, token: won.Header.Revision, asked: asked}, nil
}

// Take names a contender that is to own the lock next, waits until it does, and gives its token.
func Take(ctx context.Context, endpoints []string, lock, name string) (token int64, err error) {
	client, err := dial(endpoints)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := client.Watch(watching, lock+"/", clientv3.WithPrefix())
	if token, err = ownedBy(ctx, client, lock, name); err != nil || token > 0 {
		return token, err
	}
	granted, err := client.Grant(ctx, int64(handOver.Seconds()))
	if err != nil {
		return 0, fmt.Errorf("name the next owner: %w", err)
	}
	if _, err = client.Put(ctx, lock+"/next", name, clientv3.WithLease(granted.ID)); err != nil {
		return 0, fmt.Errorf("name the next owner: %w", err)
	}
	look := time.NewTicker(again)
	defer look.Stop()
	for {
		select {
		case <-changes:
		case <-look.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%s does not take the lock: %w", name, context.Cause(ctx))
		}
		if token, err = ownedBy(ctx, client, lock, name); err != nil || token > 0 {
			return token, err
		}
	}
}

// ownedBy is the token of the lock's owner where that is name, else 0.
func ownedBy(ctx context.Context, client *clientv3.Client, lock, name string) (int64, error) {
	got, err := client.Get(ctx, lock+"/owner")
	if err != nil {
		return 0, fmt.Errorf("look at the lock: %w", err)
	}
	if len(got.Kvs) == 0 || string(got.Kvs[0].Value) != name {
		return 0, nil
	}
	return got.Kvs[0].CreateRevision, nil
}

func dial(endpoints []string) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: askMost, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd: %w", err)
	}
	return client, nil
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
